"""A split of ``shapes10-v1`` as labelled pictures for an evaluation, drawn when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.calibrate.shapes import CLASS_NAMES, label_of, render
from edge_effnet.quickstart.assets import SET_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_effnet.evaluate import Skipped
    from edge_effnet.images import Pixels, Preprocessing

__all__ = ["RenderedSplit"]


@dataclass(frozen=True)
class RenderedSplit:
    """The first pictures of a split; see `edge_effnet.evaluate.LabelledPictures`.

    Attributes:
        split: ``train``, ``val`` or ``test``.
        count: How many.
        skipped: None: what is drawn can be read.
        notes: None: nothing is assumed.
    """

    split: str
    count: int
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> Mapping[int, str]:
        """Label -> name."""
        return dict(enumerate(CLASS_NAMES))

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        """Return the set, the split and the number."""
        return f"{SET_ID}/{self.split}/{index:06d}"

    def label(self, index: int) -> int:
        """Return the class."""
        return label_of(index)

    def load(self, index: int, preprocessing: Preprocessing) -> Pixels:
        """Draw a picture at the network's resolution: there is nothing to crop or resize."""
        return render(self.split, index, preprocessing.resolution_px)[0]

    def sha256(self, index: int) -> str:
        """Hash the name, from which the pixels follow."""
        return sha256_of_bytes(self.name(index).encode())
