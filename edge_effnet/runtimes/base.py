"""What a runtime is: an engine that can be probed, and a loaded model that turns pixels into logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["Available", "Engine", "Floats", "Missing", "Model", "Probe", "Tensor", "TensorSpec"]

Tensor: TypeAlias = "npt.NDArray[Any]"
Floats: TypeAlias = "npt.NDArray[np.float32]"


@dataclass(frozen=True)
class TensorSpec:
    """What an input or an output of a model holds.

    Attributes:
        name: The tensor's name in the file.
        dtype: NumPy name, such as ``int8``.
        shape: Static shape, batch first.
        scale: Real value of one step; None for a tensor that is not quantised.
        zero_point: Code of the real value zero; None for a tensor that is not quantised.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float | None = None
    zero_point: int | None = None

    def reals(self, codes: Tensor) -> Floats:
        """Return the real values of a tensor of this kind, ``scale * (code - zero_point)``, as float32."""
        if self.scale is None or self.zero_point is None:
            return np.asarray(codes, dtype=np.float32)
        steps = codes.astype(np.int64) - self.zero_point
        return np.asarray(steps * np.float64(self.scale), dtype=np.float32)

    def to_record(self) -> dict[str, Any]:
        """Return the fields that records about models carry."""
        return {
            "dtype": self.dtype,
            "shape": list(self.shape),
            "scale": self.scale,
            "zero_point": self.zero_point,
        }


@dataclass(frozen=True)
class Available:
    """A runtime that works here.

    Attributes:
        version: Version of the library that does the work.
    """

    version: str


@dataclass(frozen=True)
class Missing:
    """A runtime that does not work here, and what would make it work.

    Attributes:
        reason: Why not, one sentence.
        fix: What to do about it.
    """

    reason: str
    fix: str


Probe: TypeAlias = "Available | Missing"


class Model(Protocol):
    """A loaded model with one image input and one output; not for use from two threads at once."""

    @property
    def input(self) -> TensorSpec:
        """What goes in, ``(1, height, width, 3)``."""

    @property
    def output(self) -> TensorSpec:
        """What comes out."""

    def run(self, value: Tensor) -> Tensor:
        """Run once on an input of exactly `input`'s type and shape; return a copy of the raw output."""

    def run_all(self, value: Tensor) -> tuple[Tensor, ...]:
        """Run once; return copies of every raw output, the scores first."""

    def run_pixels(self, pixels: Tensor) -> Tensor:
        """Run once on ``(height, width, 3) uint8`` pixels; return a copy of the raw output."""

    def logits(self, pixels: Tensor) -> Floats:
        """Run once on ``(height, width, 3) uint8`` pixels; return the real output values, ``(classes,)``."""


class Engine(Protocol):
    """One way to run a model."""

    @property
    def name(self) -> str:
        """The name that the command line and records use."""

    def probe(self) -> Probe:
        """Say whether this engine works here; never raises."""

    def load(self, model: Path | bytes, threads: int = 1) -> Model:
        """Load a model.

        Raises:
            DataError: The file is missing or malformed, or has no image input.
            EnvironmentFault: The engine is missing, or lacks an operator of the model.
        """
