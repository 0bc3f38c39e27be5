"""Holds three sources against each other: what was predicted, what the compiler's log says, what its file holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.inspect.edgetpu_layers import TILES

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.edgetpu.log import ModelLog
    from edge_effnet.inspect.container import Container
    from edge_effnet.inspect.edgetpu import Prediction

__all__ = ["agreement"]


@dataclass(frozen=True)
class _Row:
    """One quantity that at least two of the three know."""

    what: str
    predicted: Callable[[Prediction], int]
    container: Callable[[Container], int | None]
    log: str | None


def _sum(container: Container, field: str) -> int:
    return sum(getattr(package, field) for package in container.packages)


_ROWS: Final = (
    _Row("mapped_ops", lambda p: len(p.mapped), lambda _: None, "mapped"),
    _Row("cpu_ops", lambda p: len(p.layers) - len(p.mapped), lambda c: len(c.cpu_ops), "cpu_operations"),
    _Row("subgraphs", lambda p: int(bool(p.mapped)), lambda c: len(c.packages), "subgraphs"),
    _Row("cached_bytes", lambda p: p.memory["cached_bytes"], lambda c: _sum(c, "cached_bytes"), "on_chip_used_bytes"),
    _Row("streamed_bytes", lambda p: p.memory["streamed_bytes"], lambda c: _sum(c, "streamed_bytes"), "off_chip_bytes"),
    _Row(
        "parameter_bytes",
        lambda p: p.memory["parameter_bytes"],
        lambda c: _sum(c, "cached_bytes") + _sum(c, "streamed_bytes"),
        None,
    ),
    _Row(
        "activation_bytes",
        lambda p: p.memory["activation_bytes"],
        lambda c: TILES * max(package.run.narrow_bytes_per_tile for package in c.packages),
        None,
    ),
)  # fmt: skip


def agreement(prediction: Prediction, log: ModelLog | None, container: Container) -> dict[str, Any]:
    """Compare them.

    Returns:
        ``consistent``, whether log and file say the same as far as the log's rounding can tell; and a row per quantity
        with what each says (null where it does not) and by how many percent the prediction is off.
    """
    rows = [_compared(row, prediction, log, container) for row in _ROWS]
    return {"consistent": all(row["log_agrees"] is not False for row in rows), "rows": rows}


def _compared(
    row: _Row, prediction: Prediction, log: ModelLog | None, container: Container
) -> dict[str, Any]:
    predicted, held = row.predicted(prediction), row.container(container)
    told = None if log is None or row.log is None else getattr(log, row.log)
    if told is None and row.log == "cpu_operations" and log is not None and log.operations is not None:
        told = log.operations - (log.mapped or 0)
    actual = held if held is not None else told
    step = 0.0 if log is None or row.log is None else log.steps.get(row.log, 0.0)
    return {
        "what": row.what,
        "predicted": predicted,
        "log": told,
        "container": held,
        "log_agrees": None if told is None or held is None else abs(told - held) <= step,
        "prediction_error_percent": 100 * (predicted / actual - 1)
        if actual
        else (0.0 if predicted == actual else None),
    }
