"""What a .tflite file holds, as frozen records: plain names and numbers, and weights as views into the file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["NUMPY_TYPES", "Model", "Operator", "Options", "Quantisation", "Signature", "Subgraph", "Tensor"]

NUMPY_TYPES: Mapping[str, np.dtype[np.generic]] = MappingProxyType(
    {
        name: np.dtype(code)
        for name, code in {
            "FLOAT32": "<f4", "FLOAT16": "<f2", "FLOAT64": "<f8", "COMPLEX64": "<c8", "COMPLEX128": "<c16",
            "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
            "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "BOOL": "?",
        }.items()
    }
)  # fmt: skip
"""TFLite tensor type -> numpy type; a flatbuffer is little-endian on every host. Other types have none."""


@dataclass(frozen=True, eq=False)
class Quantisation:
    """Real value = scale * (code - zero point).

    Attributes:
        scales: ``(1,)`` for a whole tensor, ``(channels,)`` along ``axis``; float32.
        zero_points: As many as ``scales``; int64.
        axis: The dimension that has one scale per index.
    """

    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int

    @property
    def per_channel(self) -> bool:
        """Whether there is more than one scale."""
        return self.scales.size > 1


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of a subgraph.

    Attributes:
        index: Its place in the subgraph; operators name it by this.
        name: As in the file; may hold any character.
        type: TFLite type, such as ``INT8``.
        shape: Dimensions; empty for a scalar.
        shape_signature: Dimensions with -1 where they are open; empty when the file has none.
        buffer: Index of the buffer that holds its values.
        quantisation: Scales and zero points, None when the file has none.
        is_variable: Whether it keeps its value between two runs.
        is_sparse: Whether its buffer holds a sparse encoding.
        raw: Its bytes, ``(size_bytes,)`` uint8, a read-only view into the file; empty for an activation.
    """

    index: int
    name: str
    type: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...] = ()
    buffer: int = 0
    quantisation: Quantisation | None = None
    is_variable: bool = False
    is_sparse: bool = False
    raw: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8), repr=False)

    @property
    def size_bytes(self) -> int:
        """Bytes that the file keeps for it; 0 for an activation."""
        return int(self.raw.size)

    @property
    def elements(self) -> int:
        """Number of elements; an open dimension counts once."""
        return math.prod(abs(dimension) for dimension in self.shape)

    @property
    def is_constant(self) -> bool:
        """Whether its values are in the file (an empty tensor has none to keep)."""
        return self.size_bytes > 0 or self.elements == 0

    @property
    def is_dynamic(self) -> bool:
        """Whether a dimension is open."""
        return any(dimension < 0 for dimension in self.shape + self.shape_signature)

    @property
    def scale(self) -> float | None:
        """Its one scale, or None when it has none or many."""
        found = self.quantisation
        return float(found.scales[0]) if found is not None and found.scales.size == 1 else None

    @property
    def zero_point(self) -> int | None:
        """Its one zero point, or None when it has none or many."""
        found = self.quantisation
        return int(found.zero_points[0]) if found is not None and found.zero_points.size == 1 else None

    def data(self) -> npt.NDArray[np.generic] | None:
        """Return the constant's values in its shape, as a read-only view into the file.

        Returns:
            None for an activation, a sparse tensor, and a type that numpy does not have (strings, 4-bit integers).

        Raises:
            DataError: The buffer does not have the size that shape and type ask for.
        """
        dtype = NUMPY_TYPES.get(self.type)
        if dtype is None or self.is_sparse or not self.is_constant:
            return None
        self.check_size()
        return self.raw.view(dtype).reshape(tuple(abs(dimension) for dimension in self.shape))

    def check_size(self) -> None:
        """Compare the buffer with shape and type, as the runtime does.

        Raises:
            DataError: They disagree.
        """
        dtype = NUMPY_TYPES.get(self.type)
        if dtype is None or self.is_sparse or self.size_bytes == 0:
            return
        expected_bytes = self.elements * dtype.itemsize
        if self.size_bytes != expected_bytes:
            raise DataError(
                f"damaged model: the buffer of tensor {self.index} has {self.size_bytes} bytes, not the"
                f" {expected_bytes} of its shape and type",
                got=f"{self.type} {list(self.shape)}",
                hint="copy or convert the file again",
            )


