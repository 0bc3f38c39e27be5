"""What the compiler would take, operator by operator, and what would stop it: each condition broken once."""

from __future__ import annotations

import contextlib
import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from build_model import Sketch, clean, conv_options
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.errors import DataError, UsageError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.edgetpu import Prediction, predict
from edge_effnet.inspect.edgetpu_activations import live_bytes, tile_bytes
from edge_effnet.inspect.edgetpu_ops import MAPPED, OPERATORS, SECOND_SUBGRAPH
from edge_effnet.inspect.kinds import EDGETPU_VERSION_CAPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def prediction(sketch: Sketch, runtime: int = 14) -> Prediction:
    """Judge a sketch."""
    return predict(read_model_bytes(sketch.pack()), runtime=runtime)


def test_the_clean_network_is_mapped_whole() -> None:
    """Nothing to say but what is not known for sure."""
    found = prediction(clean())
    assert found.compiles
    assert len(found.mapped) == len(found.layers) == 7
    assert {finding.severity for finding in found.findings} == {"info"}
    assert found.as_json()["label"] == "predicted"


def test_the_table_of_operators_is_the_sheets(shared: Path) -> None:
    """Every supported row with its first runtime; what the sheet excludes is not there."""
    with (shared / "facts/edgetpu_ops.csv").open(encoding="utf-8") as stream:
        sheet = {row["op"]: row["min_runtime"] for row in csv.DictReader(stream)}
    supported = {op: int(runtime) for op, runtime in sheet.items() if runtime != "-"}
    own = {op: row.min_runtime for op, row in OPERATORS.items() if op != "UNIDIRECTIONAL_SEQUENCE_LSTM"}
    assert own == supported
    assert not {op for op, runtime in sheet.items() if runtime == "-"} & OPERATORS.keys()


def one_operator(
    name: str,
    shapes: list[list[int]],
    output: list[int],
    *,
    constants: dict[int, Any] | None = None,
    options: Any = None,
    types: str = "INT8",
    version: int = 1,
) -> Sketch:
    """Return a network of one operator; ``constants`` gives the values of inputs that are constants."""
    sketch = Sketch()
    constants = constants or {}
    for place, shape in enumerate(shapes):
        values = constants.get(place)
        kind = types if values is None else {"i": "INT32", "b": "INT8"}[np.asarray(values).dtype.char]
        sketch.add_tensor(
            f"in{place}", shape, kind, scale=1.0 if kind in {"INT8", "UINT8"} else None, data=values
        )
    sketch.add_tensor("out", output, types, scale=1.0 if types != "FLOAT32" else None)
    places = list(range(len(shapes)))
    sketch.add_operator(name, [f"in{place}" for place in places], ["out"], options=options, version=version)
    sketch.graph.inputs = [place for place in places if place not in constants]
    sketch.graph.outputs = [len(shapes)]
    return sketch


@dataclass(frozen=True)
class Limit:
    """One operator beyond its limit: what it is, and what the reason must say."""

    what: str
    sketch: Callable[[], Sketch]
    says: str
    status: str = "Operation is otherwise supported"
    runtime: int = 14


ints = np.int32
MAP = [1, 4, 4, 8]
relu = schema.ActivationFunctionType.RELU


def _weights(*shape: int) -> Any:
    return np.zeros(shape, np.int8)


def _conv(**fields: Any) -> Any:
    options = conv_options()
    for field, value in fields.items():
        setattr(options, field, value)
    return options


