"""Where the rules of the integer gate begin and end: the last value that is accepted, the first that is not, and absent parts."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from build_model import CONV_WEIGHTS, INPUT_SCALE, Sketch, clean

from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit


def _rules(sketch: Sketch) -> set[str]:
    return {finding.rule for finding in audit(read_model_bytes(sketch.pack())).findings}


def _drop_bias(sketch: Sketch) -> None:
    """Leave the convolution's bias out, file included."""
    place = sketch.index("conv/b")
    sketch.operator("CONV_2D").inputs = sketch.operator("CONV_2D").inputs[:2]
    for operator in sketch.graph.operators:
        operator.inputs = [index - (index > place) for index in operator.inputs]
        operator.outputs = [index - (index > place) for index in operator.outputs]
    sketch.graph.outputs = [index - (index > place) for index in sketch.graph.outputs]
    buffer = sketch.graph.tensors.pop(place).buffer
    sketch.model.buffers[buffer].data = None


def test_a_convolution_without_a_bias_is_clean():
    """A bias is optional, left out or marked as left out."""
    sketch = clean()
    _drop_bias(sketch)
    assert _rules(sketch) == set()
    sketch.operator("CONV_2D").inputs.append(-1)
    assert _rules(sketch) == set()


def test_float_arithmetic_with_int8_weights_is_told_once():
    """Weights in 8 bits, activations and bias in float: the bias of such a layer is right to be float."""
    sketch = clean()
    for name in ("input", "conv", "conv/b"):
        sketch.tensor(name).type, sketch.tensor(name).quantization = schema.TensorType.FLOAT32, None
    assert _rules(sketch) == {"interface_type", "float_tensor"}


def test_a_float_layer_in_an_int8_graph_is_told_once():
    """Weights in float as well."""
    sketch = clean()
    sketch.set_data("conv/w", np.zeros((4, 3, 3, 3), np.float32))
    for name in ("conv/w", "conv/b"):
        sketch.tensor(name).type, sketch.tensor(name).quantization = schema.TensorType.FLOAT32, None
    assert _rules(sketch) == {"float_tensor"}


def test_weights_without_a_scale_are_told_once():
    """No second finding from rules that compare with the scale that is not there."""
    sketch = clean()
    sketch.tensor("conv/w").quantization = None
    sketch.tensor("dense/w").quantization = None
    sketch.tensor("swish").quantization = None
    assert _rules(sketch) == {"missing_scale"}


def test_a_bias_without_values_is_no_constant():
    """Nothing has written it, and it is int32 where an activation would be 8-bit; its values are not looked for."""
    sketch = clean()
    sketch.tensor("conv/b").buffer = 0
    sketch.model.buffers[2].data = None
    assert _rules(sketch) == {"execution_order", "wide_activation"}


def test_an_empty_bias_has_the_wrong_count():
    """No values at all do not crash the look for the largest."""
    sketch = clean()
    sketch.tensor("conv/b").shape = [0]
    sketch.tensor("conv/b").buffer = 0
    sketch.model.buffers[2].data = None
    assert _rules(sketch) == {"bias_form"}


@pytest.mark.parametrize(
    ("off", "rules"), [(5e-5, set()), (2e-4, {"bias_form"}), (0.01, {"bias_form"}), (-0.01, {"bias_form"})]
)
def test_bias_scales_may_be_off_by_rounding_only(off: float, rules: set[str]):
    """The tolerance is one part in ten thousand."""
    sketch = clean()
    sketch.tensor("conv/b").quantization.scale = [INPUT_SCALE * scale * (1 + off) for scale in CONV_WEIGHTS]
    assert _rules(sketch) == rules


@pytest.mark.parametrize(("above", "rules"), [(0, set()), (1, {"bias_overflow"})])
def test_a_bias_may_use_what_the_products_leave(above: int, rules: set[str]):
    """27 products of at most 255 * 128 fit between the bias and 2^31 - 1."""
    sketch = clean()
    sketch.set_data("conv/b", np.int32([0, 0, 0, 2**31 - 1 - 27 * 255 * 128 + above]))
    assert _rules(sketch) == rules


@pytest.mark.parametrize(
    ("zero_point", "rules"),
    [(127, set()), (128, {"zero_point_range"}), (-128, set()), (-129, {"zero_point_range"})],
)
def test_zero_points_reach_to_both_ends_of_int8(zero_point: int, rules: set[str]):
    """-128 and 127 are codes."""
    sketch = clean()
    sketch.tensor("conv").quantization.zeroPoint = [zero_point]
    assert _rules(sketch) == rules


