"""What an evaluation keeps of the single answers: which were right, what was taken for what, where two models differ."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from edge_effnet.evaluate.record import Evaluation, Judged

__all__ = [
    "FINGERPRINT_RULE",
    "class_name",
    "confusion_matrix",
    "disagreements",
    "fingerprint",
    "packed",
    "surest_first",
    "top_confusions",
]

FINGERPRINT_RULE: Final = "sha256 over the lines 'name TAB label' of the evaluated images, in their order"
"""Two evaluations with the same fingerprint may be paired image by image."""

_LISTED: Final = 20
"""Confusions that are listed."""

_MATRIX_CLASSES: Final = 30
"""Up to this many classes the whole matrix is kept: more do not fit on a page, and most cells would be empty."""

_SHOWN: Final = 12
"""Images per way in which two models differ."""

_GUESSES: Final = 3


def packed(right: npt.NDArray[np.bool_]) -> str:
    """Return ``(images,) bool`` as base64 of bits, the first image in the highest bit of the first byte."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def fingerprint(names: Sequence[str], labels: npt.NDArray[np.int64]) -> str:
    """Return `FINGERPRINT_RULE` of ``(images,)`` names and labels."""
    lines = (f"{name}\t{label}\n" for name, label in zip(names, labels.tolist(), strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def class_name(names: Mapping[int, str], label: int) -> str:
    """Return what a label is called; labels below 0 are in no class of the set."""
    if label < 0:
        return "background" if label == -1 else "a class of this model only"
    return names.get(label, f"class {label}")


def top_confusions(
    truth: npt.NDArray[np.int64], judged: Judged, names: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Return which class is most often taken for which other, the most frequent first, then by class."""
    given = judged.labels[:, 0]
    wrong = Counter(zip(truth[~judged.right].tolist(), given[~judged.right].tolist(), strict=True))
    ranked = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:_LISTED]
    return [
        {"truth": class_name(names, true), "predicted": class_name(names, other), "n": n}
        for (true, other), n in ranked
    ]


def confusion_matrix(
    truth: npt.NDArray[np.int64], judged: Judged, names: Mapping[int, str]
) -> dict[str, Any] | None:
    """Return counts by true class (rows) and first answer (columns), or None where there are too many classes."""
    given = judged.labels[:, 0]
    labels = np.union1d(truth, given).tolist()
    if len(labels) > _MATRIX_CLASSES:
        return None
    counts = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(counts, (np.searchsorted(labels, truth), np.searchsorted(labels, given)), 1)
    return {"classes": [class_name(names, label) for label in labels], "counts": counts.tolist()}


def disagreements(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the images that only the first, and those that only the second model gets right, surest errors first.

    ``index`` counts the evaluated images, as `packed` does; ``image`` is for a thumbnail. Empty for one model.
    """
    if len(evaluation.judged) < 2:
        return []
    one, two = evaluation.judged[:2]
    sides = (("only_first", one.right & ~two.right, two), ("only_second", two.right & ~one.right, one))
    return [
        {
            "right": side,
            "n": int(np.count_nonzero(chosen)),
            "images": [_answer(evaluation, index) for index in surest_first(chosen, wrong)[:_SHOWN]],
        }
        for side, chosen, wrong in sides
    ]


def surest_first(chosen: npt.NDArray[np.bool_], wrong: Judged) -> list[int]:
    """Return the chosen images; those on which the wrong answer was given with most confidence come first."""
    indices = np.flatnonzero(chosen)
    order = np.argsort(-wrong.confidences[indices, 0], kind="stable")
    return [int(index) for index in indices[order]]


def _answer(evaluation: Evaluation, index: int) -> dict[str, Any]:
    names = evaluation.class_names
    return {
        "index": index,
        "file": evaluation.files[index],
        "truth": class_name(names, int(evaluation.truth[index])),
        "image": None,
        "guesses": [
            [
                {"name": class_name(names, label), "percent": 100.0 * share}
                for label, share in zip(
                    judged.labels[index, :_GUESSES].tolist(),
                    judged.confidences[index, :_GUESSES].tolist(),
                    strict=True,
                )
            ]
            for judged in evaluation.judged[:2]
        ],
    }
