"""Ways to break one thing in the clean network; each takes the sketch and changes it, or makes such a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from build_model import CONV_WEIGHTS, INPUT_SCALE, Sketch

if TYPE_CHECKING:
    from collections.abc import Callable


def quantised_with(tensor: str, **fields: Any) -> Callable[[Sketch], None]:
    """Change fields of a tensor's quantisation."""

    def apply(sketch: Sketch) -> None:
        for field, value in fields.items():
            setattr(sketch.tensor(tensor).quantization, field, value)

    return apply


def tensor_with(tensor: str, **fields: Any) -> Callable[[Sketch], None]:
    """Change fields of a tensor."""

    def apply(sketch: Sketch) -> None:
        for field, value in fields.items():
            setattr(sketch.tensor(tensor), field, value)

    return apply


def retyped(tensor: str, type_: str) -> Callable[[Sketch], None]:
    """Give a tensor another type and no quantisation."""
    return tensor_with(tensor, type=getattr(schema.TensorType, type_), quantization=None)


def no_operators(sketch: Sketch) -> None:
    """Leave one tensor that is input and output."""
    sketch.graph.operators = []
    sketch.graph.tensors = sketch.graph.tensors[:1]
    sketch.graph.outputs = sketch.graph.inputs
    sketch.model.buffers = sketch.model.buffers[:1]


def no_outputs(sketch: Sketch) -> None:
    """Give nothing to the caller."""
    sketch.graph.outputs = []


def operand_missing(sketch: Sketch) -> None:
    """Take the sigmoid's input away."""
    sketch.operator("LOGISTIC").inputs = []


def late_writer(sketch: Sketch) -> None:
    """Run the sigmoid before the convolution that feeds it."""
    operators = sketch.graph.operators
    operators[0], operators[1] = operators[1], operators[0]


def cycle(sketch: Sketch) -> None:
    """Let the product read itself."""
    sketch.replace_input("MUL", 1, "swish")


def two_writers(sketch: Sketch) -> None:
    """Write the sigmoid twice."""
    sketch.add_operator("LOGISTIC", ["conv"], ["sigmoid"], version=2)


def output_unwritten(sketch: Sketch) -> None:
    """Give the caller a tensor that nothing writes."""
    sketch.graph.outputs.append(sketch.add_tensor("nowhere", [1], scale=0.1))


def second_graph(sketch: Sketch) -> None:
    """Add an empty graph."""
    sketch.model.subgraphs.append(schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[]))


def shape_operator(sketch: Sketch) -> None:
    """Read a shape at run time."""
    sketch.add_tensor("size", [4], "INT32")
    sketch.add_operator(
        "SHAPE", ["depthwise"], ["size"], options=schema.ShapeOptionsT(outType=schema.TensorType.INT32)
    )


def replace_sigmoid(name: str) -> Callable[[Sketch], None]:
    """Put a custom operator in the sigmoid's place."""

    def apply(sketch: Sketch) -> None:
        operator = sketch.graph.operators[1]
        sketch.model.operatorCodes[operator.opcodeIndex] = schema.OperatorCodeT(
            deprecatedBuiltinCode=32,
            builtinCode=schema.BuiltinOperator.CUSTOM,
            customCode=name.encode(),
            version=1,
        )

    return apply


def requantise(sketch: Sketch) -> None:
    """Put a QUANTIZE between two int8 tensors."""
    sketch.add_tensor("swish again", [1, 4, 4, 4], scale=0.05, zero=-119)
    sketch.add_operator("QUANTIZE", ["swish"], ["swish again"])
    sketch.graph.operators.insert(3, sketch.graph.operators.pop())
    sketch.replace_input("DEPTHWISE_CONV_2D", 0, "swish again")


def requantise_input(sketch: Sketch) -> None:
    """Put a QUANTIZE from int8 to int8 behind the input."""
    sketch.add_tensor("image", [1, 8, 8, 3], scale=0.5, zero=-128)
    sketch.add_operator("QUANTIZE", ["image"], ["input"])
    sketch.graph.operators.insert(0, sketch.graph.operators.pop())
    sketch.graph.inputs = [sketch.index("image")]


def version_of(name: str, version: int) -> Callable[[Sketch], None]:
    """Ask for another version of an operator."""
    return lambda sketch: sketch.set_version(name, version)


def softmax(sketch: Sketch) -> None:
    """End the graph at an int8 softmax."""
    sketch.add_tensor("scores", [1, 5], scale=1 / 256, zero=-128)
    sketch.add_operator(
        "SOFTMAX", ["logits"], ["scores"], version=2, options=schema.SoftmaxOptionsT(beta=1.0)
    )
    sketch.graph.outputs = [sketch.index("scores")]


def unused_tensor(sketch: Sketch) -> None:
    """Add a constant that nothing reads."""
    sketch.add_tensor("left over", [3], data=[1, 2, 3])


def orphan(sketch: Sketch) -> None:
    """Add a buffer that no tensor has."""
    sketch.model.buffers.append(schema.BufferT(data=np.zeros(70, np.uint8)))


def float_constant(sketch: Sketch) -> None:
    """Multiply by a float constant."""
    sketch.add_tensor("factor", [], "FLOAT32", data=0.5)
    sketch.replace_input("MUL", 1, "factor")


def old_weights(sketch: Sketch) -> None:
    """Give the convolution uint8 weights with a zero point."""
    quantised_with("conv/w", scale=[0.02], zeroPoint=[128])(sketch)
    sketch.tensor("conv/w").type = schema.TensorType.UINT8
    quantised_with("conv/b", scale=[0.02 * INPUT_SCALE], zeroPoint=[0])(sketch)


def dead_channel(sketch: Sketch) -> None:
    """Give one channel a scale of 1e-11, and its bias the product."""
    scales = [1e-11, *CONV_WEIGHTS[1:]]
    quantised_with("conv/w", scale=scales)(sketch)
    quantised_with("conv/b", scale=[INPUT_SCALE * scale for scale in scales])(sketch)


def bias_values(*values: int) -> Callable[[Sketch], None]:
    """Give the convolution other biases."""
    return lambda sketch: sketch.set_data("conv/b", np.int32(values))


def short_bias(sketch: Sketch) -> None:
    """Give it one bias too few."""
    sketch.set_data("conv/b", np.int32([1, 2, 3]))
    sketch.tensor("conv/b").shape = [3]


def wide_bias(sketch: Sketch) -> None:
    """Give it int64 biases."""
    sketch.set_data("conv/b", np.int64([1, 2, 3, 4]))
    sketch.tensor("conv/b").type = schema.TensorType.INT64


def moved(sketch: Sketch) -> None:
    """Give both sides of the RESHAPE different scales."""
    quantised_with("flat", scale=[0.06])(sketch)
    quantised_with("dense/b", scale=[0.06 * 0.02])(sketch)


def one_scale(sketch: Sketch) -> None:
    """Give the convolution one scale for all channels."""
    quantised_with("conv/w", scale=[0.02], zeroPoint=[0])(sketch)
    quantised_with("conv/b", scale=[0.02 * INPUT_SCALE], zeroPoint=[0])(sketch)


def many_dense_scales(sketch: Sketch) -> None:
    """Give the dense layer a scale per class."""
    quantised_with("dense/w", scale=[0.02] * 5, zeroPoint=[0] * 5)(sketch)
    quantised_with("dense/b", scale=[0.02 * 0.03] * 5, zeroPoint=[0] * 5)(sketch)
