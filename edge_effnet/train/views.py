"""What a network in training sees: pictures in a shuffled order, augmented, in batches, as a tf.data pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.errors import UsageError
from edge_effnet.images import Preprocessing
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.train.augment import Policy
from edge_effnet.train.augment_rows import central_crop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from edge_effnet.train.data import Pictures

__all__ = ["Views", "training_preprocessing"]

_AHEAD: Final = 2
"""Batches that wait while the network learns."""

_THREADS: Final = 2
_SEEDS: Final = 2**31
"""TensorFlow's stateless seeds are int32 here."""


def training_preprocessing(evaluation: Preprocessing, policy: Policy) -> Preprocessing:
    """Return how pictures are kept for training: as evaluation sees them, or whole where crops are drawn from them.

    The whole square is kept at a side at which the evaluation's crop would have the network's resolution.
    """
    if not policy.crops:
        return evaluation
    side_px = round(evaluation.resolution_px / evaluation.crop_fraction)
    return Preprocessing(side_px, 1.0, evaluation.resample)


@dataclass(frozen=True)
class Views:
    """Batches of augmented pictures.

    Attributes:
        pictures: Where they are from, see `training_preprocessing`.
        resolution_px: Side of what the network sees.
        batch_size: Pictures in a batch; every batch is full, so an epoch leaves out what is left over.
        seed: Of the order and of the augmentation.
        policy: The augmentation.
    """

    pictures: Pictures
    resolution_px: int
    batch_size: int
    seed: int = 0
    policy: Policy = Policy()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= len(self.pictures):
            raise UsageError(
                "the batch size is out of range",
                got=self.batch_size,
                allowed=f"1 to {len(self.pictures)} pictures",
            )
        if self.pictures.side_px < self.resolution_px:
            raise UsageError(
                "the pictures are smaller than what the network sees", got=self.pictures.side_px,
                allowed=f"{self.resolution_px} px or more",
            )  # fmt: skip

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return len(self.pictures) // self.batch_size

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the pictures in the order of an epoch."""
        order: npt.NDArray[np.int64] = np.random.default_rng([self.seed, epoch]).permutation(
            len(self.pictures)
        )
        return order

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Any, Any]]:
        """Yield the batches of an epoch from step ``start`` on.

        Yields:
            Tensors: pixels ``(batch, resolution, resolution, 3) float32`` in 0..255, and targets
            ``(batch, classes) float32`` that sum to 1 (None without labels).
        """
        tf, size = import_tensorflow(), self.batch_size
        chosen = self.order(epoch)[start * size : self.steps * size].astype(np.int32)
        moment = tf.constant(epoch, tf.int32)
        with tf.device("CPU:0"):
            # Made here: inside the pipeline's own graph the pictures would become a constant of it.
            view = self._view
            dataset = tf.data.Dataset.from_tensor_slices(chosen).map(
                lambda index: view(index, moment), num_parallel_calls=_THREADS, deterministic=True
            )
            pixels = iter(dataset.batch(size, drop_remainder=True).prefetch(_AHEAD))
            for step in range(start, self.steps):
                numbers = chosen[(step - start) * size :][:size]
                yield self._mix(next(pixels), self._targets(numbers), moment, tf.constant(step, tf.int32))

    def _targets(self, numbers: npt.NDArray[np.int32]) -> Any:
        labels, classes = self.pictures.labels, len(self.pictures.classes)
        return None if labels is None else np.eye(classes, dtype=np.float32)[labels[numbers]]

    @cached_property
    def _view(self) -> Callable[..., Any]:
        """A picture as it is seen, as a traced function of its number and the epoch."""
        tf = import_tensorflow()
        side, pictures = self.pictures.side_px, self.pictures
        cache = None if pictures.cache is None else tf.constant(pictures.cache)

        def view(index: Any, epoch: Any) -> Any:
            if cache is None:
                picture = tf.numpy_function(lambda number: pictures.load(int(number)), [index], tf.uint8)
            else:
                picture = tf.gather(cache, index)
            picture = tf.cast(tf.ensure_shape(picture, (side, side, 3)), tf.float32)
            return self._changed(picture, fold(self._seed(epoch), index))

        fold = tf.random.experimental.stateless_fold_in
        spec = tf.TensorSpec((), tf.int32)
        traced: Callable[..., Any] = tf.function(view, input_signature=(spec, spec))
        return traced

    def _changed(self, picture: Any, seed: Any) -> Any:
        fold = import_tensorflow().random.experimental.stateless_fold_in
        if not self.policy.crops:
            picture = central_crop(picture, self.resolution_px)
        for number, row, strength in self.policy.rows("crop"):
            picture = row.apply(picture, fold(seed, number), strength, self.resolution_px)
        for number, row, strength in self.policy.rows("picture"):
            picture = row.apply(picture, fold(seed, number), strength)
        return picture

    @cached_property
    def _mix(self) -> Callable[..., Any]:
        """The batch rows, as a traced function of pixels, targets, the epoch and the step."""
        tf, rows = import_tensorflow(), self.policy.rows("batch")
        fold = tf.random.experimental.stateless_fold_in

        def mix(pixels: Any, targets: Any, epoch: Any, step: Any) -> tuple[Any, Any]:
            # Numbers of pictures are 0 or more, so that no batch has the seed of a picture.
            seed = fold(self._seed(epoch), -1 - step)
            for number, row, strength in rows:
                pixels, targets = row.apply(pixels, targets, fold(seed, number), strength)
            return pixels, targets

        traced: Callable[..., Any] = tf.function(mix)
        return traced

    def _seed(self, epoch: Any) -> Any:
        return import_tensorflow().stack([self.seed % _SEEDS, epoch])