@pytest.mark.parametrize(
    ("zero_point", "rules"),
    [(0, set()), (255, set()), (256, {"zero_point_range"}), (-1, {"zero_point_range"})],
)
def test_zero_points_reach_to_both_ends_of_uint8(zero_point: int, rules: set[str]):
    """0 and 255 are codes."""
    sketch = clean()
    sketch.tensor("conv").type = schema.TensorType.UINT8
    sketch.tensor("conv").quantization.zeroPoint = [zero_point]
    assert _rules(sketch) == rules


@pytest.mark.parametrize(("scale", "rules"), [(1.0001e-9, set()), (0.9999e-9, {"tiny_weight_scale"})])
def test_weight_scales_are_floored_at_a_billionth(scale: float, rules: set[str]):
    """The exporter's floor is above it."""
    sketch = clean()
    sketch.tensor("conv/w").quantization.scale = [scale] * 4
    sketch.tensor("conv/b").quantization.scale = [scale * INPUT_SCALE] * 4
    assert _rules(sketch) == rules


def test_a_weight_scale_of_zero_is_invalid_and_not_tiny():
    """One thing is said once."""
    sketch = clean()
    sketch.tensor("conv/w").quantization.scale = [0.0, *CONV_WEIGHTS[1:]]
    sketch.tensor("conv/b").quantization.scale = [0.0, *(INPUT_SCALE * scale for scale in CONV_WEIGHTS[1:])]
    assert _rules(sketch) == {"invalid_scale"}


def test_too_few_scales_along_the_right_dimension_are_an_error():
    """Three scales for four channels."""
    sketch = clean()
    sketch.tensor("conv/w").quantization.scale = CONV_WEIGHTS[:3]
    sketch.tensor("conv/w").quantization.zeroPoint = [0] * 3
    assert "scale_count" in _rules(sketch)


def test_one_channel_needs_one_scale():
    """A convolution to one channel is per channel by nature."""
    sketch = Sketch()
    sketch.add_tensor("x", [1, 4, 4, 3], scale=0.5)
    sketch.add_tensor("w", [1, 1, 1, 3], scale=0.1, data=[1, 2, 3])
    sketch.add_tensor("y", [1, 4, 4, 1], scale=0.5)
    sketch.add_operator("CONV_2D", ["x", "w"], ["y"], options=schema.Conv2DOptionsT())
    sketch.graph.inputs, sketch.graph.outputs = [0], [2]
    assert _rules(sketch) == set()


def test_another_zero_point_alone_is_another_grid():
    """RESHAPE copies codes."""
    sketch = clean()
    sketch.tensor("flat").quantization.zeroPoint = [3]
    assert _rules(sketch) == {"carried_scale"}


def test_moving_codes_without_a_scale_is_told_once():
    """There is nothing to compare."""
    sketch = clean()
    sketch.tensor("mean").quantization = None
    assert _rules(sketch) == {"missing_scale"}


def test_moving_wide_integers_is_no_matter_of_scales():
    """RESHAPE of int32 with leftovers of quantisation."""
    sketch = clean()
    for name, scale in (("mean", 0.1), ("flat", 0.2)):
        sketch.tensor(name).type = schema.TensorType.INT32
        sketch.tensor(name).quantization.scale = [scale]
    assert "carried_scale" not in _rules(sketch)


def test_a_sigmoid_without_a_scale_is_told_once():
    """Missing is not wrong."""
    sketch = clean()
    sketch.tensor("sigmoid").quantization = None
    assert _rules(sketch) == {"missing_scale"}


@pytest.mark.parametrize(
    ("name", "cap"),
    [("CONV_2D", 5), ("DEPTHWISE_CONV_2D", 6), ("FULLY_CONNECTED", 9), ("MEAN", 3), ("MUL", 4)],
)
def test_versions_up_to_the_cap_are_read_by_old_runtimes(name: str, cap: int):
    """The cap itself is fine, the next version is not."""
    sketch = clean()
    sketch.set_version(name, cap)
    assert _rules(sketch) == set()
    sketch.set_version(name, cap + 1)
    assert _rules(sketch) == {"operator_version"}


def test_an_operator_without_a_cap_may_have_any_version():
    """What the compiler does not know at all is not a matter of versions."""
    sketch = clean()
    sketch.model.operatorCodes[1].builtinCode = schema.BuiltinOperator.GELU
    sketch.model.operatorCodes[1].version = 9
    assert _rules(sketch) == set()


def test_a_state_that_is_kept_between_runs_may_be_read_first_and_written_later():
    """A variable tensor has a value before anything writes it."""
    sketch = clean()
    sketch.add_tensor("state", [1, 4, 4, 4], scale=0.05, zero=-120)
    sketch.tensor("state").isVariable = True
    sketch.replace_input("MUL", 1, "state")
    assert _rules(sketch) == set()
    sketch.add_operator("MUL", ["conv", "sigmoid"], ["state"], version=2)
    assert _rules(sketch) == set()


