"""Rules about quantisation parameters: what the 8-bit kernels demand of scales, zero points and biases.

References:
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018.
    tensorflow.org/lite/performance/quantization_spec.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edge_effnet.inspect.kinds import CARRIES_SCALE, FIXED_OUTPUT, INTEGER8, Operands, weighted_operands

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from edge_effnet.inspect.findings import Finding, View
    from edge_effnet.inspect.records import Operator, Tensor

_CONVERT = "convert with --int8"
_LEAST_WEIGHT_SCALE = 1e-9
"""Below it the requantisation multiplier of a usual layer leaves the range of the XNNPACK kernels (2^-32)."""

_BIAS_TOLERANCE = 1e-4
"""Relative; float32 rounding of the product is 1e-7, a scale of another layer is off by percents."""

_INT32_LARGEST = 2**31 - 1
_RANGES = {"INT8": (-128, 127), "UINT8": (0, 255)}


def missing_scale(view: View) -> Iterator[Finding]:
    """Codes mean something only with a scale."""
    for tensor in view.used_tensors():
        if tensor.type in INTEGER8 and tensor.quantisation is None:
            yield view.about("error", f"{tensor.type} without a scale", _CONVERT, tensor=tensor)


def invalid_scale(view: View) -> Iterator[Finding]:
    """Scales are positive and finite."""
    for tensor in view.used_tensors():
        if tensor.quantisation is None:
            continue
        scales = tensor.quantisation.scales
        bad = scales[~(np.isfinite(scales) & (scales > 0))]
        if bad.size:
            reason = (
                f"{bad.size} of {scales.size} scales are not positive and finite, such as {float(bad[0])}"
            )
            yield view.about("error", reason, "calibrate with images that excite this layer", tensor=tensor)


def scale_count(view: View) -> Iterator[Finding]:
    """One scale for the tensor, or one per index along a dimension that the kernel knows."""
    channel_axis = {operands.weights.index: operands.axis for operands in weighted_operands(view.graph)}
    for tensor in view.used_tensors():
        found = tensor.quantisation
        if found is None or not found.per_channel or tensor.type not in INTEGER8:
            continue
        axis = channel_axis.get(tensor.index)
        if axis is None:
            yield view.about(
                "error",
                f"{found.scales.size} scales: only weights have one per channel",
                _CONVERT,
                tensor=tensor,
            )
        elif found.axis != axis or found.scales.size != tensor.shape[axis]:
            reason = f"{found.scales.size} scales along dimension {found.axis}, needs {tensor.shape[axis]} along {axis}"
            yield view.about("error", reason, "convert the model again", tensor=tensor)


def zero_point_range(view: View) -> Iterator[Finding]:
    """Real zero is one of the codes."""
    for tensor in view.used_tensors():
        if tensor.quantisation is None or tensor.type not in _RANGES:
            continue
        low, high = _RANGES[tensor.type]
        points = tensor.quantisation.zero_points
        if int(points.min()) < low or int(points.max()) > high:
            reason = f"zero point {int(points[(points < low) | (points > high)][0])} is outside {low}..{high}"
            yield view.about("error", reason, "convert the model again", tensor=tensor)


def _int8_weights(view: View) -> Iterator[Operands]:
    return (operands for operands in weighted_operands(view.graph) if operands.weights.type == "INT8")


def weight_zero_point(view: View) -> Iterator[Finding]:
    """Int8 weights are symmetric: the kernels do not subtract a zero point from them."""
    for operands in _int8_weights(view):
        found = operands.weights.quantisation
        if found is not None and np.any(found.zero_points):
            reason = f"{np.count_nonzero(found.zero_points)} zero points of the weights are not 0"
            yield view.about("error", reason, _CONVERT, operator=operands.operator, tensor=operands.weights)


def tiny_weight_scale(view: View) -> Iterator[Finding]:
    """A dead channel keeps a scale that its bias can be expressed in."""
    for operands in _int8_weights(view):
        found = operands.weights.quantisation
        tiny = (
            0
            if found is None
            else np.count_nonzero((found.scales > 0) & (found.scales < _LEAST_WEIGHT_SCALE))
        )
        if found is not None and tiny:
            reason = f"{tiny} of {found.scales.size} weight scales are below {_LEAST_WEIGHT_SCALE:g} (dead channels)"
            fix = f"{_CONVERT}, which floors the scales of dead channels"
            yield view.about("error", reason, fix, operator=operands.operator, tensor=operands.weights)


def bias_form(view: View) -> Iterator[Finding]:
    """A bias is int32, one per channel, zero point 0, scale = input scale * weight scale."""
    for operands in weighted_operands(view.graph):
        bias = operands.bias
        if bias is None or operands.weights.type not in INTEGER8 or operands.input.type not in INTEGER8:
            continue
        reason = _bias_reason(operands, bias)
        if reason:
            yield view.about(
                "error", reason, "convert the model again", operator=operands.operator, tensor=bias
            )


def _bias_reason(operands: Operands, bias: Tensor) -> str:
    if bias.type != "INT32":
        return f"the bias is {bias.type}, not INT32"
    if bias.elements != operands.channels:
        return f"{bias.elements} biases for {operands.channels} channels"
    if bias.quantisation is None:
        return "the bias has no scale"
    if np.any(bias.quantisation.zero_points):
        return "the bias has a zero point that is not 0"
    return _bias_scale_reason(operands, bias.quantisation.scales)


def _bias_scale_reason(operands: Operands, found: npt.NDArray[np.float32]) -> str:
    source, weights = operands.input.scale, operands.weights.quantisation
    if source is None or weights is None:
        return ""  # missing_scale says so
    if found.size != weights.scales.size:
        return f"{found.size} bias scales for {weights.scales.size} weight scales"
    expected = source * weights.scales.astype(np.float64)
    wrong = np.abs(found - expected) > _BIAS_TOLERANCE * np.abs(expected)
    worst = int(np.argmax(wrong))
    if not wrong[worst]:
        return ""
    return (
        f"bias scale {float(found[worst]):g} is not input scale * weight scale = {float(expected[worst]):g}"
    )


def bias_overflow(view: View) -> Iterator[Finding]:
    """The 32-bit sum of bias and products cannot overflow, whatever the image."""
    largest: dict[int, int] = {}  # one look per buffer, however many operators share it
    for operands in weighted_operands(view.graph):
        bias = operands.bias
        if bias is None or bias.type != "INT32":
            continue
        if bias.buffer not in largest:
            values = bias.data()
            extremes = () if values is None or not values.size else (-int(values.min()), int(values.max()))
            largest[bias.buffer] = max(extremes, default=0)
        products = math.prod(operands.weights.shape) // max(operands.channels, 1) * 255 * 128
        if largest[bias.buffer] + products > _INT32_LARGEST:
            reason = f"a bias of {largest[bias.buffer]:,} and products up to {products:,} overflow 32 bits"
            fix = f"{_CONVERT}, which keeps |bias| below 2^29"
            yield view.about("error", reason, fix, operator=operands.operator, tensor=bias)


def fixed_output_scale(view: View) -> Iterator[Finding]:
    """Sigmoid and softmax give the codes that their kernels have built in."""
    for operator in view.graph.operators:
        for tensor in view.graph.results(operator):
            wanted = FIXED_OUTPUT.get(operator.builtin, {}).get(tensor.type)
            if wanted is None or tensor.scale is None or (tensor.scale, tensor.zero_point) == wanted:
                continue
            reason = f"output scale {tensor.scale:g}, zero point {tensor.zero_point}; the kernel gives 1/256 and {wanted[1]}"
            yield view.about(
                "error", reason, "fix the range of this output to 0..1", operator=operator, tensor=tensor
            )


def carried_scale(view: View) -> Iterator[Finding]:
    """Operators that only move codes have the same scale on both sides."""
    for operator in view.graph.operators:
        for source, result in _moved(view, operator):
            if (
                source.type in INTEGER8
                and None not in {source.scale, result.scale}
                and not _same_grid(source, result)
            ):
                reason = (
                    f"input scale {source.scale:g}, zero point {source.zero_point}; "
                    f"output {result.scale:g}, {result.zero_point}: codes are only moved"
                )
                yield view.about(
                    "error", reason, "give both sides one range", operator=operator, tensor=result
                )


def _moved(view: View, operator: Operator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the pairs of input and output between which codes are copied."""
    sources = view.graph.operands(operator)
    if operator.builtin == "CONCATENATION":  # the uint8 kernel rescales, the int8 kernel does not
        sources = tuple(tensor for tensor in sources if tensor.type == "INT8")
    elif operator.builtin in CARRIES_SCALE:
        sources = sources[:1]
    else:
        return
    for result in view.graph.results(operator):
        yield from ((source, result) for source in sources)