LIMITS = (
    Limit("pool with clamp", lambda: one_operator("MAX_POOL_2D", [MAP], MAP, options=schema.Pool2DOptionsT(fusedActivationFunction=relu)), "fused activation RELU"),
    Limit("join with clamp", lambda: one_operator("CONCATENATION", [MAP, MAP], [1, 4, 4, 16], options=schema.ConcatenationOptionsT(axis=3, fusedActivationFunction=relu)), "fused activation"),
    Limit("join with constant", lambda: one_operator("CONCATENATION", [MAP, MAP], [1, 4, 4, 16], constants={1: np.ones(MAP, np.int8)}), "zero padding"),
    Limit("join of three", lambda: one_operator("CONCATENATION", [MAP, MAP, MAP], [1, 4, 4, 24], constants={1: np.zeros(MAP, np.int8)}), "zero padding"),
    Limit("dilation by direction", lambda: one_operator("CONV_2D", [MAP, [8, 3, 3, 8]], MAP, constants={1: _weights(8, 3, 3, 8)}, options=_conv(dilationHFactor=2)), "dilation 2x1"),
    Limit("dilated depthwise, old", lambda: one_operator("DEPTHWISE_CONV_2D", [MAP, [1, 3, 3, 8]], MAP, constants={1: _weights(1, 3, 3, 8)}, options=schema.DepthwiseConv2DOptionsT(dilationHFactor=2, dilationWFactor=2)), "needs runtime 13", runtime=12),
    Limit("dense of two rows", lambda: one_operator("FULLY_CONNECTED", [[2, 8], [4, 8]], [2, 4], constants={1: _weights(4, 8)}), "more than one row"),
    Limit("shuffled weights", lambda: one_operator("FULLY_CONNECTED", [[1, 8], [4, 8]], [1, 4], constants={1: _weights(4, 8)}, options=schema.FullyConnectedOptionsT(weightsFormat=1)), "SHUFFLED"),
    Limit("mean over batch", lambda: one_operator("MEAN", [MAP, [1]], [4, 4, 8], constants={1: ints([0])}), "over the batch"),
    Limit("mean over 6 channels", lambda: one_operator("MEAN", [[1, 4, 4, 6], [1]], [1, 4, 4], constants={1: ints([-1])}), "6 channels"),
    Limit("mean over channels, old", lambda: one_operator("MEAN", [MAP, [1]], [1, 4, 4], constants={1: ints([3])}), "needs runtime 13", runtime=12),
    Limit("sum over batch", lambda: one_operator("SUM", [MAP, [1]], [4, 4, 8], constants={1: ints([0])}), "over the batch"),
    Limit("max over batch", lambda: one_operator("REDUCE_MAX", [MAP, [1]], [4, 4, 8], constants={1: ints([-4])}), "over the batch"),
    Limit("padded batch", lambda: one_operator("PAD", [MAP, [4, 2]], MAP, constants={1: ints([[1, 0], [0, 0], [0, 0], [0, 0]])}), "pads the batch"),
    Limit("padded channels, old", lambda: one_operator("PAD", [MAP, [4, 2]], MAP, constants={1: ints([[0, 0], [0, 0], [0, 0], [0, 4]])}), "needs runtime 13", runtime=12),
    Limit("packed batch", lambda: one_operator("PACK", [[4, 8], [4, 8]], [2, 4, 8], options=schema.PackOptionsT(axis=0, valuesCount=2)), "along the batch"),
    Limit("split batch", lambda: one_operator("SPLIT", [[1], MAP], MAP, constants={0: ints([0])}), "along the batch"),
    Limit("slopes by place", lambda: one_operator("PRELU", [MAP, [4, 4, 8]], MAP, constants={1: _weights(4, 4, 8)}), "by place"),
    Limit("long softmax", lambda: one_operator("SOFTMAX", [[1, 16001]], [1, 16001]), "16,001 inputs"),
    Limit("softmax of rows", lambda: one_operator("SOFTMAX", [[4, 8]], [4, 8]), "more than one row"),
    Limit("slice in steps", lambda: one_operator("STRIDED_SLICE", [MAP, [4], [4], [4]], MAP, constants={1: ints([0] * 4), 2: ints([1, 4, 4, 8]), 3: ints([1, 2, 1, 1])}), "not all 1"),
    Limit("slice with ellipsis", lambda: one_operator("STRIDED_SLICE", [MAP, [4], [4], [4]], MAP, constants={1: ints([0] * 4), 2: ints([1, 4, 4, 8]), 3: ints([1] * 4)}, options=schema.StridedSliceOptionsT(ellipsisMask=1)), "ellipsis"),
    Limit("inner squeeze, old", lambda: one_operator("SQUEEZE", [[1, 4, 1, 8]], [1, 4, 8]), "needs runtime 13", runtime=12),
    Limit("new operator, old", lambda: one_operator("TRANSPOSE", [MAP, [4]], MAP, constants={1: ints([0, 2, 1, 3])}), "needs runtime 14", "Operation not supported", 13),
    Limit("hard swish", lambda: one_operator("HARD_SWISH", [MAP], MAP), "not among the operators", "Operation not supported"),
    Limit("leaky relu", lambda: one_operator("LEAKY_RELU", [MAP], MAP), "not among the operators", "Operation not supported"),
    Limit("custom", lambda: one_operator("MINE", [MAP], MAP), "not among the operators", "Operation not supported"),
    Limit("16-bit", lambda: one_operator("LOGISTIC", [MAP], MAP, types="INT16"), "is int16", "Operation is working on an unsupported data type"),
    Limit("float", lambda: one_operator("RELU", [MAP], MAP, types="FLOAT32"), "is float32", "Operation is working on an unsupported data type"),
    Limit("four dimensions", lambda: one_operator("RELU", [[2, 4, 4, 8]], [2, 4, 4, 8]), "last 3 dimensions", "Tensor has unsupported rank"),
    Limit("computed weights", lambda: one_operator("CONV_2D", [MAP, [8, 3, 3, 8]], MAP, options=conv_options()), "input 1 (in1) is computed", "Filter, bias, or other param"),
    Limit("computed axes", lambda: one_operator("MEAN", [MAP, [2]], [1, 8], types="INT8"), "is computed", "Filter, bias, or other param"),
)  # fmt: skip


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.what)
def test_each_limit_leaves_its_operator_on_the_cpu(limit: Limit) -> None:
    """With the status of the compiler's log, a reason with the numbers, and a fix."""
    found = prediction(limit.sketch(), limit.runtime)
    (layer,) = found.layers
    assert layer.status.startswith(limit.status)
    assert not layer.mapped
    finding = next(one for one in found.findings if one.rule == "left_on_cpu")
    assert limit.says in finding.reason
    assert finding.fix
    assert not found.compiles, "nothing is left to map"


