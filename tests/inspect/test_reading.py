"""Reading a .tflite file into records."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from build_model import CONV_WEIGHTS, Sketch, clean

from edge_effnet.errors import DataError
from edge_effnet.inspect import read_model, read_model_bytes

if TYPE_CHECKING:
    from pathlib import Path


def _tensor(sketch: Sketch, name: str):
    graph = read_model_bytes(sketch.pack()).main
    return next(tensor for tensor in graph.tensors if tensor.name == name)


def test_a_graph_keeps_names_types_shapes_and_order():
    """What was written is what is read."""
    model = read_model_bytes(clean().pack())
    graph = model.main
    assert (model.version, model.description, graph.name) == (3, "sketch", "main")
    assert [operator.name for operator in graph.operators] == [
        "CONV_2D", "LOGISTIC", "MUL", "DEPTHWISE_CONV_2D", "MEAN", "RESHAPE", "FULLY_CONNECTED",
    ]  # fmt: skip
    assert [operator.version for operator in graph.operators] == [3, 2, 2, 3, 2, 1, 4]
    assert [(t.name, t.type, t.shape) for t in graph.input_tensors] == [("input", "INT8", (1, 8, 8, 3))]
    assert [(t.name, t.type, t.shape) for t in graph.output_tensors] == [("logits", "INT8", (1, 5))]
    assert [t.name for t in graph.operands(graph.operators[0])] == ["input", "conv/w", "conv/b"]


def test_options_are_read_for_the_kinds_that_have_them():
    """Strides, padding, activation, multiplier, kept dimensions."""
    operators = {
        operator.name: operator.options for operator in read_model_bytes(clean().pack()).main.operators
    }
    conv, depthwise = operators["CONV_2D"], operators["DEPTHWISE_CONV_2D"]
    assert (conv.strides, conv.dilation, conv.padding, conv.activation) == ((2, 2), (1, 1), "SAME", "RELU6")
    assert (depthwise.strides, depthwise.depth_multiplier, depthwise.activation) == ((1, 1), 1, "NONE")
    assert operators["MEAN"].keep_dims is True
    assert operators["FULLY_CONNECTED"].weights_format == "DEFAULT"
    assert operators["LOGISTIC"].strides is None


def test_vertical_and_horizontal_settings_are_not_mixed_up():
    """The first number of a pair is vertical."""
    sketch = clean()
    options = sketch.operator("CONV_2D").builtinOptions
    options.strideH, options.strideW, options.dilationHFactor, options.dilationWFactor = 2, 3, 4, 5
    read = read_model_bytes(sketch.pack()).main.operators[0].options
    assert (read.strides, read.dilation) == ((2, 3), (4, 5))


def test_quantisation_is_scales_zero_points_and_axis():
    """Per channel along an axis, per tensor with one scale, none for a shape."""
    weights, activation = _tensor(clean(), "depthwise/w"), _tensor(clean(), "conv")
    np.testing.assert_allclose(weights.quantisation.scales, np.float32([0.011, 0.012, 0.013, 0.014]))
    assert weights.quantisation.axis == 3
    assert weights.quantisation.per_channel
    assert (weights.scale, weights.zero_point) == (None, None)
    assert (activation.scale, activation.zero_point) == (pytest.approx(0.05), 3)
    assert _tensor(clean(), "mean/axes").quantisation is None


def test_scales_without_zero_points_have_zero_point_0():
    """A file may leave zero points out."""
    sketch = clean()
    sketch.tensor("conv/w").quantization.zeroPoint = None
    assert _tensor(sketch, "conv/w").quantisation.zero_points.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("type_", "values"),
    [("INT8", [-128, 127]), ("UINT8", [0, 255]), ("INT16", [-300, 300]), ("INT32", [-(2**31), 7]), ("INT64", [2**40, -1]), ("FLOAT32", [0.5, -2])],
)  # fmt: skip
def test_constants_come_back_as_they_were(type_: str, values: list[float]):
    """Values, type and shape."""
    sketch = Sketch()
    sketch.add_tensor("constant", [2, 1], type_, data=values)
    data = _tensor(sketch, "constant").data()
    assert data.shape == (2, 1)
    assert data.ravel().tolist() == values
    assert not data.flags.writeable


def test_an_activation_has_no_data():
    """Only constants have values in the file."""
    tensor = _tensor(clean(), "conv")
    assert tensor.data() is None
    assert not tensor.is_constant


def test_types_that_numpy_does_not_have_give_no_data():
    """Four-bit weights are kept as bytes."""
    sketch = Sketch()
    sketch.add_tensor("w", [4], data=[1, 2, 3, 4])
    sketch.tensor("w").type = schema.TensorType.INT4
    assert _tensor(sketch, "w").type == "INT4"
    assert _tensor(sketch, "w").data() is None


def test_a_sparse_constant_is_read_and_not_interpreted():
    """Its buffer is an encoding, so that its size is its own."""
    sketch = Sketch()
    sketch.add_tensor("w", [100], data=[1, 2, 3])
    sketch.tensor("w").sparsity = schema.SparsityParametersT()
    tensor = _tensor(sketch, "w")
    assert tensor.is_sparse
    assert tensor.size_bytes == 3
    assert tensor.data() is None


def test_a_custom_operator_without_a_code_is_named_custom():
    """Nothing is nameless."""
    sketch = clean()
    sketch.add_operator("mine", ["conv"], ["sigmoid"])
    sketch.model.operatorCodes[-1].customCode = None
    assert read_model_bytes(sketch.pack()).main.operators[-1].name == "CUSTOM"


def test_a_type_newer_than_the_schema_keeps_its_number():
    """An unknown type is a fact to report, not a crash."""
    sketch = Sketch()
    sketch.add_tensor("x", [1])
    sketch.tensor("x").type = 99
    assert _tensor(sketch, "x").type == "TYPE_99"


def test_an_operator_newer_than_the_schema_keeps_its_number():
    """An unknown operator is a fact to report, not a crash."""
    sketch = clean()
    sketch.model.operatorCodes[1].builtinCode = 100_000
    assert read_model_bytes(sketch.pack()).main.operators[1].name == "BUILTIN_100000"


def test_old_files_have_the_operator_code_in_one_byte():
    """The schema kept both fields; the larger one counts."""
    sketch = clean()
    for code in sketch.model.operatorCodes:
        code.builtinCode = 0
    assert read_model_bytes(sketch.pack()).main.operators[1].name == "LOGISTIC"


def test_custom_operators_are_told_from_builtin_ones_by_kind():
    """A custom operator may call itself as it likes."""
    sketch = clean()
    sketch.add_operator("FlexErf", ["conv"], ["sigmoid"])
    sketch.add_operator("mine", ["conv"], ["sigmoid"])
    sketch.model.operatorCodes[-1].customCode = b"CONV_2D"
    flex, custom = read_model_bytes(sketch.pack()).main.operators[-2:]
    assert (flex.name, flex.kind, flex.builtin) == ("FlexErf", "flex", "")
    assert (custom.name, custom.kind, custom.builtin) == ("CONV_2D", "custom", "")


def test_an_operand_that_is_left_out_is_none():
    """Index -1 is an optional input."""
    sketch = clean()
    sketch.operator("CONV_2D").inputs[2] = -1
    graph = read_model_bytes(sketch.pack()).main
    assert graph.operand(graph.operators[0], 2) is None
    assert graph.operand(graph.operators[0], 3) is None
    assert [t.name for t in graph.operands(graph.operators[0])] == ["input", "conv/w"]


def test_producers_and_consumers_join_the_graph():
    """Every activation has one writer; a tensor read twice by one operator counts it once."""
    sketch = clean()
    sketch.operator("MUL").inputs = [sketch.index("conv")] * 2
    graph = read_model_bytes(sketch.pack()).main
    assert graph.producers[sketch.index("swish")].name == "MUL"
    assert [operator.name for operator in graph.consumers[sketch.index("conv")]] == ["LOGISTIC", "MUL"]
    assert sketch.index("input") not in graph.producers


def test_metadata_and_signatures_are_read():
    """Named blobs and named entry points."""
    sketch = clean()
    sketch.add_metadata("note", b"hello")
    names = (
        schema.TensorMapT(name=b"image", tensorIndex=0),
        schema.TensorMapT(name=b"scores", tensorIndex=sketch.index("logits")),
    )
    sketch.model.signatureDefs.append(
        schema.SignatureDefT(inputs=[names[0]], outputs=[names[1]], signatureKey=b"serve")
    )
    model = read_model_bytes(sketch.pack())
    assert model.metadata == {"note": b"hello"}
    assert model.signatures[0].key == "serve"
    assert model.signatures[0].inputs == {"image": 0}
    assert model.signatures[0].outputs == {"scores": sketch.index("logits")}


def test_shape_signature_tells_open_dimensions():
    """-1 in the signature or in the shape."""
    sketch = clean()
    sketch.tensor("input").shapeSignature = [-1, 8, 8, 3]
    tensor = _tensor(sketch, "input")
    assert tensor.shape_signature == (-1, 8, 8, 3)
    assert tensor.is_dynamic
    assert not _tensor(clean(), "input").is_dynamic


def test_weights_beyond_the_flatbuffer_are_found():
    """Files above 2 GB keep buffers behind the flatbuffer, at an offset."""
    sketch = Sketch()
    sketch.add_tensor("w", [3], data=[1, 2, 3])
    buffer = sketch.model.buffers[1]
    buffer.data, buffer.offset, buffer.size = None, 1 << 20, 3
    short = sketch.pack()
    file = short + bytes((1 << 20) - len(short)) + bytes([4, 5, 6])
    assert read_model_bytes(file).main.tensors[0].data().tolist() == [4, 5, 6]
    with pytest.raises(DataError, match="beyond the end"):
        read_model_bytes(file[:-1])


def test_weights_are_views_that_outlive_the_reader(tmp_path: Path):
    """A file is mapped, not copied, and may be deleted while its records live."""
    path = tmp_path / "model.tflite"
    path.write_bytes(clean().pack())
    tensor = next(t for t in read_model(path).main.tensors if t.name == "conv/b")
    path.unlink()
    gc.collect()
    assert not tensor.raw.flags.owndata
    assert tensor.data().tolist() == [0, 1, 2, 3]


def test_the_reader_agrees_with_the_runtime():
    """Names, shapes, types and scales are those that the LiteRT interpreter reports."""
    file = clean().pack()
    details = {detail["index"]: detail for detail in Interpreter(model_content=file).get_tensor_details()}
    tensors = read_model_bytes(file).main.tensors
    assert {details[t.index]["name"] for t in tensors} == {t.name for t in tensors}
    for tensor in tensors:
        detail = details[tensor.index]
        assert tuple(detail["shape"]) == tensor.shape
        assert np.dtype(detail["dtype"]).name == tensor.type.lower()
        scales = [] if tensor.quantisation is None else tensor.quantisation.scales
        np.testing.assert_array_equal(detail["quantization_parameters"]["scales"], scales)
    assert tensors[1].quantisation.scales.tolist() == pytest.approx(CONV_WEIGHTS)
