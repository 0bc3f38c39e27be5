"""What a climb refuses before its first rung: missing sources, and pictures that would judge and be learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import sha256_of_bytes, sha256_of_file
from edge_effnet.errors import DataError
from edge_effnet.evaluate import read_labelled_set
from edge_effnet.images import list_images

if TYPE_CHECKING:
    from edge_effnet.evaluate import LabelledSet, ModelClasses
    from edge_effnet.tune.request import TuneRequest

__all__ = ["check_sources", "judged_pictures"]

_SHOWN: Final = 5
"""How many of many names an error lists."""


def check_sources(request: TuneRequest) -> None:
    """Refuse what can be seen without building the network.

    Raises:
        DataError: The folder of pictures or the table of labels is missing.
    """
    if not request.data.is_dir():
        raise DataError("the folder of images does not exist", got=request.data, hint="give it with --data")
    if request.labels is not None and not request.labels.is_file():
        raise DataError(
            "the table of labels does not exist", got=request.labels, hint="give it with --labels"
        )


def judged_pictures(request: TuneRequest, classes: ModelClasses) -> tuple[LabelledSet, str]:
    """Return the labelled pictures, and a fingerprint of them and their labels.

    Raises:
        DataError: There are none, or some of them could be calibrated or distilled on.
    """
    pictures = read_labelled_set(request.data, request.labels, classes)
    hashes = [pictures.sha256(index) for index in range(len(pictures))]
    learned = _learned_from(request)
    shared = [pictures.name(index) for index, digest in enumerate(hashes) if digest in learned]
    if shared:
        more = " ..." if len(shared) > _SHOWN else ""
        raise DataError(
            f"{len(shared)} of {len(pictures)} judged pictures are among those to calibrate and distil on",
            got=f"{', '.join(shared[:_SHOWN])}{more}",
            hint="take them out of --calibration or out of --data",
        )
    lines = (f"{digest}\0{pictures.label(index)}" for index, digest in enumerate(hashes))
    return pictures, sha256_of_bytes("\n".join(lines).encode())


def _learned_from(request: TuneRequest) -> frozenset[str]:
    """Return the hashes of all pictures of a calibration folder: distillation also uses those that calibration leaves."""
    folder = Path(request.calibration)
    return frozenset(sha256_of_file(path) for path in list_images(folder)) if folder.is_dir() else frozenset()
