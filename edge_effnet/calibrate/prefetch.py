"""Work done ahead in threads, in order, with a bounded number of results waiting."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    Item = TypeVar("Item")
    Result = TypeVar("Result")

__all__ = ["prefetch"]


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int = 2, ahead: int = 8
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of ``items`` while threads work on the next ones.

    At most ``ahead`` results wait at any time, so memory does not grow with the number of items; decoding overlaps
    whatever the caller does between two results, because Pillow and zlib release the interpreter lock.

    Args:
        function: Called in a thread; its exception is raised here, at the place of its item.
        items: Read lazily, one more for every result that is taken.
        workers: Number of threads.
        ahead: Number of items that are started before the first result is taken.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="prefetch") as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