@dataclass(frozen=True)
class Options:
    """Settings of an operator; None where it has no such setting.

    Attributes:
        strides: Vertical and horizontal step.
        dilation: Vertical and horizontal spacing of the kernel's taps.
        window: Height and width of a pooling window.
        padding: ``SAME`` or ``VALID``.
        activation: Clamp fused into the operator: ``NONE``, ``RELU``, ``RELU6`` …
        depth_multiplier: Output channels per input channel of a depthwise convolution.
        keep_dims: Whether a reduction keeps the reduced dimensions as 1.
        axis: Dimension along which tensors are joined, packed or split.
        weights_format: ``DEFAULT`` or a shuffled format of a dense layer's weights.
        ellipsis_mask, new_axis_mask: Of a strided slice.
        transposed: Whether each operand of a batched matrix product is read transposed.
    """

    strides: tuple[int, int] | None = None
    dilation: tuple[int, int] | None = None
    window: tuple[int, int] | None = None
    padding: str | None = None
    activation: str | None = None
    depth_multiplier: int | None = None
    keep_dims: bool | None = None
    axis: int | None = None
    weights_format: str | None = None
    ellipsis_mask: int | None = None
    new_axis_mask: int | None = None
    transposed: tuple[bool, bool] | None = None


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator, in the order in which they run.

    Attributes:
        index: Its place in the subgraph.
        name: ``CONV_2D`` …, or the custom code (``FlexErf``, ``edgetpu-custom-op``).
        kind: Where its kernel comes from: the runtime, the application, or TensorFlow itself.
        version: Version of the builtin kernel that it asks for.
        inputs: Tensor indices; -1 is an optional input that is left out.
        outputs: Tensor indices.
        options: Its settings.
        custom_options: Private bytes of a custom operator, a view into the file.
    """

    index: int
    name: str
    kind: Literal["builtin", "custom", "flex"]
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options = Options()
    custom_options: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8), repr=False)

    @property
    def builtin(self) -> str:
        """Its name when the runtime has the kernel, else empty: a custom operator may call itself anything."""
        return self.name if self.kind == "builtin" else ""


@dataclass(frozen=True, eq=False)
class Subgraph:
    """One graph; every index in it is valid.

    Attributes:
        name: As in the file, often ``main``.
        tensors: All tensors.
        operators: In the order in which they run.
        inputs: Tensor indices that the caller fills.
        outputs: Tensor indices that the caller reads.
    """

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def tensor(self, index: int) -> Tensor | None:
        """Return the tensor at ``index``; None for -1."""
        return self.tensors[index] if index >= 0 else None

    def operand(self, operator: Operator, position: int) -> Tensor | None:
        """Return the input at ``position``; None when it is left out."""
        return self.tensor(operator.inputs[position]) if position < len(operator.inputs) else None

    def operands(self, operator: Operator) -> tuple[Tensor, ...]:
        """Return the inputs that are there."""
        return tuple(self.tensors[index] for index in operator.inputs if index >= 0)

    def results(self, operator: Operator) -> tuple[Tensor, ...]:
        """Return the outputs."""
        return tuple(self.tensors[index] for index in operator.outputs)

    @cached_property
    def producers(self) -> Mapping[int, Operator]:
        """Tensor index -> the operator that writes it (the last one, should there be two)."""
        return {index: operator for operator in self.operators for index in operator.outputs}

    @cached_property
    def consumers(self) -> Mapping[int, tuple[Operator, ...]]:
        """Tensor index -> the operators that read it, each once."""
        found: dict[int, list[Operator]] = {}
        for operator in self.operators:
            for index in set(operator.inputs) - {-1}:
                found.setdefault(index, []).append(operator)
        return {index: tuple(operators) for index, operators in found.items()}

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that the caller fills."""
        return tuple(self.tensors[index] for index in self.inputs)

    @property
    def output_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that the caller reads."""
        return tuple(self.tensors[index] for index in self.outputs)


@dataclass(frozen=True)
class Signature:
    """A named entry point.

    Attributes:
        key: Its name, such as ``serving_default``.
        subgraph: Index of the graph that it runs.
        inputs: Name -> tensor index.
        outputs: Name -> tensor index.
    """

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Model:
    """A whole .tflite file.

    Attributes:
        version: Version of the file format; 3.
        description: Free text by the tool that wrote it.
        subgraphs: At least one; the first is the one that runs.
        buffer_sizes_bytes: Size of every buffer.
        metadata: Name -> bytes.
        metadata_buffers: Indices of the buffers that hold the metadata.
        signatures: Named entry points.
        size_bytes: Size of the file, with whatever is appended to it.
    """

    version: int
    description: str
    subgraphs: tuple[Subgraph, ...]
    buffer_sizes_bytes: tuple[int, ...]
    metadata: Mapping[str, bytes]
    metadata_buffers: frozenset[int]
    signatures: tuple[Signature, ...]
    size_bytes: int

    @property
    def main(self) -> Subgraph:
        """The graph that runs."""
        return self.subgraphs[0]
