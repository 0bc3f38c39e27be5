"""What a quantization-aware training is asked for, checked before any work is done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge_effnet.errors import DataError, UsageError
from edge_effnet.qat.settings import QatSettings
from edge_effnet.train.augment import policy_from_text

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.convert.request import ConvertRequest

__all__ = ["QatRequest"]


@dataclass(frozen=True)
class QatRequest:
    """One run.

    Attributes:
        convert: The conversion that it begins from; its calibration is ``data`` unless one is named.
        data: Pictures to train on: a flat folder is unlabelled, one folder per class gives labels too.
        val: Pictures to report on, never trained on; None reports on held-out pictures of ``data``.
        labels: Table ``file,label`` of ``val``; None takes the labels from its folders, if it has some.
        settings: Of the training.
        run: Folder of checkpoints, history and curves; None is the output's name with ``.run`` beside it.
        resume: Go on with the run in that folder.
    """

    convert: ConvertRequest
    data: Path
    val: Path | None = None
    labels: Path | None = None
    settings: QatSettings = field(default_factory=QatSettings)
    run: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if not self.convert.integer:
            raise UsageError(
                "quantization-aware training ends in int8", got=self.convert.precision, allowed="w8a8"
            )
        policy_from_text(self.settings.augment)
        for folder in filter(None, (self.data, self.val)):
            if not folder.is_dir():
                raise DataError("the folder of pictures does not exist", got=folder)
        if self.labels is not None and self.val is None:
            raise UsageError("--labels is the table of --val", got=self.labels, hint="add --val DIR")

    @property
    def calibrated(self) -> ConvertRequest:
        """The conversion, calibrated on the training pictures unless others are named."""
        if self.convert.calibration is not None:
            return self.convert
        return replace(self.convert, calibration=str(self.data))

    def folder(self, output: Path) -> Path:
        """Return the run's folder."""
        return self.run or output.with_name(output.name + ".run")
