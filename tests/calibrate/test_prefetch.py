"""Promises of work done ahead."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from edge_effnet.calibrate.prefetch import prefetch

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_results_come_in_the_order_of_the_items() -> None:
    """Later items may be ready earlier; they wait."""
    late = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            late.wait(5)
        if item == 1:
            late.set()
        return item * item

    assert list(prefetch(work, range(20), workers=2, ahead=4)) == [item * item for item in range(20)]


@pytest.mark.parametrize("ahead", [1, 4, 9])
def test_only_a_few_items_are_started_ahead(ahead: int) -> None:
    """After ``n`` results, exactly ``n + ahead`` items have been taken: memory has a bound."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    results = prefetch(lambda item: item, items(), ahead=ahead)
    assert taken == []
    for count in range(1, 6):
        next(results)
        assert len(taken) == count + ahead
    results.close()  # type: ignore[attr-defined]


def test_an_error_is_raised_at_the_place_of_its_item() -> None:
    """Results before the failing item still arrive."""

    def work(item: int) -> int:
        if item == 3:
            raise ValueError(item)
        return item

    results = prefetch(work, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="3"):
        next(results)


def test_leaving_early_drops_what_has_not_begun() -> None:
    """A consumer that stops waits only for what is under way, not for all that was lined up."""
    done: list[int] = []

    def work(item: int) -> None:
        time.sleep(0.01)
        done.append(item)

    results = prefetch(work, range(10_000), workers=2, ahead=100)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(done) < 50
