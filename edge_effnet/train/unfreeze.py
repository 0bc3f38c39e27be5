"""Gradual unfreezing: a table of epochs and of the part of the network that learns from then on.

References:
    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018: unfreezing from the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HEAD", "Unfreezing", "default_unfreezing", "learning_layers", "stages_of", "unfreezing_from_text"]

HEAD: Final = "head"
_WHOLE: Final = "all"
_LATE: Final = "late"
_LATE_BLOCK: Final = "block5"
"""Where ``late`` begins: the last stages hold most of the weights and cost least to learn."""

_STAGE = re.compile(r"^(stem|block\d+|top)")


@dataclass(frozen=True)
class Unfreezing:
    """From which epoch on which part of the network learns.

    Attributes:
        rows: ``(epoch, first)``: from that epoch on, counted from 0, the part ``first`` and all behind it learns:
            ``head``, ``top``, ``block7`` … ``block1``, ``stem``, or ``all``; ``late`` is ``block5``, or ``all`` where
            there is none. The first row is for epoch 0.
    """

    rows: tuple[tuple[int, str], ...]

    def at(self, epoch: int) -> str:
        """Return the first part that learns in an epoch."""
        return [first for begins, first in self.rows if begins <= epoch][-1]

    def span(self, epoch: int, epochs: int) -> tuple[int, int]:
        """Return the first epoch of the row that an epoch belongs to, and the first one after it."""
        begins = [row[0] for row in self.rows if row[0] <= epoch][-1]
        return begins, min([row[0] for row in self.rows if row[0] > epoch] + [epochs])

    @property
    def text(self) -> str:
        """The table written out, as `unfreezing_from_text` reads it."""
        return ",".join(f"{epoch}:{first}" for epoch, first in self.rows)


def default_unfreezing(epochs: int, *, head_only: bool = False) -> Unfreezing:
    """Return the table that is used where none is given: the classifier in the first half, then the last stages.

    Args:
        epochs: Of the run.
        head_only: Only the classifier learns.
    """
    border = (epochs + 1) // 2
    later = () if head_only or border >= epochs else ((border, _LATE),)
    return Unfreezing(((0, HEAD), *later))


def unfreezing_from_text(text: str) -> Unfreezing:
    """Read ``EPOCH:PART[,EPOCH:PART ...]``, such as ``0:head,5:block6,8:all``.

    Raises:
        UsageError: It is no such table, or its epochs do not begin with 0 and rise.
    """
    rows = []
    for row in text.split(","):
        epoch, _, first = row.partition(":")
        if not (epoch.isascii() and epoch.isdigit() and first):
            raise UsageError(
                "the table of unfreezing is unusable", got=row, allowed="EPOCH:PART, such as 5:block6"
            )
        rows.append((int(epoch), first))
    begins = [epoch for epoch, _ in rows]
    if begins[0] != 0 or begins != sorted(set(begins)):
        raise UsageError(
            "the epochs of unfreezing do not rise from 0", got=text, allowed="0:head,5:block6,8:all"
        )
    if HEAD in [first for _, first in rows[1:]]:
        raise UsageError("only the first row of unfreezing may be the head alone", got=text)
    return Unfreezing(tuple(rows))


def stages_of(layers: Sequence[Any]) -> list[str]:
    """Return the parts of a network in order, from its layers' names; of an unknown network only the head."""
    found = [match[1] for layer in layers if (match := _STAGE.match(layer.name))]
    blocks = sorted({name for name in found if name.startswith("block")}, key=lambda name: int(name[5:]))
    return [*(["stem", *blocks, "top"] if "stem" in found and blocks else []), HEAD]


def learning_layers(layers: Sequence[Any], head: str, first: str) -> list[Any]:
    """Return the layers with variables from a part on.

    Args:
        layers: Of the network.
        head: Name of the classifier's layer.
        first: The part, see `Unfreezing`.

    Raises:
        UnknownNameError: The network has no such part.
    """
    stages = stages_of(layers)
    if first == _LATE:
        first = _LATE_BLOCK if _LATE_BLOCK in stages else _WHOLE
    if first not in (*stages, _WHOLE):
        raise UnknownNameError("part of the network", first, (*stages, _LATE, _WHOLE))
    border = 0 if first == _WHOLE else stages.index(first)
    return [layer for layer in layers if layer.weights and _rank(layer, head, stages) >= border]


def _rank(layer: Any, head: str, stages: list[str]) -> int:
    if layer.name == head:
        return len(stages) - 1
    match = _STAGE.match(layer.name)
    return stages.index(match[1]) if match and match[1] in stages else 0