@pytest.mark.parametrize(
    ("sketch", "runtime"),
    [
        (one_operator("MEAN", [MAP, [1]], [1, 4, 4], constants={1: ints([3])}), 13),
        (one_operator("PAD", [MAP, [4, 2]], MAP, constants={1: ints([[0, 0]] * 4)}), 12),
        (one_operator("CONCATENATION", [MAP, MAP], [1, 4, 4, 16], constants={1: np.zeros(MAP, np.int8)}), 10),
        (one_operator("SOFTMAX", [[1, 16000]], [1, 16000]), 10),
        (one_operator("SPLIT", [[1], MAP], MAP, constants={0: ints([3])}), 14),
        (one_operator("SQUEEZE", [[1, 1, 1, 8]], [8]), 12),
        (one_operator("TRANSPOSE", [MAP, [4]], MAP, constants={1: ints([0, 2, 1, 3])}), 14),
    ],
)
def test_just_within_its_limit_an_operator_is_mapped(sketch: Sketch, runtime: int) -> None:
    """The other side of the same limits."""
    assert [layer.status for layer in prediction(sketch, runtime).layers] == [MAPPED]


def _float_model(sketch: Sketch) -> None:
    for tensor in sketch.graph.tensors:
        if tensor.type == schema.TensorType.INT8:
            tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
            if tensor.buffer:
                count = int(np.prod(tensor.shape))
                sketch.model.buffers[tensor.buffer].data = np.zeros(4 * count, np.uint8)


