"""The pictures of a distillation: most to train on, some held out to judge by, none of them in both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError
from edge_effnet.train.augment import policy_from_text
from edge_effnet.train.data import open_pictures as open_folder
from edge_effnet.train.views import Views, training_preprocessing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from edge_effnet.images import Preprocessing
    from edge_effnet.progress import Reporter
    from edge_effnet.qat.settings import QatSettings
    from edge_effnet.train.data import Pictures

    Indices = npt.NDArray[np.int64]

__all__ = ["TrainingPictures", "open_training_pictures"]

_LARGEST_SHARE = 5
"""At most one picture in so many is held out."""


@dataclass(frozen=True)
class TrainingPictures:
    """Pictures, parted in two.

    Attributes:
        whole: All of them, as crops are drawn from them.
        preprocessing: As the deployed network sees them.
        views: What is trained on.
        judges: Numbers, in ``whole``, of those that are held out.
        epoch_steps: Steps of the training loop's epochs, which need not be a walk through all pictures.
        files_sha256: Hash of every file, so that none of them is evaluated on.
    """

    whole: Pictures
    preprocessing: Preprocessing
    views: Views
    judges: Indices
    epoch_steps: int
    files_sha256: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Fingerprint of the pictures and of which are held out."""
        return sha256_of_bytes(f"{self.whole.sha256} {self.judges.tolist()}".encode())

    @property
    def is_labelled(self) -> bool:
        """Whether they have classes."""
        return self.whole.labels is not None

    def batches(self, epoch: int, start: int) -> Iterator[tuple[Any, Any]]:
        """Yield ``(pixels, targets)`` of an epoch of the training loop from a step on; see `Views.batches`."""
        first = epoch * self.epoch_steps + start
        walk, position = divmod(first, self.views.steps)
        left = self.epoch_steps - start
        while left > 0:
            for pixels, targets in self.views.batches(walk, position):
                yield pixels, np.zeros((len(pixels), 0), np.float32) if targets is None else targets
                left -= 1
                if left == 0:
                    return
            walk, position = walk + 1, 0

    def held_out(self) -> tuple[npt.NDArray[np.uint8], Indices | None]:
        """Return the pictures that judge, ``(n, side, side, 3)``, and their labels where known."""
        labels = self.whole.labels
        return self._as_deployed(self.judges), None if labels is None else labels[self.judges]

    def plain(self, count: int) -> npt.NDArray[np.uint8]:
        """Return some of the pictures that are trained on, as the deployed network sees them."""
        learners = np.setdiff1d(np.arange(len(self.whole)), self.judges)
        return self._as_deployed(learners[:count])

    def to_record(self) -> dict[str, Any]:
        """Return what the artefact says about them."""
        return {
            "folder": self.whole.source.folder.name,
            "sha256": self.sha256,
            "count": len(self.views.pictures),
            "held_out": len(self.judges),
            "labelled": self.is_labelled,
            "classes": list(self.whole.classes),
            "unreadable": [each.name for each in self.whole.unreadable],
        }

    def _as_deployed(self, numbers: Indices) -> npt.NDArray[np.uint8]:
        source = replace(self.whole.source, preprocessing=self.preprocessing)
        return np.stack([source.load(int(number)) for number in numbers])


def open_training_pictures(
    folder: Path,
    preprocessing: Preprocessing,
    settings: QatSettings,
    classes: tuple[str, ...],
    reporter: Reporter,
) -> TrainingPictures:
    """Open a folder: labelled where it has one folder per class, else unlabelled.

    Args:
        folder: Of pictures.
        preprocessing: As the deployed network sees them.
        settings: Of the run.
        classes: The network's class names in the order of its outputs, empty where not known.
        reporter: Hears of each picture.

    Raises:
        DataError: A picture that cannot be used, classes that are not the network's, or too few pictures.
    """
    labelled = sum(each.is_dir() and not each.name.startswith(".") for each in folder.iterdir()) > 1
    policy = policy_from_text(settings.augment)
    kept = training_preprocessing(preprocessing, policy)
    whole = open_folder(folder, kept, labelled=labelled, reporter=reporter)
    if labelled and classes and tuple(classes) != whole.classes:
        raise DataError(
            "the class folders are not the classes of the network",
            got=", ".join(whole.classes[:5]), allowed=", ".join(classes[:5]),
            hint="give pictures without class folders to train on them without labels",
        )  # fmt: skip
    judges, learners = _part(len(whole), settings)
    views = Views(
        _chosen(whole, learners), preprocessing.resolution_px, settings.batch_size, settings.seed, policy
    )
    hashes = tuple(whole.source.sha256(index) for index in range(len(whole)))
    return TrainingPictures(whole, preprocessing, views, judges, settings.epoch_steps, hashes)


def _part(count: int, settings: QatSettings) -> tuple[Indices, Indices]:
    """Draw the pictures that judge."""
    held_out = min(settings.held_out, count // _LARGEST_SHARE)
    if held_out < 1 or count - held_out < settings.batch_size:
        raise DataError(
            "there are too few pictures to train on and to judge by", got=count,
            allowed=f"{max(settings.batch_size + settings.batch_size // 4, _LARGEST_SHARE)} or more",
            hint="give more pictures or a smaller --batch-size",
        )  # fmt: skip
    order = np.random.default_rng([settings.seed, count]).permutation(count)
    return np.sort(order[:held_out]), np.sort(order[held_out:])


def _chosen(pictures: Pictures, numbers: Indices) -> Pictures:
    """Return some of the pictures as a set of their own."""
    names = tuple(pictures.source.names[number] for number in numbers)
    return replace(
        pictures,
        source=replace(pictures.source, names=names),
        labels=None if pictures.labels is None else pictures.labels[numbers],
        cache=None if pictures.cache is None else pictures.cache[numbers],
    )
