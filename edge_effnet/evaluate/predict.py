"""Many models on many images with every core: decode once, run all, keep five numbers per image.

Each worker thread decodes a picture and runs it through its own copy of every model; Pillow and LiteRT release the
interpreter lock while they work. Memory does not grow with the number of images.
"""

from __future__ import annotations

import collections
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_effnet.errors import DataError
from edge_effnet.evaluate.data import Skipped
from edge_effnet.verify.stats import ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    import numpy.typing as npt

    from edge_effnet.evaluate.candidates import Candidate
    from edge_effnet.evaluate.data import LabelledPictures
    from edge_effnet.images import Pixels, Preprocessing
    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.base import Floats

__all__ = ["KEPT", "Answer", "Answers", "answer_from_scores", "predict"]

KEPT = 5
"""Best classes that are kept for each image."""

_BLOCK = 8
"""Images per task of a worker; large enough that handing over a task costs nothing beside a decode."""

_BATCH_BLOCK = 32
"""Images per task, and per call, when a model wants batches."""


@dataclass(frozen=True)
class Answer:
    """What one model says about one image.

    Attributes:
        outputs: The best outputs, best first; ties in favour of the lowest index.
        confidences: Their probabilities.
        tied: Whether another output has the same score as the first.
    """

    outputs: tuple[int, ...]
    confidences: tuple[float, ...]
    tied: bool


@dataclass(frozen=True)
class Answers:
    """What every model says about the images that could be read.

    Attributes:
        indices: Numbers of the images in their set, ascending.
        by_model: For each model, one answer per image, in the order of ``indices``.
        skipped: Images that could not be read.
    """

    indices: tuple[int, ...]
    by_model: tuple[tuple[Answer, ...], ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class _Read:
    """One image after its worker: answers of the models that run there, pixels for those that want batches."""

    index: int
    answers: dict[int, Answer]
    pixels: dict[Preprocessing, Pixels]
    problem: str | None = None


def answer_from_scores(scores: npt.NDArray[np.floating], *, gives_probabilities: bool) -> Answer:
    """Reduce ``(classes,)`` scores to an `Answer`."""
    best = ranking(scores, KEPT)
    shares = scores if gives_probabilities else _softmax(scores)
    tied = int(np.count_nonzero(scores == scores[best[0]])) > 1
    return Answer(tuple(best.tolist()), tuple(shares[best].tolist()), tied)


def _softmax(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    powers = np.exp(scores.astype(np.float64) - float(scores.max()))
    shares: npt.NDArray[np.float64] = powers / powers.sum()
    return shares


def predict(
    candidates: Sequence[Candidate], pictures: LabelledPictures, *, workers: int, reporter: Reporter
) -> Answers:
    """Run every model on every image.

    Args:
        candidates: The models.
        pictures: The images; each is decoded once per distinct preprocessing.
        workers: Threads.
        reporter: Advanced once per image.

    Returns:
        Answers on the same images for all models: an image that cannot be read is skipped for all, with its reason.
    """
    size = _BATCH_BLOCK if any(candidate.batch is not None for candidate in candidates) else _BLOCK
    # The last blocks run alone while other workers idle, so a small set is cut finer.
    size = max(1, min(size, len(pictures) // (4 * workers)))
    blocks = [range(start, min(start + size, len(pictures))) for start in range(0, len(pictures), size)]
    worker = _Worker(candidates, pictures)
    reads: list[_Read] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="evaluate") as pool:
        for block in _in_order(pool, worker.block, blocks, ahead=3 * workers):
            reads.extend(_with_batches(block, candidates))
            reporter.advance(len(block))
    good = [read for read in reads if read.problem is None]
    answers = tuple(tuple(read.answers[place] for read in good) for place in range(len(candidates)))
    skipped = tuple(Skipped(pictures.name(read.index), read.problem) for read in reads if read.problem)
    return Answers(tuple(read.index for read in good), answers, skipped)


def _in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[range], list[_Read]],
    blocks: Sequence[range],
    *,
    ahead: int,
) -> Iterator[list[_Read]]:
    """Yield results in order with a bounded number of tasks in flight; cancel the rest if the caller stops."""
    waiting: collections.deque[Future[list[_Read]]] = collections.deque()
    remaining = iter(blocks)
    try:
        waiting.extend(pool.submit(work, block) for block in itertools.islice(remaining, ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(work, block) for block in itertools.islice(remaining, 1))
            yield result
    finally:
        for future in waiting:
            future.cancel()


class _Worker:
    """What a thread does; every thread has its own copy of each model."""

    def __init__(self, candidates: Sequence[Candidate], pictures: LabelledPictures) -> None:
        self._candidates = candidates
        self._pictures = pictures
        self._own = threading.local()

    def block(self, indices: range) -> list[_Read]:
        """Read some images and run the models that work image by image."""
        return [self._image(index) for index in indices]

    def _image(self, index: int) -> _Read:
        try:
            pixels = {
                preprocessing: self._pictures.load(index, preprocessing)
                for preprocessing in {candidate.preprocessing for candidate in self._candidates}
            }
        except DataError as error:
            return _Read(index, {}, {}, error.message)
        answers = {
            place: answer_from_scores(
                scorer(pixels[self._candidates[place].preprocessing]),
                gives_probabilities=self._candidates[place].gives_probabilities,
            )
            for place, scorer in self._scorers().items()
        }
        wanted = {candidate.preprocessing for candidate in self._candidates if candidate.batch is not None}
        return _Read(index, answers, {key: value for key, value in pixels.items() if key in wanted})

    def _scorers(self) -> dict[int, Callable[[Pixels], Floats]]:
        """Return this thread's models, loaded on its first image."""
        if not hasattr(self._own, "scorers"):
            self._own.scorers = {
                place: candidate.open()
                for place, candidate in enumerate(self._candidates)
                if candidate.open is not None
            }
        scorers: dict[int, Callable[[Pixels], Floats]] = self._own.scorers
        return scorers


def _with_batches(block: list[_Read], candidates: Sequence[Candidate]) -> list[_Read]:
    """Run the models that want batches on a block, and drop its pixels."""
    good = [read for read in block if read.problem is None]
    for place, candidate in enumerate(candidates):
        if candidate.batch is not None and good:
            pixels = np.stack([read.pixels[candidate.preprocessing] for read in good])
            rows = candidate.batch.predict_logits(pixels)
            for read, row in zip(good, rows, strict=True):
                read.answers[place] = answer_from_scores(
                    row, gives_probabilities=candidate.gives_probabilities
                )
    return [_Read(read.index, read.answers, {}, read.problem) for read in block]