def _open_batch(sketch: Sketch) -> None:
    sketch.tensor("conv").shapeSignature = [-1, 4, 4, 4]


def _two_images(sketch: Sketch) -> None:
    sketch.tensor("input").shape = [2, 8, 8, 3]


ERRORS: tuple[tuple[Callable[[Sketch], Any], str, str], ...] = (
    (_float_model, "not_quantised", "Model not quantized"),
    (_open_batch, "open_shape", "open dimension"),
    (_two_images, "several_images", "batch 2"),
    (lambda s: s.set_version("CONV_2D", 6), "operator_version", "version 6, the compiler reads up to 5"),
    (lambda s: s.set_version("FULLY_CONNECTED", 12), "operator_version", "version 12"),
    (lambda s: s.add_operator("GELU", ["conv"], ["sigmoid"]), "unreadable_operator", "GELU"),
    (lambda s: s.add_operator("FlexErf", ["conv"], ["sigmoid"]), "unreadable_operator", "FlexErf"),
)


@pytest.mark.parametrize(("apply", "rule", "says"), ERRORS)
def test_what_stops_the_compiler_is_an_error(apply: Callable[[Sketch], Any], rule: str, says: str) -> None:
    """The whole model is lost: nothing counts as mapped, no memory is given out."""
    sketch = clean()
    apply(sketch)
    found = prediction(sketch)
    assert not found.compiles
    assert found.mapped == ()
    assert set(found.memory.values()) == {0}
    assert any(one.severity == "error" and one.rule == rule and says in one.reason for one in found.findings)


@pytest.mark.parametrize(
    "name", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MEAN", "MUL", "LOGISTIC"]
)
def test_versions_up_to_the_cap_are_read(name: str) -> None:
    """The cap itself is fine, one more is not."""
    sketch = clean()
    sketch.set_version(name, EDGETPU_VERSION_CAPS[name])
    assert prediction(sketch).compiles
    sketch.set_version(name, EDGETPU_VERSION_CAPS[name] + 1)
    assert not prediction(sketch).compiles


def test_the_graph_is_cut_at_the_first_operator_that_stays() -> None:
    """What needs its result runs on the CPU too, supported or not; what came before is mapped."""
    sketch = clean()
    sketch.model.operatorCodes[
        sketch.operator("DEPTHWISE_CONV_2D").opcodeIndex
    ].builtinCode = schema.BuiltinOperator.HARD_SWISH
    sketch.model.operatorCodes[3].deprecatedBuiltinCode = schema.BuiltinOperator.HARD_SWISH
    sketch.set_version("HARD_SWISH", 1)
    found = prediction(sketch)
    assert [layer.mapped for layer in found.layers] == [True, True, True, False, False, False, False]
    assert [layer.status for layer in found.layers[4:]] == [SECOND_SUBGRAPH] * 3
    assert found.compiles
    record = found.as_json()
    assert (record["mapped_ops"], record["total_ops"]) == (3, 7)
    assert [row["on"] for row in record["operators"]] == ["edgetpu"] * 3 + ["cpu"] * 4


def test_a_conversion_at_the_entrance_does_not_cut_what_follows() -> None:
    """A float input costs a QUANTIZE on the CPU; the first part behind it is compiled."""
    sketch = clean()
    sketch.add_tensor("floats", [1, 8, 8, 3], "FLOAT32")
    operator = sketch.add_operator("QUANTIZE", ["floats"], ["input"])
    sketch.graph.operators.remove(operator)
    sketch.graph.operators.insert(0, operator)
    sketch.graph.inputs = [sketch.index("floats")]
    found = prediction(sketch)
    assert [layer.mapped for layer in found.layers] == [False, *[True] * 7]
    assert found.compiles


