"""Reads a .tflite file into records, from the flatbuffer alone, and survives any bytes.

The generated accessors trust the file. Here every count is checked against the size of the file before a loop starts,
every index before it is used, and what is read in total is bounded, so that a small hostile file cannot ask for much
time or memory. Whatever still goes wrong inside the accessors becomes a `DataError` in one place, `_damage_is_explained`.

References:
    tensorflow/lite/schema/schema.fbs, as generated into ``ai_edge_litert.schema_py_generated``.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_effnet.errors import DataError
from edge_effnet.inspect.options import options_from_operator
from edge_effnet.inspect.records import Model, Operator, Quantisation, Signature, Subgraph, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Code = tuple[str, Literal["builtin", "custom", "flex"], int]

Record = TypeVar("Record")
Bytes = TypeVar("Bytes", bytes, "npt.NDArray[Any]")

__all__ = ["FILE_IDENTIFIER", "read_model", "read_model_bytes"]

FILE_IDENTIFIER = b"TFL3"
"""Bytes 4 to 7 of every .tflite file."""

_MAX_TABLES = 50_000
"""Tensors, operators, buffers and the like in one file; a network of 7,000 operators has about 30,000."""

_MAX_RANK = 32
"""Dimensions of a tensor; the kernels stop at 8."""

_DAMAGE = (struct.error, IndexError, ValueError, TypeError, OverflowError, AssertionError)
"""What the accessors raise when an offset points nowhere."""

_TENSOR_TYPES = {code: name for name, code in vars(schema.TensorType).items() if not name.startswith("_")}
_BUILTINS = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def read_model(path: str | Path) -> Model:
    """Read a .tflite file; the records keep the file mapped and copy no weights.

    Raises:
        DataError: The file is missing, is not a TFLite model, or is damaged.
    """
    path = Path(path)
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise DataError(f"the model {what}", got=path, hint="give the path of a .tflite file")
        with path.open("rb") as stream:
            _check_identifier(stream.read(8), str(path))
            data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise DataError(f"the model cannot be read: {error.strerror}", got=path) from error
    return read_model_bytes(data, source=str(path))


def read_model_bytes(data: bytes | memoryview, *, source: str = "the given bytes") -> Model:
    """Read a .tflite file that is in memory.

    Args:
        data: The whole file.
        source: How errors name it.

    Raises:
        DataError: It is not a TFLite model, or it is damaged.
    """
    _check_identifier(bytes(data[:8]), source)
    with _damage_is_explained(source):
        return _Reader(memoryview(data).toreadonly()).model()


def _check_identifier(head: bytes, source: str) -> None:
    if head[4:8] != FILE_IDENTIFIER:
        raise DataError(
            "not a TFLite model: bytes 4 to 7 are not TFL3" if head else "the model file is empty",
            got=source,
            hint="give a .tflite file; a download may have stored an error page or nothing at all",
        )


@contextlib.contextmanager
def _damage_is_explained(source: str) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(
            error.message, got=source if error.got is None else f"{error.got} in {source}", hint=error.hint
        ) from error
    except _DAMAGE as error:
        raise DataError(
            f"damaged model: an offset or a length points outside the file ({type(error).__name__}: {error})",
            got=source,
            hint="copy or convert the file again",
        ) from error


def _damaged(what: str, *, got: object = None) -> DataError:
    return DataError(f"damaged model: {what}", got=got, hint="copy or convert the file again")


class _Reader:
    """Reads one file and keeps account of what has been read."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._tables_left = _MAX_TABLES
        # Nothing in an honest file is read twice; the factor leaves room for strings and weights that tools share.
        self._bytes_left = 4 * len(data) + (1 << 16)
        self._model = schema.Model.GetRootAs(data, 0)
        self._buffers: tuple[npt.NDArray[np.uint8], ...] = ()

    def model(self) -> Model:
        """Read everything."""
        self._buffers = self._tables(
            "buffers", self._model.BuffersLength(), self._model.Buffers, self._buffer
        )
        codes = self._tables(
            "operator codes", self._model.OperatorCodesLength(), self._model.OperatorCodes, self._code
        )
        subgraphs = self._tables(
            "subgraphs",
            self._model.SubgraphsLength(),
            self._model.Subgraphs,
            lambda _, table: self._subgraph(table, codes),
        )
        if not subgraphs:
            raise _damaged("it holds no graph")
        entries = self._tables(
            "metadata entries", self._model.MetadataLength(), self._model.Metadata, self._metadata
        )
        return Model(
            version=self._model.Version(),
            description=self._text(self._model.Description()),
            subgraphs=subgraphs,
            buffer_sizes_bytes=tuple(buffer.nbytes for buffer in self._buffers),
            metadata={name: self._spend(self._buffers[index].tobytes()) for name, index in entries},
            metadata_buffers=frozenset(index for _, index in entries),
            signatures=self._tables(
                "signatures",
                self._model.SignatureDefsLength(),
                self._model.SignatureDefs,
                lambda _, table: self._signature(table, subgraphs),
            ),
            size_bytes=len(self._data),
        )

    def _tables(
        self, what: str, count: int, table_at: Callable[[int], Any], read: Callable[[int, Any], Record]
    ) -> tuple[Record, ...]:
        """Read a vector of tables after checking that the file can hold it (4 bytes of offset each)."""
        if count * 4 > len(self._data):
            raise _damaged(f"it claims {count:,} {what}, more than {len(self._data):,} bytes can hold")
        self._tables_left -= count
        if self._tables_left < 0:
            raise DataError(
                f"the model has more than {_MAX_TABLES:,} tensors, operators and buffers: refused",
                got=f"{count:,} {what}",
            )
        return tuple(read(index, table_at(index)) for index in range(count))

    def _spend(self, value: Bytes) -> Bytes:
        self._bytes_left -= len(value) if isinstance(value, bytes) else value.nbytes
        if self._bytes_left < 0:
            raise _damaged("its parts overlap: together they are several times larger than the file")
        return value

    def _text(self, value: bytes | None) -> str:
        return self._spend(value or b"").decode("utf-8", "replace")

    def _vector(self, values: Any) -> npt.NDArray[Any]:
        """Return a numeric vector; the accessors give 0 for an absent one."""
        return self._spend(values) if isinstance(values, np.ndarray) else np.empty(0, np.uint8)

    def _indices(self, what: str, values: Any, count: int, *, lowest: int = 0) -> tuple[int, ...]:
        found = self._vector(values)
        if found.size and (int(found.min()) < lowest or int(found.max()) >= count):
            raise _damaged(
                f"{what} name a tensor that is not there", got=f"{found[:8].tolist()} of {count} tensors"
            )
        return tuple(found.tolist())

    def _buffer(self, index: int, table: Any) -> npt.NDArray[np.uint8]:
        start, size = table.Offset(), table.Size()
        if start > 1:  # 0 and 1 mean that the bytes are in the table; else they lie beyond the flatbuffer
            if start + size > len(self._data):
                raise _damaged(
                    f"buffer {index} reaches beyond the end of the file", got=f"{start:,} + {size:,} bytes"
                )
            return self._spend(np.frombuffer(self._data, np.uint8, size, start))
        return self._vector(table.DataAsNumpy()) if table.DataLength() else np.empty(0, np.uint8)

    def _code(self, _: int, table: Any) -> tuple[str, Literal["builtin", "custom", "flex"], int]:
        """Return name, kind and version; old files have the code in a byte, new ones in both fields."""
        code = max(table.DeprecatedBuiltinCode(), table.BuiltinCode())
        if code != schema.BuiltinOperator.CUSTOM:
            return _BUILTINS.get(code, f"BUILTIN_{code}"), "builtin", table.Version()
        name = self._text(table.CustomCode()) or "CUSTOM"
        return name, "flex" if name.startswith("Flex") else "custom", table.Version()

    def _metadata(self, _: int, table: Any) -> tuple[str, int]:
        index = table.Buffer()
        if index >= len(self._buffers):
            raise _damaged("a metadata entry names a buffer that is not there", got=index)
        return self._text(table.Name()), index

    def _signature(self, table: Any, subgraphs: tuple[Subgraph, ...]) -> Signature:
        number = table.SubgraphIndex()
        if number >= len(subgraphs):
            raise _damaged("a signature names a graph that is not there", got=number)
        count = len(subgraphs[number].tensors)
        return Signature(
            key=self._text(table.SignatureKey()),
            subgraph=number,
            inputs=self._tensor_map(table.InputsLength(), table.Inputs, count),
            outputs=self._tensor_map(table.OutputsLength(), table.Outputs, count),
        )

    def _tensor_map(self, length: int, table_at: Callable[[int], Any], count: int) -> dict[str, int]:
        pairs = self._tables(
            "signature entries",
            length,
            table_at,
            lambda _, table: (self._text(table.Name()), table.TensorIndex()),
        )
        if any(index >= count for _, index in pairs):
            raise _damaged("a signature names a tensor that is not there", got=dict(pairs))
        return dict(pairs)

    def _subgraph(self, table: Any, codes: tuple[Code, ...]) -> Subgraph:
        tensors = self._tables("tensors", table.TensorsLength(), table.Tensors, self._tensor)
        count = len(tensors)
        return Subgraph(
            name=self._text(table.Name()),
            tensors=tensors,
            operators=self._tables(
                "operators",
                table.OperatorsLength(),
                table.Operators,
                lambda index, operator: self._operator(index, operator, codes, count),
            ),
            inputs=self._indices("the graph's inputs", table.InputsAsNumpy(), count),
            outputs=self._indices("the graph's outputs", table.OutputsAsNumpy(), count),
        )

    def _operator(self, index: int, table: Any, codes: tuple[Code, ...], tensors: int) -> Operator:
        if table.OpcodeIndex() >= len(codes):
            raise _damaged(f"operator {index} has no code", got=f"{table.OpcodeIndex()} of {len(codes)}")
        name, kind, version = codes[table.OpcodeIndex()]
        return Operator(
            index=index,
            name=name,
            kind=kind,
            version=version,
            inputs=self._indices(
                f"the inputs of operator {index}", table.InputsAsNumpy(), tensors, lowest=-1
            ),
            outputs=self._indices(f"the outputs of operator {index}", table.OutputsAsNumpy(), tensors),
            options=options_from_operator(table),
            custom_options=self._vector(table.CustomOptionsAsNumpy()),
        )

    def _tensor(self, index: int, table: Any) -> Tensor:
        if table.Buffer() >= len(self._buffers):
            raise _damaged(
                f"tensor {index} names a buffer that is not there",
                got=f"{table.Buffer()} of {len(self._buffers)}",
            )
        tensor = Tensor(
            index=index,
            name=self._text(table.Name()),
            type=_TENSOR_TYPES.get(table.Type(), f"TYPE_{table.Type()}"),
            shape=self._dimensions(index, table.ShapeAsNumpy()),
            shape_signature=self._dimensions(index, table.ShapeSignatureAsNumpy()),
            buffer=table.Buffer(),
            quantisation=self._quantisation(index, table.Quantization()),
            is_variable=table.IsVariable(),
            is_sparse=table.Sparsity() is not None,
            raw=self._buffers[table.Buffer()],
        )
        tensor.check_size()
        return tensor

    def _dimensions(self, index: int, values: Any) -> tuple[int, ...]:
        found = self._vector(values)
        if found.size > _MAX_RANK or (found.size and int(found.min()) < -1):
            raise _damaged(
                f"tensor {index} has an impossible shape",
                got=f"{found.size} dimensions: {found[:8].tolist()}",
            )
        return tuple(found.tolist())

    def _quantisation(self, index: int, table: Any) -> Quantisation | None:
        if table is None:
            return None
        scales, zero_points = self._vector(table.ScaleAsNumpy()), self._vector(table.ZeroPointAsNumpy())
        if not scales.size:
            return None
        if zero_points.size not in {0, 1, scales.size}:
            raise _damaged(f"tensor {index} has {scales.size} scales and {zero_points.size} zero points")
        points = np.zeros(1, np.int64) if not zero_points.size else zero_points
        return Quantisation(scales, np.broadcast_to(points, scales.shape), table.QuantizedDimension())
