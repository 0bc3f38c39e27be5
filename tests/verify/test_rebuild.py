"""verify.rebuild: the quantised graph comes back from the file's bytes alone, or the file is refused with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from verify.tiny_networks import SIDE_PX, pictures, rewritten, tiny

from edge_effnet.convert.options import OPERATORS
from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.inspect import read_model_bytes
from edge_effnet.models.graph import NodeKind
from edge_effnet.quantize.execute import input_values
from edge_effnet.runtimes import LocalModel
from edge_effnet.verify import NotRebuildable, rebuild
from edge_effnet.verify.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("swish", "mixed")
IO_TYPES = ("int8", "uint8", "float32")


def _first(model: Any, name: str) -> Any:
    """Return the first operator of a kind."""
    code = getattr(schema.BuiltinOperator, name)
    codes = [index for index, entry in enumerate(model.operatorCodes) if entry.builtinCode == code]
    return next(operator for operator in model.subgraphs[0].operators if operator.opcodeIndex in codes)


def test_every_kind_of_the_frozen_graph_has_a_row() -> None:
    """Whatever our writer emits for a node can be read back, and means the same kind."""
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    assert set(get_args(NodeKind)) == {row.kind for row in ROWS.values()}
    for kind in (*get_args(NodeKind), "relu6"):
        assert ROWS[names[OPERATORS[kind].code]].kind == kind.replace("relu6", "relu")


def test_the_two_networks_have_every_kind_between_them() -> None:
    """A kind without a network would be a kind without a test."""
    kinds = {node.kind for kind in KINDS for node in tiny(kind).quantized.graph.nodes}
    assert kinds == set(get_args(NodeKind))


@pytest.mark.parametrize("io", IO_TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_rebuilt_graph_writes_the_same_bytes(kind: str, io: str) -> None:
    """Grids, integers, paddings, strides, clamps and order: if one were lost, the file written again would differ."""
    content = tiny(kind).int8_file(io)
    found = rebuild(read_model_bytes(content)).quantized
    again = tflite_from_quantized(replace(found, graph=replace(found.graph, name=f"tiny-{kind}")), io=io)
    assert again == content


@pytest.mark.parametrize("kind", KINDS)
def test_a_rebuilt_graph_knows_where_its_layers_stand(kind: str) -> None:
    """Layer, block and part are read from the tensors' names as the frozen graph had them."""
    wanted, found = (
        tiny(kind).quantized.graph,
        rebuild(read_model_bytes(tiny(kind).int8_file())).quantized.graph,
    )
    assert [(node.layer, node.block, node.part) for node in found.nodes] == [
        (node.layer, node.block, node.part) for node in wanted.nodes
    ]
    assert found.resolution_px == SIDE_PX


@pytest.mark.parametrize("io", IO_TYPES)
def test_pixels_enter_a_rebuilt_graph_as_they_enter_the_folded_one(io: str) -> None:
    """Every pixel value becomes the same real value behind each interface, exactly."""
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=-1)
    found = rebuild(read_model_bytes(tiny().int8_file(io)))
    assert np.array_equal(found.input_values(pixels), input_values(tiny().quantized.graph, pixels))


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 4.0), st.integers(-128, 127))
def test_pixels_enter_on_whatever_grid_the_input_has(scale: float, zero_point: int) -> None:
    """Int8 = pixel - 128 holds for files of others too: the real value is scale * (code - zero point)."""

    def regrid(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.inputs[0]].quantization.scale = np.array([scale], np.float32)
        graph.tensors[graph.inputs[0]].quantization.zeroPoint = np.array([zero_point], np.int64)

    pixels = pictures(1)
    found = rebuild(read_model_bytes(rewritten(tiny().int8_file(), regrid)))
    wanted = np.float32(scale) * (pixels.astype(np.float64) - 128 - zero_point)
    assert np.allclose(found.input_values(pixels), wanted, rtol=1e-6, atol=1e-6 * scale)


def _rename(model: Any) -> None:
    model.subgraphs[0].tensors[_first(model, "MUL").outputs[0]].name = b"stem_conv"


def _dilate(model: Any) -> None:
    _first(model, "CONV_2D").builtinOptions.dilationHFactor = 2


def _tanh(model: Any) -> None:
    _first(model, "CONV_2D").builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.TANH


def _squeeze_mean(model: Any) -> None:
    _first(model, "MEAN").builtinOptions.keepDims = False


def _other_operator(model: Any) -> None:
    code = model.operatorCodes[_first(model, "LOGISTIC").opcodeIndex]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TANH


def _asymmetric_weights(model: Any) -> None:
    weights = model.subgraphs[0].tensors[_first(model, "FULLY_CONNECTED").inputs[1]]
    weights.quantization.zeroPoint = np.array([3], np.int64)


def _float_activation(model: Any) -> None:
    model.subgraphs[0].tensors[_first(model, "LOGISTIC").outputs[0]].type = schema.TensorType.FLOAT32


def _no_scale(model: Any) -> None:
    model.subgraphs[0].tensors[_first(model, "LOGISTIC").outputs[0]].quantization = None


def _requantise_inside(model: Any) -> None:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    model.operatorCodes.append(code)
    _first(model, "LOGISTIC").opcodeIndex = len(model.operatorCodes) - 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_rename, "same name"),
        (_dilate, "dilated"),
        (_tanh, "followed by TANH"),
        (_squeeze_mean, "keeps its dimensions"),
        (_other_operator, "TANH, is not in the table"),
        (_asymmetric_weights, "not symmetric int8"),
        (_float_activation, "FLOAT32, not INT8"),
        (_no_scale, "does not have one scale"),
        (_requantise_inside, "QUANTIZE, is not in the table"),
    ],
)
def test_what_the_table_does_not_know_is_refused_by_name(change: Callable[[Any], None], words: str) -> None:
    """A graph that is nearly the file's would prove nothing."""
    content = rewritten(tiny().int8_file(), change)
    with pytest.raises(NotRebuildable, match=words):
        rebuild(read_model_bytes(content))


def test_a_uint8_interface_that_rescales_is_refused() -> None:
    """Pixels would then not be codes + 128."""

    def rescale(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.inputs[0]].quantization.scale = np.array([0.5], np.float32)

    with pytest.raises(NotRebuildable, match="rescales"):
        rebuild(read_model_bytes(rewritten(tiny().int8_file("uint8"), rescale)))


def test_a_float_file_is_refused() -> None:
    """There is nothing quantised in it."""
    with pytest.raises(NotRebuildable, match="instead of a QUANTIZE"):
        rebuild(read_model_bytes(tiny().float_file()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_both_networks_run(kind: str) -> None:
    """What is rebuilt is a file that an engine accepts, with every kind of operator in it."""
    model = LocalModel(tiny(kind).int8_file(), "reference")
    assert np.isfinite(model.logits(pictures(1)[0])).all()
