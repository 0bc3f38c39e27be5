"""The whole climb on a small network: models that run, figures that `eval` finds again, pictures that are refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_effnet.errors import DataError, OutputExistsError, UnknownNameError, UsageError
from edge_effnet.evaluate import candidate_from_tflite, evaluate, read_labelled_set
from edge_effnet.inspect.summary import inspect_file
from edge_effnet.progress import Silent
from edge_effnet.tune import Climb, Distilled, TuneRequest, climb, outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tune.conftest import Place

    from edge_effnet.models import BuiltModel


class _Distiller:
    """Gives the graph back as it came, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, prepared: Any, quantized: Any, **asked: Any) -> Distilled:
        self.asked.append({"prepared": prepared, **asked})
        return Distilled(quantized, {"steps": 3}, {"begins_from": "ptq"})


pytestmark = pytest.mark.usefixtures("one_build")


@pytest.fixture(scope="module")
def climbed(
    one_build: None, place: Place, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Climb, _Distiller, Silent]:
    """Every rung that applies to Lite0, with one block in float and a distiller that does nothing."""
    distil, reporter = _Distiller(), Silent()
    output = tmp_path_factory.mktemp("climb") / "m.tflite"
    request = place.request(output, all_rungs=True, allow_mixed=True, keep_blocks=1, until=None, steps=3)
    return climb(request, reporter, distil=distil), distil, reporter


def test_every_rung_is_tried_or_says_why_not(climbed: tuple[Climb, _Distiller, Silent]) -> None:
    """Lite0 has ReLU6: nothing to scale through swish, and no swish to replace."""
    found = climbed[0]
    assert [rung.name for rung in found.rungs] == ["minmax", "ptq-ranges", "bias", "ptq", "mixed", "qat"]
    assert {item.name: item.reason for item in found.skipped} == dict.fromkeys(
        ("equalise", "hard-swish", "relu6"), "the network has no swish"
    )


def test_figures_are_those_of_eval(
    climbed: tuple[Climb, _Distiller, Silent], place: Place, lite0: BuiltModel
) -> None:
    """Drop, interval and agreement of the model that was written, against the float network, on the same pictures."""
    found = climbed[0]
    given = candidate_from_tflite(found.path, "xnnpack")
    twin = replace(given, path="float", open=None, batch=lite0)
    pictures = read_labelled_set(place.data, place.labels, given.classes)
    pair = evaluate([twin, given], pictures).pairs[0].to_record()
    choice = found.choice
    assert choice.drop_top1 == pytest.approx(pair["drop_top1"])
    assert list(choice.ci95) == pytest.approx(pair["ci95"])
    assert choice.agreement == pytest.approx(pair["agreement"])
    assert found.n == len(pictures) == 24


def test_every_rung_but_the_mixed_one_passes_the_integer_audit(
    climbed: tuple[Climb, _Distiller, Silent],
) -> None:
    """What the record says of a file is what its audit says."""
    found = climbed[0]
    for rung in found.rungs:
        inspection = inspect_file(found.folder / rung.name / "model.tflite")
        assert inspection.audit.full_integer is rung.full_integer is (rung.name != "mixed")
        assert inspection.sha256 == rung.sha256
        assert inspection.model.size_bytes == rung.size_bytes


def test_a_mixed_rung_says_so_loudly(climbed: tuple[Climb, _Distiller, Silent]) -> None:
    """In a warning, in the record and in the file's own contract: which block, in what, at what cost."""
    found, _, reporter = climbed
    mixed = next(rung for rung in found.rungs if rung.name == "mixed").to_record()
    (block,) = mixed["mixed"]["blocks"]
    assert mixed["full_integer"] is False
    assert mixed["sensitivity"][0]["name"] == block
    assert np.isfinite(mixed["cost_ms"])
    assert any(
        "NOT full integer" in text and block in text for kind, text in reporter.notes if kind == "warning"
    )
    contract = json.loads((found.folder / "mixed" / "model.contract.json").read_text())
    assert contract["full_integer"] is False
    assert contract["mixed"]["blocks"] == [block]
    assert contract["precision"] != "w8a8"


def test_distillation_gets_the_network_the_folder_and_its_options(
    climbed: tuple[Climb, _Distiller, Silent], place: Place
) -> None:
    """The pictures without labels, never the judged ones."""
    found, distil, _ = climbed
    (asked,) = distil.asked
    assert asked["pictures"] == place.calibration
    assert (asked["steps"], asked["seed"]) == (3, 0)
    assert asked["teacher"] is asked["prepared"]
    assert asked["folder"].parent == found.folder
    assert found.rungs[-1].to_record()["distillation"] == {"steps": 3}
    contract = json.loads((found.folder / "qat" / "model.contract.json").read_text())
    assert contract["training"] == {"begins_from": "ptq"}


def test_the_model_is_written_under_its_name_with_its_contract(
    climbed: tuple[Climb, _Distiller, Silent],
) -> None:
    """The bytes of the chosen rung; a contract that names the file, the rung and the pictures."""
    found = climbed[0]
    assert found.path.read_bytes() == (found.folder / found.chosen / "model.tflite").read_bytes()
    contract = json.loads(found.path.with_suffix(".contract.json").read_text())
    assert contract["file"] == "m.tflite"
    assert contract["recipe"] == found.chosen
    assert len(contract["calibration"]["files_sha256"]) == 16
    assert json.loads((found.folder / "tune.json").read_text()) == json.loads(json.dumps(found.to_record()))


