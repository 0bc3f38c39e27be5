"""TensorBoard scalars, written with TensorFlow alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["EventWriter"]


class EventWriter:
    """Writes figures against the step into a folder that ``tensorboard --logdir`` reads.

    The writer is opened with the first figure, so that a session that does nothing leaves no file.

    Args:
        folder: Made where it is missing.
        is_on: False makes every call do nothing and needs no TensorFlow.
    """

    def __init__(self, folder: Path, *, is_on: bool = True) -> None:
        self._folder = folder
        self._is_on = is_on
        self._writer: Any = None

    def write(self, prefix: str, figures: Mapping[str, float], step: int) -> None:
        """Write figures under ``prefix/name``."""
        if not self._is_on:
            return
        from edge_effnet.models.keras import import_tensorflow

        tensorflow = import_tensorflow()
        if self._writer is None:
            self._writer = tensorflow.summary.create_file_writer(str(self._folder))
        # tf.summary.scalar belongs to the package tensorboard; this is what it writes.
        metadata = tensorflow.compat.v1.SummaryMetadata()
        metadata.plugin_data.plugin_name = "scalars"
        with self._writer.as_default():
            for name, value in figures.items():
                scalar = tensorflow.constant(value, tensorflow.float32)
                tensorflow.summary.write(f"{prefix}/{name}", scalar, step=step, metadata=metadata)

    def close(self) -> None:
        """Flush what was written."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
