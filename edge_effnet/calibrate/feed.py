"""The calibration feed: pixels in batches, as often as wanted, in memory that does not grow with their number."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.calibrate.prefetch import prefetch
from edge_effnet.calibrate.select import list_candidates, order_candidates
from edge_effnet.calibrate.sets import list_set_ids, load_set
from edge_effnet.calibrate.sources import FolderSource, RenderedSource, Subset, open_array
from edge_effnet.calibrate.survey import Picture, Unreadable, survey
from edge_effnet.errors import DataError, UnknownNameError, UsageError
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_effnet.calibrate.select import Candidate
    from edge_effnet.calibrate.sources import PictureSource
    from edge_effnet.images import Pixels, Preprocessing
    from edge_effnet.progress import Reporter

__all__ = ["DEFAULT_SAMPLES", "STAGE", "CalibrationFeed", "open_calibration", "split"]

DEFAULT_SAMPLES: Final = 300
STAGE: Final = "calibration images"

_PLAIN_NAMES: Final = frozenset({"images", "train", "val", "test", "data", "calib", "calibration"})
_SET_ID = re.compile(r"[a-z0-9][a-z0-9-]*-v\d+")


@dataclass(frozen=True)
class CalibrationFeed:
    """Calibration pictures, ready to be read in batches.

    Attributes:
        id: The set's id, or the name of the folder or file.
        sha256: Fingerprint over the name and the hash of every picture, in order, and the preprocessing.
        source: Gives the pictures by number.
        preprocessing: How they were made square.
        requested: How many were asked for.
        pictures: What was seen of each; empty for sets that are rendered from a seed.
        unreadable: Files that could not be decoded and were left out.
    """

    id: str
    sha256: str
    source: PictureSource
    preprocessing: Preprocessing
    requested: int
    pictures: tuple[Picture, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def count(self) -> int:
        """Number of pictures."""
        return len(self.source)

    @property
    def files_sha256(self) -> tuple[str, ...]:
        """Hash of every file that is used, so that none of them is evaluated on; empty for rendered sets."""
        return tuple(picture.sha256 for picture in self.pictures)

    def batches(self, batch_size: int) -> Iterator[Pixels]:
        """Yield every picture once, ``(n, resolution, resolution, 3) uint8`` RGB, with ``n`` smaller only at the end.

        May be called again; each call starts at the first picture. Two threads decode the next batch meanwhile.
        """
        if batch_size < 1:
            raise UsageError("the batch size is out of range", got=batch_size, allowed="1 or more")
        pixels = prefetch(self.source.load, range(self.count), ahead=max(batch_size, 4))
        while batch := list(itertools.islice(pixels, batch_size)):
            yield np.stack(batch)

    def to_record(self) -> dict[str, Any]:
        """Return what every artefact made with this feed says about it."""
        return {"id": self.id, "sha256": self.sha256, "count": self.count}


def open_calibration(
    source: str | Path,
    preprocessing: Preprocessing,
    *,
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> CalibrationFeed:
    """Open a folder of pictures, a ``.npy`` file or a named set.

    Args:
        source: A folder, a file ``(n, resolution, resolution, 3) uint8``, or the id of a set such as
            ``synthetic-v1``. The id of a set wins over a folder of that name (write ``./synthetic-v1`` for the folder).
        preprocessing: The square that the network sees.
        samples: Largest number of pictures to use.
        seed: Chooses the pictures; the same folder and seed give the same pictures on every machine.
        reporter: Hears of each picture and of choices worth knowing.

    Raises:
        DataError: The source is missing, holds no readable picture, or is of another shape or type.
        UnknownNameError: The name looks like the id of a set, and there is none.
        UsageError: ``samples`` or ``seed`` is out of range.
    """
    if samples < 1 or seed < 0:
        raise UsageError(
            "samples or seed out of range", got=(samples, seed), allowed="samples >= 1, seed >= 0"
        )
    reporter = Silent() if reporter is None else reporter
    path, ids = Path(source), list_set_ids()
    if isinstance(source, str) and source in ids:
        return _feed_from_set(source, preprocessing, samples, seed)
    if path.is_dir():
        return _feed_from_folder(path, preprocessing, samples, seed, reporter)
    if path.is_file():
        return _feed_from_array(path, preprocessing, samples, seed, reporter)
    if _SET_ID.fullmatch(str(source)):
        raise UnknownNameError("calibration set", str(source), ids)
    raise DataError(
        "the calibration source does not exist",
        got=source,
        allowed=f"a folder of pictures, a .npy file, or one of the sets {', '.join(ids)}",
    )


def split(feed: CalibrationFeed, fraction: float) -> tuple[CalibrationFeed, CalibrationFeed | None]:
    """Part a feed in two without a picture in common, so that a recipe can be judged on pictures it has not seen.

    Both parts keep the balance of the classes, because a feed deals its classes in turns.

    Args:
        feed: At least one picture.
        fraction: Share of the pictures that is held out, in [0, 1).

    Returns:
        The pictures to calibrate on (at least one) and the held-out ones (``None`` where there are too few to part).
    """
    if not 0.0 <= fraction < 1.0:
        raise UsageError("the held-out fraction is out of range", got=fraction, allowed="0 or more, below 1")
    held_out = min(int(fraction * feed.count + 0.5), feed.count - 1)
    if held_out == 0:
        return feed, None
    border = feed.count - held_out
    return _part(feed, range(border)), _part(feed, range(border, feed.count))


def _feed_from_set(set_id: str, preprocessing: Preprocessing, samples: int, seed: int) -> CalibrationFeed:
    calibration_set = load_set(set_id)
    count = min(samples, calibration_set.count)
    source = RenderedSource(
        f"{set_id}:{calibration_set.sha256}:{seed}",
        count,
        calibration_set.renderer(preprocessing.resolution_px, seed),
    )
    return _feed(set_id, source, preprocessing, samples)


def _feed_from_folder(
    folder: Path, preprocessing: Preprocessing, samples: int, seed: int, reporter: Reporter
) -> CalibrationFeed:
    candidates = list_candidates(folder)
    order = order_candidates(candidates, seed)
    _note_marks(candidates, order, reporter)
    source = FolderSource(folder, tuple(candidate.name for candidate in order), preprocessing)
    labels = [candidate.label for candidate in order]
    return _surveyed(_folder_id(folder.resolve()), source, labels, preprocessing, samples, reporter)


def _folder_id(folder: Path) -> str:
    """Return the folder's name, with its parent's where the name alone says nothing."""
    return f"{folder.parent.name}/{folder.name}" if folder.name.lower() in _PLAIN_NAMES else folder.name


def _feed_from_array(
    path: Path, preprocessing: Preprocessing, samples: int, seed: int, reporter: Reporter
) -> CalibrationFeed:
    rows = open_array(path, preprocessing)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(rows))[:samples]
    source = Subset(rows, tuple(int(row) for row in order))
    return _surveyed(path.name, source, [None] * len(source), preprocessing, samples, reporter)


def _surveyed(
    feed_id: str,
    source: PictureSource,
    labels: Sequence[str | None],
    preprocessing: Preprocessing,
    samples: int,
    reporter: Reporter,
) -> CalibrationFeed:
    """Take the first ``samples`` pictures that can be read."""
    indices: list[int] = []
    pictures: list[Picture] = []
    unreadable: list[Unreadable] = []
    with reporter.stage(STAGE, min(samples, len(source))):
        for index, seen in survey(source, labels):
            if isinstance(seen, Unreadable):
                unreadable.append(seen)
                continue
            indices.append(index)
            pictures.append(seen)
            reporter.advance()
            if len(pictures) == samples:
                break
    if not pictures:
        raise DataError(
            "no picture can be read",
            got=f"{feed_id}: {len(unreadable)} files; {unreadable[0].name}: {unreadable[0].reason}",
            hint="give a folder of JPEG or PNG pictures",
        )
    feed = _feed(feed_id, Subset(source, tuple(indices)), preprocessing, samples, tuple(pictures))
    return replace(feed, unreadable=tuple(unreadable))


def _feed(
    feed_id: str,
    source: PictureSource,
    preprocessing: Preprocessing,
    requested: int,
    pictures: tuple[Picture, ...] = (),
) -> CalibrationFeed:
    hashes = [p.sha256 for p in pictures] or [source.sha256(index) for index in range(len(source))]
    lines = [preprocessing.id, *(f"{source.name(index)}\0{sha256}" for index, sha256 in enumerate(hashes))]
    return CalibrationFeed(
        feed_id, sha256_of_bytes("\n".join(lines).encode()), source, preprocessing, requested, pictures
    )


def _part(feed: CalibrationFeed, indices: range) -> CalibrationFeed:
    pictures = tuple(feed.pictures[index] for index in indices) if feed.pictures else ()
    return _feed(feed.id, Subset(feed.source, tuple(indices)), feed.preprocessing, len(indices), pictures)


def _note_marks(candidates: Sequence[Candidate], order: Sequence[Candidate], reporter: Reporter) -> None:
    if any(candidate.marked for candidate in candidates):
        reporter.note(
            "info",
            f"labels.csv marks {len(order)} of {len(candidates)} pictures for calibration; only these are used",
        )
