"""How good a rung's model is: against the float network, on the same labelled pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.artifacts import atomic_output
from edge_effnet.evaluate import ModelClasses, candidate_from_built, candidate_from_tflite, evaluate
from edge_effnet.verify.stats import sqnr_db

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from edge_effnet.convert import Prepared
    from edge_effnet.evaluate import Candidate, LabelledPictures
    from edge_effnet.images import Pixels
    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.base import Floats

__all__ = ["ENGINE", "FloatTwin", "Verdict", "classes_of", "judge"]

ENGINE: Final = "xnnpack"
_DIGEST_BYTES: Final = 16


def _digest(pixels: Pixels) -> str:
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=_DIGEST_BYTES).hexdigest()


def classes_of(prepared: Prepared) -> ModelClasses:
    """Return what the outputs of a network stand for."""
    return ModelClasses(int(prepared.built.keras.outputs[0].shape[-1]), prepared.labels)


@dataclass(frozen=True)
class Verdict:
    """What judging a model found; shares are in percent.

    Attributes:
        drop_top1: Top-1 of the float network minus the model's.
        ci95: Interval of that difference, paired.
        agreement: Share of pictures on which both put the same class first.
        sqnr_db: Of the logits; None where they are the same.
        top1: The model's.
        float_top1: The float network's.
        n: Pictures.
    """

    drop_top1: float
    ci95: tuple[float, float]
    agreement: float
    sqnr_db: float | None
    top1: float
    float_top1: float
    n: int


class FloatTwin:
    """The float network with a memory: logits of a picture are computed once, and kept in the run folder.

    Args:
        prepared: The network as it was built.
        argument: What to call it in records.
        path: File of the logits that are known; made by `save`.
    """

    def __init__(self, prepared: Prepared, argument: str, path: Path) -> None:
        self._built, self._path = prepared.built, path
        self._argument, self._classes = argument, classes_of(prepared)
        self.rows: dict[str, Floats] = {}
        if path.is_file():
            with np.load(path, allow_pickle=False) as known:
                self.rows = dict(zip(known["digests"].tolist(), known["logits"], strict=True))

    def candidate(self) -> Candidate:
        """Return the network as something to evaluate."""
        found = candidate_from_built(self._argument, self._built)
        return replace(found, classes=self._classes, batch=self)

    def predict_logits(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        """Return ``(images, classes)``, computing only what is not known yet."""
        digests = [_digest(picture) for picture in pixels]
        new = [place for place, digest in enumerate(digests) if digest not in self.rows]
        if new:
            rows = self._built.predict_logits(pixels[new])
            self.rows.update(zip((digests[place] for place in new), rows, strict=True))
        return np.stack([self.rows[digest] for digest in digests])

    def save(self) -> None:
        """Keep what is known for a later run."""
        with atomic_output(self._path, force=True) as temporary, temporary.open("wb") as stream:
            digests, logits = np.array(list(self.rows)), np.stack(list(self.rows.values()))
            np.savez(stream, digests=digests, logits=logits)


def judge(path: Path, twin: FloatTwin, pictures: LabelledPictures, reporter: Reporter) -> Verdict:
    """Judge a .tflite file.

    Args:
        path: The file.
        twin: The float network.
        pictures: None of them may have been calibrated on.
        reporter: Advanced once per picture.

    Raises:
        DataError: The weights are random, or pictures were calibrated on or cannot be read.
    """
    given, rows = candidate_from_tflite(path, ENGINE), dict[str, "Floats"]()
    known = len(twin.rows)
    found = evaluate([twin.candidate(), _remembering(given, rows)], pictures, reporter=reporter)
    if len(twin.rows) > known:
        twin.save()
    exact, rounded = (np.stack([side[digest] for digest in rows]) for side in (twin.rows, rows))
    noise = sqnr_db(exact, rounded)
    pair, (first, second) = found.pairs[0].to_record(), (model.to_record() for model in found.models)
    return Verdict(
        drop_top1=pair["drop_top1"],
        ci95=(pair["ci95"][0], pair["ci95"][1]),
        agreement=pair["agreement"],
        sqnr_db=noise if np.isfinite(noise) else None,
        top1=second["top1"],
        float_top1=first["top1"],
        n=pair["n"],
    )


def _remembering(candidate: Candidate, rows: dict[str, Floats]) -> Candidate:
    """Return a candidate that leaves its logits in ``rows``, by picture."""
    original = candidate.open
    assert original is not None  # noqa: S101 - a .tflite file is opened per thread

    def opened() -> Callable[[Pixels], Floats]:
        score: Any = original()

        def run(pixels: Pixels) -> Floats:
            row: Floats = score(pixels)
            rows[_digest(pixels)] = row
            return row

        return run

    return replace(candidate, open=opened)
