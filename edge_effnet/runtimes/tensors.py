"""Between pixels and input tensors: the rule that makes every exported model take raw pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_effnet.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_effnet.runtimes.base import Tensor, TensorSpec

__all__ = ["check_input", "check_outputs", "check_value", "input_from_pixels", "input_rules"]


def _same(pixels: Tensor) -> Tensor:
    return pixels


def _minus_128(pixels: Tensor) -> Tensor:
    # In two's complement, flipping the top bit is subtracting 128: no widening, no rounding, no scale.
    codes: Tensor = np.bitwise_xor(pixels, np.uint8(0x80)).view(np.int8)
    return codes


def _as_float(pixels: Tensor) -> Tensor:
    return pixels.astype(np.float32)


_RULES: dict[str, Callable[[Tensor], Tensor]] = {"uint8": _same, "int8": _minus_128, "float32": _as_float}


def input_rules() -> tuple[str, ...]:
    """Return the input types that the pixel rule covers."""
    return tuple(_RULES)


def input_from_pixels(pixels: Tensor, spec: TensorSpec) -> Tensor:
    """Return the input tensor ``(1, height, width, 3)`` for one picture.

    uint8 input = pixel; int8 input = pixel - 128; float32 input = the pixel's value, 0..255.

    Args:
        pixels: ``(height, width, 3) uint8`` RGB.
        spec: The model's input.

    Raises:
        UsageError: The pixels are not uint8 or not of the model's size.
    """
    if pixels.dtype != np.uint8 or (1, *pixels.shape) != spec.shape:
        raise UsageError(
            "the pixels do not fit the model's input",
            got=f"{pixels.dtype} {pixels.shape}",
            allowed=f"uint8 {spec.shape[1:]}",
        )
    return _RULES[spec.dtype](pixels)[np.newaxis]


def check_input(spec: TensorSpec) -> None:
    """Refuse an input that is not one RGB image.

    Raises:
        DataError: The shape is not ``(1, height, width, 3)`` or the type has no pixel rule.
    """
    if len(spec.shape) != 4 or spec.shape[0] != 1 or spec.shape[3] != 3 or min(spec.shape) < 1:
        raise DataError(
            "the model's input is not one RGB image",
            got=f"{spec.name} {spec.shape}",
            allowed="(1, height, width, 3)",
            hint="export an image classifier with a static batch of 1",
        )
    if spec.dtype not in _RULES:
        raise DataError("the model's input type has no pixel rule", got=spec.dtype, allowed=", ".join(_RULES))


def check_value(value: Tensor, spec: TensorSpec) -> None:
    """Refuse a value that is not exactly of a tensor's type and shape.

    Raises:
        UsageError: It is not.
    """
    if value.dtype != spec.dtype or value.shape != spec.shape:
        raise UsageError(
            "the value does not fit the model's input",
            got=f"{value.dtype} {value.shape}",
            allowed=f"{spec.dtype} {spec.shape}",
        )


def check_outputs(specs: Sequence[TensorSpec]) -> TensorSpec:
    """Return the row of scores, which comes first; behind it there may be one feature map (`convert --with-features`).

    Raises:
        DataError: There is no output or something else behind the first, or the first has more than one axis longer than 1.
    """
    if not specs or len(specs) > 2 or any(len(spec.shape) != 4 for spec in specs[1:]):
        raise DataError(
            f"the model has {len(specs)} outputs; an image classifier has one, and a feature map at most",
            got=", ".join(f"{spec.name} {spec.shape}" for spec in specs),
        )
    spec = specs[0]
    if not spec.shape or spec.shape[0] != 1 or any(size != 1 for size in spec.shape[:-1]):
        raise DataError(
            "the model's output is not one row of class scores",
            got=f"{spec.name} {spec.shape}",
            allowed="(1, classes)",
        )
    return spec
