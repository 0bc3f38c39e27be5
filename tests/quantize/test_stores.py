"""Activations of all calibration images, in memory and on disk."""

from __future__ import annotations

import errno
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.errors import EnvironmentFault
from edge_effnet.quantize.scheme import QMAX, QMIN, Grid
from edge_effnet.quantize.stores import Pairs, values_from_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

GRID = Grid(0.125, -3)
IN_MEMORY, ON_DISK = 1 << 30, 0


def _chunks(sizes: Sequence[int], seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return chunks of (exact in half precision, on the grid)."""
    random = np.random.default_rng(seed)
    return [
        (
            random.normal(size=(size, 3, 3, 2)).astype(np.float16).astype(np.float32),
            values_from_codes(random.integers(QMIN, QMAX + 1, (size, 3, 3, 2)).astype(np.int8), GRID),
        )
        for size in sizes
    ]


@given(
    sizes=st.lists(st.integers(1, 4), max_size=5),
    budget=st.sampled_from([IN_MEMORY, ON_DISK, 100]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_what_went_in_comes_out_in_order_and_as_often_as_wanted(
    sizes: list[int], budget: int, seed: int
) -> None:
    """In memory, on disk, or some of each: half-precision floats and grid values come back bit by bit."""
    store, chunks = Pairs(GRID, budget), _chunks(sizes, seed)
    for chunk in chunks:
        store.append(*chunk)
    for _ in range(2):
        found = list(store)
        assert len(found) == len(chunks)
        for pair, chunk in zip(found, chunks, strict=True):
            for value, wanted in zip(pair, chunk, strict=True):
                assert value.dtype == np.float32
                np.testing.assert_array_equal(value, wanted)
    store.close()
    assert list(store) == []


def test_a_float_activation_keeps_eleven_bits_on_disk() -> None:
    """Half precision: the relative error is at most 2^-11."""
    store = Pairs(GRID, ON_DISK)
    exact = np.random.default_rng(0).normal(0.0, 30.0, (2, 4, 4, 3)).astype(np.float32)
    store.append(exact, np.zeros_like(exact))
    ((found, _),) = store
    store.close()
    np.testing.assert_allclose(found, exact, rtol=2.0**-11, atol=1e-7)


def test_nothing_is_written_below_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is opened only when memory runs out, and it has no name that could be left behind."""
    opened: list[dict[str, Any]] = []
    genuine = tempfile.TemporaryFile

    def note(**options: Any) -> Any:
        opened.append(options)
        return genuine(**options)

    monkeypatch.setattr(tempfile, "TemporaryFile", note)
    chunk = _chunks([2], 0)[0]
    store = Pairs(GRID, chunk[0].nbytes + chunk[1].nbytes)
    store.append(*chunk)
    assert not opened
    store.append(*chunk)
    assert len(opened) == 1
    store.close()


def test_a_full_disk_is_an_environment_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """No space for temporary files is exit 3, and the message says where and what to do."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    store = Pairs(GRID, ON_DISK)
    with pytest.raises(EnvironmentFault, match="No space left") as caught:
        store.append(*_chunks([1], 0)[0])
    store.close()
    assert caught.value.exit_code == 3
    assert "TMPDIR" in str(caught.value.hint)
