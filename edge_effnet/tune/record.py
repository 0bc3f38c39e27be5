"""What a climb found, and the record that ``tune --json`` prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import GateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["CHOSEN_ON_THESE", "SCHEMA_VERSION", "Climb", "RungResult", "SkippedRung", "choose"]

SCHEMA_VERSION: Final = 1

CHOSEN_ON_THESE: Final = (
    "the rung was chosen on the labelled pictures, which tunes to them: report its accuracy on others"
)
"""What every record says; the interval of each drop is beside it."""


@dataclass(frozen=True)
class RungResult:
    """One rung that was tried.

    Attributes:
        name: Of the rung.
        drop_top1: Top-1 of the float network minus the model's on the same pictures, in points.
        ci95: Its paired interval.
        agreement: Share of pictures on which both put the same class first, in percent.
        sqnr_db: Of the logits; None where they are the same.
        seconds: Wall time of making the model, without what an earlier rung had made already.
        size_bytes: Of the file.
        sha256: Of the file.
        full_integer: Whether it is integers from end to end.
        median_ms: One call, measured with all other rungs in turns.
        details: What the rung alone has to say: kept blocks, sensitivity, distillation.
    """

    name: str
    drop_top1: float
    ci95: tuple[float, float]
    agreement: float
    sqnr_db: float | None
    seconds: float
    size_bytes: int
    sha256: str
    full_integer: bool = True
    median_ms: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)

    def meets(self, max_drop: float) -> bool:
        """Say whether the drop is within a budget; the tolerance is that of the division by the number of pictures."""
        return self.drop_top1 <= max_drop + 1e-9

    def to_record(self) -> dict[str, Any]:
        """Return one entry of ``rungs``."""
        return {
            "name": self.name,
            "drop_top1": self.drop_top1,
            "ci95": list(self.ci95),
            "agreement": self.agreement,
            "sqnr_db": self.sqnr_db,
            "seconds": round(self.seconds, 3),
            "size_bytes": self.size_bytes,
            "median_ms": self.median_ms,
            "sha256": self.sha256,
            "full_integer": self.full_integer,
            **self.details,
        }


@dataclass(frozen=True)
class SkippedRung:
    """A rung that was not tried, or did not end in a model, and why."""

    name: str
    reason: str


def choose(rungs: Sequence[RungResult], max_drop: float) -> tuple[RungResult, bool]:
    """Return the rung to take, and whether it meets the budget.

    The first that meets it: a rung is dearer than those before. Where none does, the one with the smallest drop; of
    equals the one that agrees with the float network on more pictures.
    """
    met = next((rung for rung in rungs if rung.meets(max_drop)), None)
    if met is not None:
        return met, True
    return min(rungs, key=lambda rung: (rung.drop_top1, -rung.agreement)), False


@dataclass(frozen=True)
class Climb:
    """Everything that was found.

    Attributes:
        path: The model that was written.
        sha256: Of it.
        max_drop: The budget.
        rungs: In the order in which they were tried.
        skipped: The others, in order.
        chosen: Name of the rung that was written.
        met: Whether it meets the budget.
        n: Labelled pictures that judged.
        float_top1: Top-1 of the float network on them, in percent.
        calibration: Id, fingerprint and number of the calibration pictures.
        model: Id, side and weights of the network.
        latency: Conditions of ``median_ms``.
        folder: The run folder.
        notes: What a reader must know.
        seconds: Wall time of this run, by stage.
    """

    path: Path
    sha256: str
    max_drop: float
    rungs: tuple[RungResult, ...]
    skipped: tuple[SkippedRung, ...]
    chosen: str
    met: bool
    n: int
    float_top1: float
    calibration: dict[str, Any]
    model: dict[str, Any]
    latency: dict[str, Any]
    folder: Path
    notes: tuple[str, ...]
    seconds: dict[str, float]

    @property
    def choice(self) -> RungResult:
        """The rung that was written."""
        return next(rung for rung in self.rungs if rung.name == self.chosen)

    @property
    def why(self) -> str:
        """One sentence on the choice."""
        drop = f"a drop of {self.choice.drop_top1:+.2f} points"
        if self.met:
            return f"{self.chosen} is the first rung within the budget of {self.max_drop:g}: {drop}"
        return f"no rung meets the budget of {self.max_drop:g}; {self.chosen} comes closest: {drop}"

    def require_met(self) -> None:
        """Hold the gate.

        Raises:
            GateError: No rung meets the budget; the best model was written all the same.
        """
        if self.met:
            return
        low, high = self.choice.ci95
        raise GateError(
            "no rung meets the accuracy budget",
            got=f"{self.chosen}: drop {self.choice.drop_top1:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}, n {self.n}",
            allowed=f"at most {self.max_drop:g} points",
            hint=f"the best model is kept at {self.path}; {self._hint()}",
        )

    def _hint(self) -> str:
        """Return what may still help."""
        if any(item.name == "mixed" for item in self.skipped):
            return "try --allow-mixed, more --steps, or more and better calibration pictures"
        return "try more --steps, or more and better calibration pictures"

    def to_record(self) -> dict[str, Any]:
        """Return the record of ``tune --json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "path": str(self.path),
            "sha256": self.sha256,
            "full_integer": self.choice.full_integer,
            "max_drop": self.max_drop,
            "rungs": [rung.to_record() for rung in self.rungs],
            "skipped": [{"name": item.name, "reason": item.reason} for item in self.skipped],
            "chosen": self.chosen,
            "met": self.met,
            "why": self.why,
            "n": self.n,
            "float_top1": self.float_top1,
            "model": self.model,
            "calibration": self.calibration,
            "latency": self.latency,
            "folder": str(self.folder),
            "notes": list(self.notes),
            "seconds": {stage: round(seconds, 3) for stage, seconds in self.seconds.items()},
        }
