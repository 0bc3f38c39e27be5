"""From names to a record: the one call behind `edge-effnet bench`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_effnet.bench.measure import Contender, measure
from edge_effnet.bench.plan import Plan
from edge_effnet.bench.record import host_record, record_of
from edge_effnet.errors import UsageError
from edge_effnet.progress import Silent
from edge_effnet.runtimes.engines import worker_engine
from edge_effnet.runtimes.targets import target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.progress import Reporter

__all__ = ["bench"]


def bench(
    models: Sequence[str | Path],
    *,
    engines: Sequence[str] = ("xnnpack",),
    targets: Sequence[str] = ("local",),
    plan: Plan | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Measure every model on every engine at every target.

    Args:
        models: .tflite files.
        engines: Names as `edge_effnet.runtimes.engines.worker_engine` takes them.
        targets: Names as `edge_effnet.runtimes.targets.target` takes them.
        plan: How to measure; the usual plan for None.
        reporter: Is told the stages.

    Returns:
        The record that `edge_effnet/schemas/bench.json` describes.

    Raises:
        UsageError: A name is unknown, or nothing or the same thing twice is to be measured.
        EnvironmentFault: No contender could be measured; the reason of the first.
        DataError: A file cannot be read, or no engine takes any of them.
    """
    plan = plan or Plan()
    for kind, given in (("model", models), ("engine", engines), ("target", targets)):
        if not given or len({str(each) for each in given}) < len(given):
            listed = ", ".join(map(str, given)) or "nothing"
            raise UsageError(f"every {kind} once, and one at least", got=listed, allowed=f"different {kind}s")
    places = [target(name) for name in targets]
    ways = [worker_engine(name) for name in engines]
    product = itertools.product((Path(model) for model in models), ways, places)
    host = host_record()
    return record_of(measure([Contender(*row) for row in product], plan, reporter or Silent()), plan, host)
