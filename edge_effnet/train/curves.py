"""The training curves as one SVG: every figure of the history against the epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_effnet.artifacts import atomic_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["MISSING", "curves_of", "draw_curves"]

MISSING = "no curves.svg: matplotlib is not installed (pip install 'edge-effnet[plots]')"

_NOT_DRAWN = ("epoch", "step", "seconds")
_PANEL_INCHES = (4.0, 3.0)


def curves_of(history: Sequence[Mapping[str, float]]) -> dict[str, dict[str, list[float]]]:
    """Sort the figures of a history into panels.

    Figures that share what follows their first ``_`` share a panel: ``val_top1`` is drawn with ``top1``.

    Returns:
        Panel -> figure -> one value per epoch, in the order in which the figures first appear.
    """
    names = list(dict.fromkeys(name for record in history for name in record if name not in _NOT_DRAWN))
    panels: dict[str, dict[str, list[float]]] = {}
    for name in names:
        base = next((other for other in names if name.endswith(f"_{other}")), name)
        panels.setdefault(base, {})[name] = [record.get(name, float("nan")) for record in history]
    return panels


def draw_curves(history: Sequence[Mapping[str, float]], path: Path) -> str | None:
    """Draw a history; returns None, or a note that says why there is no plot.

    Args:
        history: At least one record with ``epoch``.
        path: The SVG file, overwritten.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return MISSING
    panels = curves_of(history)
    epochs = [record["epoch"] for record in history]
    width, height = _PANEL_INCHES
    # A fixed salt and no date: the same history gives the same file.
    with rc_context({"svg.hashsalt": "edge-effnet"}), atomic_output(path, force=True) as temporary:
        figure = Figure(figsize=(width * max(1, len(panels)), height), layout="constrained")
        for axes, (title, lines) in zip(
            figure.subplots(1, max(1, len(panels)), squeeze=False)[0], panels.items(), strict=False
        ):
            for name, values in lines.items():
                axes.plot(epochs, values, marker=".", label=name)
            axes.set(title=title, xlabel="epoch")
            axes.grid(alpha=0.3)
            axes.legend()
        figure.savefig(temporary, format="svg", metadata={"Date": None})
    return None