def _same_grid(left: Tensor, right: Tensor) -> bool:
    scales = left.scale or 0.0, right.scale or 0.0
    return math.isclose(*scales, rel_tol=1e-6) and left.zero_point == right.zero_point


def per_tensor_convolution(view: View) -> Iterator[Finding]:
    """Convolutions have one weight scale per channel."""
    for operands in _int8_weights(view):
        found = operands.weights.quantisation
        if (
            found is None
            or found.per_channel
            or operands.channels == 1
            or operands.operator.name == "FULLY_CONNECTED"
        ):
            continue
        reason = f"one weight scale for {operands.channels} channels: costs accuracy"
        yield view.about("warning", reason, _CONVERT, operator=operands.operator, tensor=operands.weights)


def per_channel_dense(view: View) -> Iterator[Finding]:
    """Dense layers have one weight scale: runtimes of 2021 and the Edge TPU compiler know no other."""
    for operands in _int8_weights(view):
        found = operands.weights.quantisation
        if found is not None and found.per_channel and operands.operator.name == "FULLY_CONNECTED":
            reason = f"{found.scales.size} weight scales of a dense layer: old runtimes and the Edge TPU compiler read one"
            yield view.about("warning", reason, _CONVERT, operator=operands.operator, tensor=operands.weights)