def test_writing_a_constant_is_an_error():
    """Weights are not results."""
    sketch = clean()
    sketch.add_operator("LOGISTIC", ["conv"], ["mean/axes"], version=2)
    assert "execution_order" in _rules(sketch)


def test_a_scalar_input_has_no_batch():
    """An empty shape is one value."""
    sketch = clean()
    sketch.add_tensor("gain", [], scale=0.1)
    sketch.graph.inputs.append(sketch.index("gain"))
    sketch.replace_input("MUL", 1, "gain")
    assert _rules(sketch) == set()


def test_an_odd_output_is_told_once():
    """The interface's rule judges inputs and outputs; the others look inside."""
    sketch = clean()
    sketch.tensor("logits").type = schema.TensorType.BOOL
    assert _rules(sketch) == {"interface_type"}


def test_a_graph_without_inputs_is_empty():
    """Nothing to look at an image with."""
    sketch = clean()
    sketch.graph.inputs = []
    assert "empty_graph" in _rules(sketch)


@pytest.mark.parametrize(("shape", "rules"), [([], {"malformed_operator"}), ([5], set()), ([1, 1, 5], set())])
def test_a_softmax_needs_a_dimension_and_takes_more(shape: list[int], rules: set[str]):
    """The rank of weights is exact, that of an activation is a minimum."""
    sketch = clean()
    for name in ("wide", "scores"):
        sketch.add_tensor(name, shape, scale=1 / 256, zero=-128)
    sketch.add_operator("LOGISTIC", ["logits"], ["wide"])
    sketch.add_operator("SOFTMAX", ["wide"], ["scores"])
    assert _rules(sketch) == rules


def test_a_custom_operator_may_have_no_result():
    """Only the kernels of the runtime are known to have one."""
    sketch = clean()
    sketch.add_operator("log", ["conv"], [])
    assert _rules(sketch) == {"foreign_operator"}


def test_a_conversion_without_operands_is_malformed_and_no_crash():
    """Looking through the conversion at the end finds nothing."""
    sketch = clean()
    sketch.add_tensor("bytes", [1, 5], "UINT8", scale=0.1)
    sketch.add_operator("QUANTIZE", [], ["bytes"])
    sketch.graph.outputs = [sketch.index("bytes")]
    assert _rules(sketch) == {"conversion_operator"}


def test_a_float_softmax_has_no_steps():
    """Ties are the matter of 8 bits."""
    sketch = clean()
    sketch.add_tensor("scores", [1, 5], "FLOAT32")
    sketch.add_operator("SOFTMAX", ["logits"], ["scores"])
    sketch.graph.outputs = [sketch.index("scores")]
    assert _rules(sketch) == {"interface_type"}


def _conversion(kind: str, source: str, inner: str) -> tuple[str, str]:
    """A QUANTIZE or DEQUANTIZE behind the swish; return its severity and reason under --io float32."""
    sketch = clean()
    sketch.add_tensor("converted", [1, 4, 4, 4], inner, scale=0.05)
    sketch.add_operator(kind, [source], ["converted"])
    findings = audit(read_model_bytes(sketch.pack()), io="float32").findings
    return next((f.severity, f.reason) for f in findings if f.rule == "conversion_operator")


def test_a_conversion_inside_says_whether_it_leaves_8_bits():
    """Requantisation and fall-back are different faults."""
    assert _conversion("DEQUANTIZE", "swish", "FLOAT32") == (
        "error",
        "INT8→FLOAT32 inside the graph: a part of it is not 8-bit",
    )
    assert _conversion("QUANTIZE", "swish", "UINT8") == (
        "error", "INT8→UINT8 inside the graph: its neighbours have different scales",
    )  # fmt: skip


def test_a_conversion_at_the_border_to_16_bits_is_an_error():
    """A declared float interface excuses float to int8, not float to int16."""
    sketch = clean()
    sketch.add_tensor("image", [1, 4, 4, 4], "FLOAT32")
    sketch.add_operator("QUANTIZE", ["image"], ["sigmoid"])
    sketch.graph.operators.insert(0, sketch.graph.operators.pop())
    del sketch.graph.operators[2]
    sketch.graph.inputs.append(sketch.index("image"))
    severities = [
        f.severity
        for f in audit(read_model_bytes(sketch.pack()), io="float32").findings
        if f.op == "QUANTIZE"
    ]
    assert severities == ["info"]
    sketch.tensor("sigmoid").type = schema.TensorType.INT16
    findings = audit(read_model_bytes(sketch.pack()), io="float32").findings
    assert ("conversion_operator", "error") in {(f.rule, f.severity) for f in findings}
