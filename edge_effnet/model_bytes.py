"""The bytes of a TensorFlow Lite flatbuffer, with every buffer on a 16-byte boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import flatbuffers
from ai_edge_litert import schema_py_generated as tfl

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["aligned", "bytes_from_model"]

_ALIGNMENT_BYTES: Final = 16
_FILE_IDENTIFIER: Final = b"TFL3"
_ROOM_BYTES: Final = 1 << 16


class _AlignedBuffer(tfl.BufferT):  # type: ignore[misc]
    """A buffer on a 16-byte boundary, as the schema asks and the generated writer forgets."""

    def Pack(self, builder: Any) -> Any:  # noqa: N802 - the generated writer calls it by this name
        offset = None
        if self.data is not None and len(self.data):
            data = bytes(self.data)
            builder.StartVector(1, len(data), _ALIGNMENT_BYTES)
            builder.head -= len(data)
            builder.Bytes[builder.head : builder.head + len(data)] = data
            offset = builder.EndVector()
        tfl.BufferStart(builder)
        if offset is not None:
            tfl.BufferAddData(builder, offset)
        return tfl.BufferEnd(builder)


def aligned(data: npt.NDArray[Any] | None) -> tfl.BufferT:
    """Return a buffer that is written on a 16-byte boundary; None or an empty array for one without content."""
    buffer = _AlignedBuffer()
    buffer.data = None if data is None else data.tobytes()
    return buffer


def bytes_from_model(model: tfl.ModelT, *, size_bytes: int = 1 << 20) -> bytes:
    """Return a model's file.

    Args:
        model: The model; its buffers come from `aligned`, or from a file that was read.
        size_bytes: How large it will be, about.
    """
    for buffer in model.buffers:
        buffer.__class__ = _AlignedBuffer
    builder = flatbuffers.Builder(size_bytes + _ROOM_BYTES)
    builder.Finish(model.Pack(builder), file_identifier=_FILE_IDENTIFIER)
    return bytes(builder.Output())