def test_a_branch_that_does_not_need_what_stays_is_mapped() -> None:
    """The cut is by what an operator needs, as the runtime's own partition, not by its place in the file."""
    sketch = Sketch()
    for name in ("in", "odd", "left", "right", "sum"):
        sketch.add_tensor(name, MAP, scale=1.0)
    sketch.add_operator("RELU", ["in"], ["left"])
    sketch.add_operator("LEAKY_RELU", ["left"], ["odd"])
    sketch.add_operator("RELU6", ["in"], ["right"])
    sketch.add_operator("ADD", ["odd", "right"], ["sum"])
    sketch.graph.inputs, sketch.graph.outputs = [0], [4]
    assert [layer.mapped for layer in prediction(sketch).layers] == [True, False, True, False]


def _scaled(sketch: Sketch, side: int) -> None:
    """Blow the maps up without any weights growing."""
    sketch.tensor("input").shape = [1, 2 * side, 2 * side, 3]
    for name in ("conv", "sigmoid", "swish", "depthwise"):
        sketch.tensor(name).shape = [1, side, side, 4]


def test_known_killers_are_warned_of() -> None:
    """A mean over a large map, activations beyond 3 MiB, dense weights with many scales."""
    sketch = clean()
    _scaled(sketch, 600)
    found = {one.rule: one for one in prediction(sketch).findings if one.severity == "warning"}
    assert "256x256x32" in found["large_mean"].reason
    assert "452,404 bytes" in found["large_activations"].reason
    sketch = clean()
    sketch.tensor("dense/w").quantization.scale = [0.02] * 5
    sketch.tensor("dense/w").quantization.zeroPoint = [0] * 5
    assert (
        "5 scales"
        in next(one for one in prediction(sketch).findings if one.rule == "per_channel_dense").reason
    )


def test_live_activations_are_counted_over_time() -> None:
    """A tensor lives from its maker to its last reader; the input from the start, the output to the end."""
    graph = read_model_bytes(clean().pack()).main
    live = live_bytes(graph)
    assert live[0] == 8 * 8 * 3 + 4 * 4 * 4
    assert live[1] == 2 * 64
    assert live[2] == 3 * 64
    assert live[3] == 2 * 64
    assert live[6] == 4 + 5


def test_a_tile_keeps_the_border_that_the_next_kernel_reads() -> None:
    """8 px cut over 4 tiles, read by 3x3 in steps of 2: 3 rows a tile; what depthwise reads has a border of 1 on each side."""
    in_tile = tile_bytes(read_model_bytes(clean().pack()).main)
    assert in_tile[0] == 3 * 3 * 4 + 1 * 1 * 4
    assert in_tile[2] == 4 + 4 + 3 * 3 * 4


def test_a_compiled_file_is_not_judged_again(shared: Path) -> None:
    """It says what to give instead."""
    from edge_effnet.inspect.edgetpu import predict_file

    with pytest.raises(DataError, match="compiled for the Edge TPU already"):
        predict_file(shared / "data/edgetpu/split_concat_edgetpu.tflite")


@pytest.mark.parametrize("runtime", [9, 15])
def test_runtimes_that_do_not_exist_are_refused(runtime: int) -> None:
    """10 to 14."""
    with pytest.raises(UsageError, match="runtime"):
        prediction(clean(), runtime)


GOOD = clean().pack()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(8, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=10))
def test_changed_bytes_never_crash_the_judgement(changes: list[tuple[int, int]]) -> None:
    """Any file that can be read can be judged, whatever it says."""
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    with contextlib.suppress(DataError):
        predict(read_model_bytes(bytes(data))).as_json()


def test_every_byte_inverted_never_crashes_the_judgement() -> None:
    """One after the other."""
    for place in range(8, len(GOOD)):
        with contextlib.suppress(DataError):
            predict(
                read_model_bytes(GOOD[:place] + bytes([GOOD[place] ^ 0xFF]) + GOOD[place + 1 :])
            ).as_json()