def test_all_rungs_are_timed_in_one_run(climbed: tuple[Climb, _Distiller, Silent]) -> None:
    """Medians above zero, with their conditions."""
    found = climbed[0]
    assert all(rung.median_ms > 0 for rung in found.rungs)
    assert found.latency["n"] == 3
    assert found.latency["threads"] == 1
    assert found.latency["kind"] == "measured"


@pytest.mark.parametrize(("load", "said"), [(0.5, False), (2.0, False), (5.0, True), (None, False)])
def test_times_of_a_busy_machine_say_so(load: float | None, said: bool) -> None:
    """More programs than processors: the times are no measure of the models."""
    notes = outcome._busy({"load_average": load, "host": {"cpus": 2}})
    assert any("busy" in note for note in notes) is said


def test_a_climb_that_is_resumed_computes_no_logits_and_makes_no_model(
    climbed: tuple[Climb, _Distiller, Silent], place: Place
) -> None:
    """Another budget on the same run folder: the same figures, and the output may be replaced because it is ours."""
    found = climbed[0]
    again = climb(
        place.request(found.path, all_rungs=True, allow_mixed=True, keep_blocks=1, steps=3, resume=True)
    )
    tried = {rung.name: rung for rung in found.rungs}
    for rung in again.rungs:
        assert replace(rung, median_ms=0.0, details={}) == replace(
            tried[rung.name], median_ms=0.0, details={}
        )
    assert set(again.seconds).isdisjoint({"ptq", "minmax", "sensitivity", "evaluate"})


def test_other_pictures_are_refused_when_resuming(
    climbed: tuple[Climb, _Distiller, Silent], place: Place, tmp_path: Path
) -> None:
    """Exit code 4, and what differs is named."""
    found = climbed[0]
    data = shutil.copytree(place.data, tmp_path / "data")
    (data / "000.png").write_bytes((data / "001.png").read_bytes())
    request = replace(place.request(found.path, resume=True), data=data)
    with pytest.raises(DataError, match="something else") as caught:
        climb(request)
    assert caught.value.exit_code == 4
    assert "judged pictures was" in str(caught.value)
    assert "calibration was" not in str(caught.value)


def test_pictures_to_learn_from_never_judge(place: Place, tmp_path: Path) -> None:
    """One of them among the labelled ones stops the climb before its first rung, used for calibration or not."""
    data = shutil.copytree(place.data, tmp_path / "data")
    unused = max(place.calibration.iterdir())
    shutil.copy(unused, data / "003.png")
    request = replace(place.request(tmp_path / "m.tflite"), data=data)
    with pytest.raises(DataError, match="1 of 24 judged pictures") as caught:
        climb(request)
    assert "003.png" in str(caught.value)
    assert not request.folder.exists()


def test_random_weights_are_refused(place: Place, tmp_path: Path) -> None:
    """Their accuracy would mean nothing."""
    with pytest.raises(DataError, match="random weights"):
        climb(replace(place.request(tmp_path / "m.tflite"), weights="random"))


@pytest.mark.usefixtures("no_build")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": Path("absent")}, "folder of images does not exist"),
        ({"labels": Path("absent.csv")}, "table of labels does not exist"),
    ],
)
def test_missing_sources_are_refused_before_anything_is_built(
    place: Place, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """With their names."""
    with pytest.raises(DataError, match=message):
        climb(replace(place.request(tmp_path / "m.tflite"), **change))


def test_an_empty_folder_and_pictures_without_labels_are_refused(place: Place, tmp_path: Path) -> None:
    """Neither judges anything."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"no image can be evaluated|no labels"):
        climb(replace(place.request(tmp_path / "m.tflite"), data=empty, labels=None))
    with pytest.raises(DataError, match="no labels"):
        climb(replace(place.request(tmp_path / "m.tflite"), labels=None))
    with pytest.raises(DataError, match="holds no picture"):
        climb(replace(place.request(tmp_path / "m.tflite"), calibration=str(empty)))


def test_an_output_that_is_there_is_kept(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before anything is built, also with --resume: it is no model of this climb."""
    (tmp_path / "m.tflite").write_bytes(b"precious")
    for resume in (False, True):
        with pytest.raises(OutputExistsError):
            climb(place.request(tmp_path / "m.tflite", resume=resume))
    assert (tmp_path / "m.tflite").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_drop": -0.1}, "not a drop"),
        ({"max_drop": float("nan")}, "not a drop"),
        ({"steps": 0}, "--steps"),
        ({"keep_blocks": 0}, "--keep-blocks"),
        ({"latency_runs": 0}, "--latency-runs"),
        ({"resume": True, "force": True}, "disagree"),
        ({"calibration_samples": 0}, "calibration samples"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_out_of_range_are_refused(
    request_of: Callable[..., TuneRequest], options: dict[str, Any], message: str
) -> None:
    """Before any work, as a wrong command line."""
    with pytest.raises(UsageError, match=message):
        request_of(**options)


def test_unknown_names_are_answered_with_the_right_ones(request_of: Callable[..., TuneRequest]) -> None:
    """Of rungs and of models."""
    with pytest.raises(UnknownNameError, match="hard-swish"):
        request_of(until="hardswish")
    with pytest.raises(UnknownNameError, match="lite0"):
        replace(request_of(), model="lite9")
