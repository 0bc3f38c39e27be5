"""The figures of an evaluation: one row per model, per pair of models, per class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.proportions import (
    DIFFERENCE_METHOD,
    Interval,
    PairedCounts,
    mcnemar_p,
    paired_interval,
    wilson_interval,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from edge_effnet.evaluate.candidates import Candidate
    from edge_effnet.evaluate.record import Judged

__all__ = ["ClassTally", "ModelScore", "PairScore", "class_tallies"]

_WORST = 20
"""Classes that are listed."""


@dataclass(frozen=True)
class ModelScore:
    """Accuracy of one model.

    Attributes:
        path: The argument that named it.
        n: Images.
        top1: Images whose class comes first.
        top5: Images whose class is among the first five.
        ties: Images on which the first place is shared; the tie rule decided them.
        outputs: Number of classes.
        preprocessing: Id of its preprocessing.
        sha256: Of its file; None for a float network by name.
    """

    path: str
    n: int
    top1: int
    top5: int
    ties: int
    outputs: int
    preprocessing: str
    sha256: str | None = None

    @classmethod
    def of(cls, candidate: Candidate, hits: npt.NDArray[np.bool_], tied: Sequence[bool]) -> ModelScore:
        """Count ``(images, kept) bool``: which of the best classes is the true one."""
        return cls(
            candidate.path,
            len(hits),
            int(np.count_nonzero(hits[:, 0])),
            int(np.count_nonzero(hits[:, :5].any(axis=1))),
            sum(tied),
            candidate.classes.outputs,
            candidate.preprocessing.id,
            candidate.sha256,
        )

    @property
    def top1_interval(self) -> Interval:
        """Wilson's 95 % interval of the top-1 accuracy."""
        return wilson_interval(self.top1, self.n)

    @property
    def top5_interval(self) -> Interval:
        """Wilson's 95 % interval of the top-5 accuracy."""
        return wilson_interval(self.top5, self.n)

    def to_record(self) -> dict[str, Any]:
        """Return one entry of ``models``; shares are in percent."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "top1": 100.0 * self.top1 / self.n,
            "top5": 100.0 * self.top5 / self.n,
            "n": self.n,
            "top1_ci95": self.top1_interval.percent(),
            "top5_ci95": self.top5_interval.percent(),
            "top1_ties": self.ties,
            "outputs": self.outputs,
            "preprocessing": self.preprocessing,
        }


@dataclass(frozen=True)
class PairScore:
    """Two models on the same images.

    Attributes:
        first: The one that the other is compared with.
        second: The other.
        counts: Images by which of them is right.
        same: Images on which both put the same class first, right or wrong.
    """

    first: str
    second: str
    counts: PairedCounts
    same: int

    @classmethod
    def of(cls, first: str, second: str, one: Judged, two: Judged) -> PairScore:
        """Compare the answers of two models on the same images."""
        same = int(np.count_nonzero(one.labels[:, 0] == two.labels[:, 0]))
        return cls(first, second, PairedCounts.of(one.right, two.right), same)

    @property
    def agreement(self) -> float:
        """Share of images with the same first class, in [0, 1]."""
        return self.same / self.counts.n

    def to_record(self) -> dict[str, Any]:
        """Return one entry of ``pairs``; shares are in percent, a positive drop means that the second is worse."""
        return {
            "first": self.first,
            "second": self.second,
            "drop_top1": 100.0 * self.counts.difference,
            "ci95": paired_interval(self.counts).percent(),
            "ci_method": DIFFERENCE_METHOD,
            "mcnemar_p": mcnemar_p(self.counts),
            "agreement": 100.0 * self.agreement,
            "only_first": self.counts.only_first,
            "only_second": self.counts.only_second,
            "n": self.counts.n,
        }


@dataclass(frozen=True)
class ClassTally:
    """How the models do on one class.

    Attributes:
        label: The class.
        name: Its name, or ``class 12``.
        n: Images of it.
        right: Images that each model (the first two at most) gets right.
    """

    label: int
    name: str
    n: int
    right: tuple[int, ...]

    @property
    def lost(self) -> int:
        """Images that the first model gets right and the second wrong, net; with one model, those it gets wrong."""
        return self.right[0] - self.right[1] if len(self.right) > 1 else self.n - self.right[0]

    def to_record(self) -> dict[str, Any]:
        """Return one entry of ``worst_classes``."""
        return {
            "label": self.label,
            "name": self.name,
            "n": self.n,
            "right": list(self.right),
            "lost": self.lost,
        }


def class_tallies(
    truth: npt.NDArray[np.int64], right: Sequence[npt.NDArray[np.bool_]], names: Mapping[int, str]
) -> tuple[ClassTally, ...]:
    """Return the classes that lose most, worst first; classes that lose nothing are left out.

    Args:
        truth: ``(images,)`` labels.
        right: For one or two models, ``(images,) bool``.
        names: Label -> name.
    """
    tallies = []
    for label in np.unique(truth).tolist():
        of_class = truth == label
        counts = tuple(int(np.count_nonzero(found & of_class)) for found in right)
        tallies.append(
            ClassTally(label, names.get(label, f"class {label}"), int(np.count_nonzero(of_class)), counts)
        )
    losing = [tally for tally in tallies if tally.lost > 0]
    return tuple(sorted(losing, key=lambda tally: (-tally.lost, tally.n, tally.label))[:_WORST])
