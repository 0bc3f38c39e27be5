"""The climb: where it stops, what it skips, what it does not do twice. Models and verdicts are made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edge_effnet.errors import ConversionError, GateError
from edge_effnet.progress import Silent
from edge_effnet.tune import RUNG_NAMES, Situation, ladder
from edge_effnet.tune.folder import RunFolder
from edge_effnet.tune.judge import Verdict
from edge_effnet.tune.ladder import Climbed, Ladder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_effnet.tune import Rung, TuneRequest

DROPS = {
    "minmax": 9.0, "ptq-ranges": 3.0, "bias": 2.0, "equalise": 1.0, "ptq": 0.4, "mixed": 0.2, "qat": 0.0,
    "hard-swish": 0.5, "relu6": 2.0,
}  # fmt: skip


class _Workshop:
    """Writes the name of the rung where its model should be."""

    situation = Situation(has_swish=True, is_variant=True, allow_mixed=False, has_folder=True)

    def __init__(self, failing: dict[str, Exception] | None = None) -> None:
        self.made: list[str] = []
        self.failing = failing or {}

    def make(self, rung: Rung, path: Path) -> dict[str, Any]:
        self.made.append(rung.name)
        if rung.name in self.failing:
            raise self.failing[rung.name]
        path.write_text(rung.name)
        return {"told": rung.name}


@pytest.fixture
def climb(
    request_of: Callable[..., TuneRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Climbed]:
    """Climb with made-up models; a second call goes on where the first ended."""

    def verdict(path: Path, *_: Any) -> Verdict:
        drop = DROPS[path.read_text()]
        return Verdict(drop, (drop - 1, drop + 1), 99.0, 15.0, 80.0 - drop, 80.0, 100)

    monkeypatch.setattr(ladder, "judge", verdict)

    def run(workshop: _Workshop, inputs: str = "inputs", **options: Any) -> Climbed:
        request = request_of(**{"until": None, **options})
        folder = RunFolder(tmp_path / "m.tune")
        folder.path.mkdir(exist_ok=True)
        unused: Any = None
        made: Any = workshop
        return Ladder(request, made, folder, unused, unused, inputs, Silent()).climb()

    return run


def _names(found: Climbed) -> list[str]:
    return [rung.name for rung in found.rungs]


@pytest.mark.parametrize(
    ("budget", "last"), [(9.0, "minmax"), (2.5, "bias"), (0.4, "ptq"), (0.3, "qat"), (0.0, "qat")]
)
def test_it_stops_at_the_first_rung_within_the_budget(
    climb: Callable[..., Climbed], budget: float, last: str
) -> None:
    """Everything before it is tried, nothing after it; and every other rung is listed with its reason."""
    workshop = _Workshop()
    found = climb(workshop, max_drop=budget)
    wanted = [name for name in RUNG_NAMES[: RUNG_NAMES.index(last) + 1] if name != "mixed"]
    assert _names(found) == workshop.made == wanted
    skipped = {item.name: item.reason for item in found.skipped}
    assert {*skipped, *wanted} == set(RUNG_NAMES)
    assert all(
        reason == f"not tried: {last} meets the budget"
        for name, reason in skipped.items()
        if RUNG_NAMES.index(name) > RUNG_NAMES.index(last)
    )


def test_all_tries_every_rung_that_applies(climb: Callable[..., Climbed]) -> None:
    """Also after one has met the budget; what is not allowed stays so."""
    found = climb(_Workshop(), max_drop=9.0, all_rungs=True)
    assert _names(found) == [name for name in RUNG_NAMES if name != "mixed"]
    assert [(item.name, "--allow-mixed" in item.reason) for item in found.skipped] == [("mixed", True)]


def test_until_is_the_last_rung(climb: Callable[..., Climbed]) -> None:
    """The others are listed with that reason."""
    found = climb(_Workshop(), max_drop=0.0, until="equalise")
    assert _names(found)[-1] == "equalise"
    assert {item.reason for item in found.skipped} == {"not tried: --until equalise"}


def test_a_mixed_model_is_never_called_full_integer(climb: Callable[..., Climbed]) -> None:
    """It is the only rung that is not."""
    workshop = _Workshop()
    workshop.situation = Situation(has_swish=True, is_variant=True, allow_mixed=True, has_folder=True)
    found = climb(workshop, max_drop=0.0, allow_mixed=True, all_rungs=True)
    assert [rung.name for rung in found.rungs if not rung.full_integer] == ["mixed"]
    assert all(rung.details == {"told": rung.name} for rung in found.rungs)


def test_what_was_made_is_not_made_again(climb: Callable[..., Climbed]) -> None:
    """A larger budget, a smaller one, the end of an interrupted climb: only what is missing is done."""
    first = climb(_Workshop(), max_drop=2.5)
    again, further = _Workshop(), _Workshop()
    assert climb(again, max_drop=2.5) == first
    assert again.made == []
    assert _names(climb(further, max_drop=0.4)) == ["minmax", "ptq-ranges", "bias", "equalise", "ptq"]
    assert further.made == ["equalise", "ptq"]


def test_a_climb_that_is_interrupted_goes_on(climb: Callable[..., Climbed]) -> None:
    """Ctrl-C in the middle of a rung costs that rung alone."""
    stopped = _Workshop({"bias": KeyboardInterrupt()})  # type: ignore[dict-item]  # no Exception
    with pytest.raises(KeyboardInterrupt):
        climb(stopped, max_drop=0.4)
    after = _Workshop()
    climb(after, max_drop=0.4)
    assert after.made == ["bias", "equalise", "ptq"]


def test_only_what_depends_on_an_option_is_made_again(climb: Callable[..., Climbed]) -> None:
    """Other steps are another distillation and the same minmax; other inputs are other everything."""
    climb(_Workshop(), max_drop=0.0, all_rungs=True)
    steps, inputs = _Workshop(), _Workshop()
    climb(steps, max_drop=0.0, all_rungs=True, steps=7)
    assert steps.made == ["qat", "hard-swish", "relu6"]
    climb(inputs, "others", max_drop=0.0, all_rungs=True)
    assert inputs.made == [name for name in RUNG_NAMES if name != "mixed"]


@pytest.mark.parametrize("error", [ConversionError("the converter failed"), GateError("not integer")])
def test_a_rung_that_fails_does_not_end_the_climb(climb: Callable[..., Climbed], error: Exception) -> None:
    """It is listed with what went wrong, and the next one is tried."""
    found = climb(_Workshop({"minmax": error}), max_drop=3.0)
    assert _names(found) == ["ptq-ranges"]
    assert found.skipped[0].reason.startswith(f"failed: {error}")


def test_a_climb_without_a_model_is_an_error(climb: Callable[..., Climbed]) -> None:
    """With the reason of every rung."""
    workshop = _Workshop({name: ConversionError("no") for name in RUNG_NAMES})
    with pytest.raises(ConversionError, match="no rung ended in a model") as caught:
        climb(workshop, max_drop=3.0)
    assert "relu6: failed: no" in str(caught.value)
