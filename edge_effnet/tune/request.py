"""What a climb is asked for, checked before any work is done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a dataclass of paths is built while the program runs
from typing import Final

from edge_effnet.convert import ConvertRequest
from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.tune.rungs import RUNG_NAMES

__all__ = ["DEFAULT_KEEP_BLOCKS", "TuneRequest"]

DEFAULT_KEEP_BLOCKS: Final = 3
"""Three blocks: in B0 the stem and the first two make most of the noise that min-max ranges leave."""


@dataclass(frozen=True)
class TuneRequest:
    """One climb of the ladder.

    Attributes:
        model: Id of a variant or baseline.
        calibration: Pictures without labels: a folder, a set id or a .npy file. Distillation needs a folder.
        data: Folder of the labelled pictures that every rung is judged on.
        max_drop: The budget: largest drop of top-1 against the float network, in points; 0 or more.
        output: The .tflite to write.
        weights: ``imagenet`` or a path.
        labels: Table of the labels; None takes ``data/labels.csv`` or one folder per class.
        allow_mixed: Allow the rung that keeps blocks in float, which leaves full integer.
        keep_blocks: How many blocks that rung keeps.
        steps: Of a distillation; None leaves it to `edge_effnet.qat`.
        seed: Of the choice of pictures, and of distillation.
        calibration_samples: How many pictures to calibrate on, at most.
        all_rungs: Try every rung, also after one has met the budget.
        until: Last rung to try.
        resume: Go on with the run folder that is there.
        force: Overwrite the output, and start the run folder anew.
        resolution_px: Side of the input; None takes the model's own.
        num_classes: Of the classifier; None takes the weights' own.
        class_names: Text file with one class name per line; None takes the weights' own.
        latency_runs: Timed calls of each model.
    """

    model: str
    calibration: str
    data: Path
    max_drop: float
    output: Path
    weights: str = "imagenet"
    labels: Path | None = None
    allow_mixed: bool = False
    keep_blocks: int = DEFAULT_KEEP_BLOCKS
    steps: int | None = None
    seed: int = 0
    calibration_samples: int = 300
    all_rungs: bool = False
    until: str | None = None
    resume: bool = False
    force: bool = False
    resolution_px: int | None = None
    num_classes: int | None = None
    class_names: Path | None = None
    latency_runs: int = 100

    def __post_init__(self) -> None:
        if not math.isfinite(self.max_drop) or self.max_drop < 0:
            raise UsageError(
                "the budget is not a drop",
                got=f"--max-drop {self.max_drop:g}",
                allowed="0 or more points of top-1",
                hint="a drop is float minus int8: 0.5 allows half a point",
            )
        if self.until is not None and self.until not in RUNG_NAMES:
            raise UnknownNameError("rung", self.until, RUNG_NAMES)
        for name, value in (
            ("steps", self.steps),
            ("keep-blocks", self.keep_blocks),
            ("latency-runs", self.latency_runs),
        ):
            if value is not None and value < 1:
                raise UsageError(f"--{name} is too small", got=value, allowed="1 or more")
        if self.resume and self.force:
            raise UsageError("--resume and --force disagree", hint="give one of them")
        self.conversion(self.output)  # it checks the model's name, the seed and the number of samples

    @property
    def folder(self) -> Path:
        """Where the rungs are kept: beside the output."""
        return self.output.with_suffix(".tune")

    def conversion(self, output: Path, activation: str | None = None) -> ConvertRequest:
        """Return the conversion that makes a rung's model."""
        return ConvertRequest(
            self.model,
            weights=self.weights,
            calibration=self.calibration,
            calibration_samples=self.calibration_samples,
            seed=self.seed,
            output=output,
            force=True,
            num_classes=self.num_classes,
            resolution_px=self.resolution_px,
            activation=activation,
            labels=self.class_names,
        )
