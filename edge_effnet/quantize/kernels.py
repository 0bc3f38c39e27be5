"""How the int8 reference kernels of TensorFlow Lite round, bit for bit, in TensorFlow.

An operator adds up integers, and one step of its int32 accumulator stands for a real number, its *unit*. The kernel
multiplies the accumulator by ``unit / output scale`` in fixed point, which rounds twice: the product with a multiplier of
31 bits, and the right shift that follows. (The dense kernel rounds once.) Rounding the real number once differs by one
code on up to one value in a hundred, and a whole network makes several codes of that.

Everything is float64 inside, where integers below 2**53 are exact. Real values may come in as float32: accumulators are
recovered exactly while they stay below 2**24.

References:
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018,
    section 2.2 (the fixed-point multiplication).
    TensorFlow Lite, `kernels/internal/common.h` (MultiplyByQuantizedMultiplier), `quantization_util.cc`
    (QuantizeMultiplier), `reference/integer_ops`, `reference/hard_swish.h`: the arithmetic that is matched here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from edge_effnet.models.keras import import_tensorflow
from edge_effnet.quantize.scheme import QMAX, QMIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from edge_effnet.models.graph import Node
    from edge_effnet.quantize.scheme import Grid

    Doubles: TypeAlias = npt.NDArray[np.float64]
    Unit: TypeAlias = float | Doubles | None

__all__ = [
    "accumulator_unit",
    "hard_swish_steps",
    "product_unit",
    "rescale",
    "round_as_kernel",
    "round_half_away",
    "round_quotient",
    "sum_of_two",
]

Tensor = Any

_FRACTION_BITS: Final = 31
"""Bits of a fixed-point multiplier."""

_ADD_SHIFT: Final = 20
"""An int8 ADD lifts its inputs by so many bits before it brings them to one scale."""

_AWAY: Final = 1.0 + 2.0**-45
"""Moves a half beyond itself, so that rounding to nearest takes it away from zero, and no other quotient of a 31-bit
integer by a power of two over a half."""

_TIE: Final = 5e-5
"""How near to half a step, in steps, counts as half a step: above what float32 adds, below 1 / (2 * a pool's window)."""


def accumulator_unit(
    node: Node,
    input_grids: Sequence[Grid],
    output_grid: Grid,
    weight_scales: npt.NDArray[np.floating[Any]] | None,
    *,
    summed: int = 1,
) -> Unit:
    """Return what one step of an operator's int32 accumulator stands for.

    Args:
        node: The operator.
        input_grids: Grids of its inputs.
        output_grid: Grid of its output.
        weight_scales: ``(out,)``, scale of every output channel; None for operators without weights.
        summed: Values that a ``mean`` adds up, height * width; of no use to others.

    Returns:
        A number, one per output channel, or None for a kernel that rounds once.
    """
    row = _UNITS.get(node.kind)
    scales = [grid.scale for grid in (*input_grids, output_grid)]
    return None if row is None else row(scales, weight_scales, summed)


def product_unit(first: float, second: float, scale: float) -> float:
    """Return what one step of a product stands for, to the kernel that brings it to the output's ``scale``.

    That kernel multiplies and divides the three scales in float32. Its multiplier has 24 good bits of 31 then, and the few
    products that fall next to a half go the other way than by the exact one.

    References:
        TensorFlow Lite, `kernels/mul.cc` (Prepare).
    """
    multiplier = np.float32(first) * np.float32(second) / np.float32(scale)
    return float(multiplier) * scale


_UNITS: Final[dict[str, Callable[[list[float], Any, int], float | Doubles]]] = {
    "conv": lambda scales, weights, _: scales[0] * np.asarray(weights, np.float64),
    "depthwise": lambda scales, weights, _: scales[0] * np.asarray(weights, np.float64),
    "mul": lambda scales, _weights, _summed: product_unit(*scales),
    "mean": lambda scales, _, summed: scales[0] / summed,
    "add": lambda scales, _weights, _summed: 2.0 * max(scales[:-1]) / 2.0**_ADD_SHIFT,
    "relu": lambda scales, _weights, _summed: scales[0],
}
"""Operator kind -> the unit of its accumulator from the scales of its inputs and its output, where the kernel rounds twice. Others round once (dense), divide by a
count (average_pool), look codes up (logistic, hard_swish, softmax) or copy them (max_pool, pad, concat, reshape)."""


def round_as_kernel(values: Tensor, grid: Grid, unit: Unit, *, summed: int = 1) -> Tensor:
    """Round what an operator gives to its output grid as the reference kernel rounds its accumulator.

    Args:
        values: Real values before rounding, computed from inputs, weights and biases that lie on their grids. They
            may be clamped already where the unit is small beside the grid's step, as it is behind a convolution.
        grid: The operator's output grid.
        unit: See `accumulator_unit`. None rounds once, halves away from code 0.
        summed: As for `accumulator_unit`; the ``mean`` kernel needs it again.

    Returns:
        Real values on the grid, of the type of ``values``. It has no useful gradient: training uses `fake_quantize`.
    """
    tf = import_tensorflow()
    doubles = tf.cast(values, tf.float64)
    if unit is None:
        steps = round_quotient(doubles / grid.scale, grid.zero_point)
    else:
        steps = rescale(tf.round(doubles / unit), unit, grid.scale, summed=summed)
    clipped = tf.clip_by_value(steps, float(QMIN - grid.zero_point), float(QMAX - grid.zero_point))
    return tf.cast(clipped * grid.scale, values.dtype)


def round_quotient(steps: Tensor, zero_point: int) -> Tensor:
    """Round ``code - zero point`` once; halves, and what float32 may have made of them, go away from code 0.

    That is what an average of codes does, whose halves are many. For other operators a half is a rare accident.
    """
    tf = import_tensorflow()
    codes = steps + zero_point
    return tf.sign(codes) * tf.floor(tf.abs(codes) + (0.5 + _TIE)) - zero_point


def rescale(accumulator: Tensor, unit: float | Doubles, scale: float, *, summed: int = 1) -> Tensor:
    """Return ``accumulator * unit / scale`` as the fixed-point multiplication gives it.

    Args:
        accumulator: Integers as float64, channels last.
        unit: What one of them stands for, a number or one per channel.
        scale: What one step of the result stands for.
        summed: For a ``mean``, the values that were added up: the kernel divides its multiplier by their number.
    """
    tf = import_tensorflow()
    fraction, exponent = _fixed_point(np.asarray(unit, np.float64) * summed / scale)
    if summed > 1:
        fraction, exponent = _divided(fraction, exponent, summed)
    # The high product rounds its halves up, the shift rounds them away from zero.
    first = tf.floor(accumulator * (fraction * np.exp2(np.maximum(exponent, 0))) + 0.5)
    return tf.round(first * (np.exp2(np.minimum(exponent, 0)) * _AWAY))


def sum_of_two(steps: Sequence[Tensor], scales: Sequence[float], scale: float) -> Tensor:
    """Return the sum of two tensors in steps of ``scale``, as the int8 ADD gives it.

    Args:
        steps: Two tensors of ``code - zero point``, float64.
        scales: What one step of each stands for.
        scale: What one step of the result stands for.
    """
    common = 2.0 * max(scales)
    lifted = [rescale(one * 2.0**_ADD_SHIFT, own, common) for one, own in zip(steps, scales, strict=True)]
    return rescale(lifted[0] + lifted[1], common / 2.0**_ADD_SHIFT, scale)


def round_half_away(values: Tensor) -> Tensor:
    """Round once to integers, halves away from zero."""
    return import_tensorflow().round(values * _AWAY)


def _fixed_point(ratio: Doubles) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Return a multiplier as ``fraction * 2**exponent``, the fraction in [0.5, 1) rounded to 31 bits."""
    fraction, exponent = np.frexp(ratio)
    fraction = np.rint(fraction * 2.0**_FRACTION_BITS) / 2.0**_FRACTION_BITS
    full = fraction >= 1.0
    return np.where(full, 0.5, fraction), np.where(full, exponent + 1, exponent).astype(np.int64)


def _divided(
    fraction: Doubles, exponent: npt.NDArray[np.int64], summed: int
) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Return a multiplier over a count as the MEAN kernel divides it: shifted up as far as goes, and cut off."""
    shift = min(summed.bit_length() - 1, 32, _FRACTION_BITS + int(exponent))
    whole = (int(fraction * 2.0**_FRACTION_BITS) << shift) // summed
    return np.asarray(math.ldexp(whole, -_FRACTION_BITS)), exponent - shift


def hard_swish_steps(steps: npt.NDArray[np.int64], input_scale: float, scale: float) -> Doubles:
    """Return ``x * relu6(x + 3) / 6`` as the int8 kernel computes it, in 16-bit fixed point.

    Args:
        steps: ``code - zero point`` of the input.
        input_scale: What one of them stands for.
        scale: What one step of the result stands for.

    Returns:
        ``code - zero point`` of the output, not clipped.
    """
    fine = input_scale / 128.0
    lifted = steps.astype(np.float64) * 128.0
    out_fraction, out_exponent = _sixteen_bits(fine / scale)
    gate_fraction, gate_exponent = _sixteen_bits(fine / (3.0 / 32768.0))
    product = _high_product(lifted, out_fraction)
    gate = lifted
    if gate_exponent > 0:
        gate = _saturate(gate * 2.0 ** (gate_exponent - 1))
    gate = _high_product(gate, gate_fraction)
    gate = _saturate(gate * 2.0) if gate_exponent > 0 else _away(gate * 2.0**gate_exponent)
    gate = np.floor((gate + 32768.0) / 2.0)  # from -1..1 to 0..1
    return _away(np.trunc(gate * product / 32768.0) * 2.0**out_exponent)


def _sixteen_bits(ratio: float) -> tuple[float, int]:
    """Return a multiplier as a 16-bit fraction times a power of two."""
    fraction, exponent = _fixed_point(np.asarray(ratio))
    return min(math.floor(float(fraction) * 32768.0 + 0.5), 32767) / 32768.0, int(exponent)


def _high_product(values: Doubles, fraction: float) -> Doubles:
    return np.floor(values * fraction + 0.5)


def _saturate(values: Doubles) -> Doubles:
    return np.clip(values, -32768.0, 32767.0)


def _away(values: Doubles) -> Doubles:
    return np.sign(values) * np.floor(np.abs(values) + 0.5)
