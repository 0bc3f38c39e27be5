"""Activations of all calibration images at one cut of the network: in memory up to a budget, on disk beyond it.

On disk a float activation is kept in half precision, and a quantised one as its int8 codes, which is exact.
"""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING

import numpy as np

from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from edge_effnet.quantize.scheme import Grid

    Floats = npt.NDArray[np.float32]

__all__ = ["Pairs", "codes_from_values", "values_from_codes"]


def codes_from_values(values: Floats, grid: Grid) -> npt.NDArray[np.int8]:
    """Return the int8 codes of values that lie on a grid."""
    return np.asarray(np.rint(values / np.float32(grid.scale) + np.float32(grid.zero_point)), np.int8)


def values_from_codes(codes: npt.NDArray[np.int8], grid: Grid) -> Floats:
    """Return the real values of int8 codes."""
    offset = codes.astype(np.float32) - np.float32(grid.zero_point)
    return np.asarray(offset * np.float32(grid.scale), np.float32)


class Pairs:
    """Chunks of (float, quantised) activations in order."""

    def __init__(self, grid: Grid, budget_bytes: int) -> None:
        self.grid = grid
        self._budget_bytes = budget_bytes
        self._chunks: list[tuple[Floats, Floats] | None] = []
        self._file: IO[bytes] | None = None

    def append(self, exact: Floats, quantised: Floats) -> None:
        """Keep one chunk, ``(images, ...)`` each."""
        self._budget_bytes -= exact.nbytes + quantised.nbytes
        if self._budget_bytes >= 0:
            self._chunks.append((exact, quantised))
            return
        try:
            self._file = self._file or tempfile.TemporaryFile(prefix="edge-effnet-")  # noqa: SIM115 - lives as long as self
            np.save(self._file, exact.astype(np.float16))
            np.save(self._file, codes_from_values(quantised, self.grid))
            self._file.flush()
        except OSError as error:
            raise EnvironmentFault(
                f"activations of the calibration images cannot be kept on disk: {error.strerror or error}",
                got=tempfile.gettempdir(),
                hint="free some space there, set TMPDIR, or lower --calibration-samples",
            ) from error
        self._chunks.append(None)

    def __iter__(self) -> Iterator[tuple[Floats, Floats]]:
        """Yield the chunks as float32 values, in the order in which they came."""
        if self._file is not None:
            self._file.seek(0)
        for chunk in self._chunks:
            yield self._load() if chunk is None else chunk

    def _load(self) -> tuple[Floats, Floats]:
        """Read the next chunk of the file."""
        assert self._file is not None  # noqa: S101 - a chunk is None only after a file was opened
        exact, codes = (np.load(self._file, allow_pickle=False) for _ in range(2))
        return exact.astype(np.float32), values_from_codes(codes, self.grid)

    def close(self) -> None:
        """Forget everything."""
        self._chunks.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
