"""What a conversion is asked for, checked before any work is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.quantize.recipes import DEFAULT_RECIPE, get_recipe

__all__ = ["DEFAULT_CALIBRATION", "IO_TYPES", "PRECISIONS", "TARGETS", "ConvertRequest"]

PRECISIONS: dict[str, str] = {
    "w8a8": "int8 weights and activations, integers from end to end",
    "w8-dynamic": "int8 weights, float activations quantised on the fly",
    "fp16": "float16 weights, float32 arithmetic",
    "float32": "float32 throughout",
}
"""Precision -> what it means."""

IO_TYPES = ("int8", "uint8", "float32")
TARGETS = ("edgetpu",)
DEFAULT_CALIBRATION = "synthetic-v1"


@dataclass(frozen=True)
class ConvertRequest:
    """One conversion.

    Attributes:
        model: Id of a variant or baseline.
        weights: ``imagenet``, ``random`` or a path.
        precision: A key of `PRECISIONS`.
        io: Type of input and output of a w8a8 model; the others have float32.
        calibration: Folder, set id or .npy file; None is the embedded synthetic set.
        calibration_samples: How many images at most.
        recipe: A key of `edge_effnet.quantize.recipes.RECIPES`.
        seed: Of random weights and of the choice of calibration images.
        output: The .tflite to write; None is ``{model}_{resolution}_{precision}.tflite`` here.
        force: Overwrite.
        num_classes: Of the classifier; None takes the weights' own, else 1,000.
        resolution_px: Side of the input; None takes the model's own.
        activation: Instead of the model's own.
        squeeze_excite: False leaves squeeze-and-excite out.
        labels: Text file with one class name per line.
        allow_new_head: Start the classifier anew where the class count differs.
        with_features: Give out the last feature map too, for class activation maps.
        target: Device whose operators to keep to, one of `TARGETS`; None for any.
        evaluation: Folder that the model will be judged on: calibration images must not be in it.
    """

    model: str
    weights: str = "imagenet"
    precision: str = "w8a8"
    io: str = "int8"
    calibration: str | None = None
    calibration_samples: int = 300
    recipe: str = DEFAULT_RECIPE
    seed: int = 0
    output: Path | None = None
    force: bool = False
    num_classes: int | None = None
    resolution_px: int | None = None
    activation: str | None = None
    squeeze_excite: bool | None = None
    labels: Path | None = None
    allow_new_head: bool = False
    evaluation: Path | None = None
    target: str | None = None
    with_features: bool = False

    def __post_init__(self) -> None:
        from edge_effnet.models import MODEL_IDS

        for kind, value, allowed in (
            ("model", self.model, MODEL_IDS),
            ("precision", self.precision, PRECISIONS),
            ("io", self.io, IO_TYPES),
        ):
            if value not in allowed:
                raise UnknownNameError(kind, value, allowed)
        get_recipe(self.recipe)
        if self.target is not None:
            from edge_effnet.convert.edgetpu import check_request

            if self.target not in TARGETS:
                raise UnknownNameError("target", self.target, TARGETS)
            check_request(self)
        if self.with_features:
            from edge_effnet.convert.features import check_features_request

            check_features_request(self)
        if self.calibration_samples < 1:
            raise UsageError("too few calibration samples", got=self.calibration_samples, allowed="1 or more")
        if self.seed < 0:
            raise UsageError("the seed is negative", got=self.seed, allowed="0 or more")
        if self.precision != "w8a8" and self.io != "int8":
            raise UsageError(
                "--io belongs to --int8; other precisions have float32 input and output", got=self.io
            )
        if self.resolution_px is not None and not 32 <= self.resolution_px <= 2048:
            raise UsageError("the resolution is out of range", got=self.resolution_px, allowed="32 to 2048")

    @property
    def integer(self) -> bool:
        """Whether the result is integers from end to end."""
        return self.precision == "w8a8"

    def path(self, resolution_px: int) -> Path:
        """Return the file to write."""
        return self.output or Path(f"{self.model}_{resolution_px}_{self.precision}.tflite")
