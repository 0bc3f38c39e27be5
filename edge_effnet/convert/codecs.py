"""How numbers are stored, one codec per precision: the activations' type, the weights' tensors, the operator versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from edge_effnet.quantize.scheme import channels_last, weight_scales

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.convert.flatbuffer import ModelWriter
    from edge_effnet.convert.options import Row
    from edge_effnet.models.graph import Node
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["Codec", "DynamicCodec", "FloatCodec", "HalfCodec", "IntegerCodec"]


class Codec(Protocol):
    """What the writer asks of a precision."""

    def activation(self, writer: ModelWriter, name: str, shape: tuple[int, ...]) -> int:
        """Add the tensor of an activation."""

    def operand(self, writer: ModelWriter, name: str, index: int, reader: str) -> int:
        """Return the tensor that an operator reads for activation ``name``, which is tensor ``index``."""

    def weights(self, writer: ModelWriter, node: Node) -> list[int]:
        """Add an operator's kernel and bias."""

    def version(self, node: Node, row: Row) -> int:
        """Return the operator version that this arithmetic needs."""


def _stored(node: Node, kernel: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Order a kernel as TensorFlow Lite stores it: OHWI, 1HWC, or (out, in); ``kernel`` has its outputs last."""
    if node.kind == "conv":
        return np.ascontiguousarray(kernel.transpose(3, 0, 1, 2))
    return np.ascontiguousarray(kernel[np.newaxis] if node.kind == "depthwise" else kernel.T)


def _bias(node: Node) -> npt.NDArray[np.float32]:
    return np.zeros(channels_last(node).shape[-1], np.float32) if node.bias is None else node.bias


class _AsItIs:
    """What every precision has in common that computes all operators alike."""

    def operand(self, writer: ModelWriter, name: str, index: int, reader: str) -> int:
        """Return the activation itself."""
        del writer, name, reader
        return index


class IntegerCodec(_AsItIs):
    """int8 everywhere, int32 biases."""

    def __init__(self, quantized: QuantizedGraph) -> None:
        self._quantized = quantized

    def activation(self, writer: ModelWriter, name: str, shape: tuple[int, ...]) -> int:
        """Add an int8 tensor on its grid."""
        grid = self._quantized.grids[name]
        return writer.tensor(name, shape, np.int8, np.array([grid.scale], np.float32), grid.zero_point)

    def weights(self, writer: ModelWriter, node: Node) -> list[int]:
        """Add int8 weights, one scale per output channel (one in all for a dense layer), and the int32 bias."""
        weights = self._quantized.weights[node.name]
        scales = weights.scales[:1] if node.kind == "dense" else weights.scales
        kernel = writer.constant(
            f"{node.name}/kernel",
            _stored(node, weights.kernel),
            scales,
            axis=3 if node.kind == "depthwise" else 0,
        )
        bias_scales = (scales * np.float32(self._quantized.grids[node.inputs[0]].scale)).astype(np.float32)
        return [kernel, writer.constant(f"{node.name}/bias", weights.bias, bias_scales)]

    def version(self, node: Node, row: Row) -> int:
        """Return the version of the int8 kernel."""
        del node
        return row.int8_version


class FloatCodec(_AsItIs):
    """float32 everywhere."""

    def activation(self, writer: ModelWriter, name: str, shape: tuple[int, ...]) -> int:
        """Add a float32 tensor."""
        return writer.tensor(name, shape, np.float32)

    def weights(self, writer: ModelWriter, node: Node) -> list[int]:
        """Add float32 weights."""
        kernel = writer.constant(f"{node.name}/kernel", _stored(node, channels_last(node)))
        return [kernel, writer.constant(f"{node.name}/bias", _bias(node))]

    def version(self, node: Node, row: Row) -> int:
        """Return the version of the float kernel."""
        del node
        return row.float_version


class HalfCodec(FloatCodec):
    """float16 weights behind a DEQUANTIZE each, float32 arithmetic."""

    def weights(self, writer: ModelWriter, node: Node) -> list[int]:
        """Add float16 weights and the operators that widen them."""
        stored = {"kernel": _stored(node, channels_last(node)), "bias": _bias(node)}
        return [
            writer.widened(f"{node.name}/{part}", values.astype(np.float16))
            for part, values in stored.items()
        ]


class DynamicCodec(FloatCodec):
    """int8 weights, float activations that the kernel quantises as they come."""

    _VERSIONS: ClassVar[dict[str, int]] = {"conv": 5, "depthwise": 6, "dense": 9}

    def weights(self, writer: ModelWriter, node: Node) -> list[int]:
        """Add int8 weights and a float bias."""
        kernel = channels_last(node)
        scales = weight_scales(kernel, per_channel=node.kind != "dense")
        codes = np.clip(np.rint(kernel / scales), -127, 127).astype(np.int8)
        index = writer.constant(
            f"{node.name}/kernel",
            _stored(node, codes),
            scales[:1] if node.kind == "dense" else scales,
            axis=3 if node.kind == "depthwise" else 0,
        )
        return [index, writer.constant(f"{node.name}/bias", _bias(node))]

    def version(self, node: Node, row: Row) -> int:
        """Return the version of the hybrid kernel where the operator has weights."""
        return self._VERSIONS.get(node.kind, row.float_version)
