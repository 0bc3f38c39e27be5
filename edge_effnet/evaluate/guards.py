"""What is never evaluated: models with random weights, and images that a model was calibrated on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.evaluate.candidates import Candidate
    from edge_effnet.evaluate.data import LabelledPictures

__all__ = ["refuse_calibration_images", "refuse_random_weights"]

_SHOWN = 5
"""How many of many names an error lists."""


def refuse_random_weights(candidates: Sequence[Candidate]) -> None:
    """Never give an accuracy that means nothing.

    Raises:
        DataError: A model has random weights.
    """
    for candidate in candidates:
        if candidate.contract is not None and candidate.contract.has_random_weights:
            raise DataError(
                "the model has random weights, so its accuracy would mean nothing",
                got=candidate.path,
                hint="convert it again with --weights imagenet or --weights FILE; latency needs no weights",
            )


def refuse_calibration_images(candidates: Sequence[Candidate], pictures: LabelledPictures) -> None:
    """Never evaluate on images that a model was calibrated or trained on.

    Raises:
        DataError: At least one is.
    """
    listed = [
        (candidate, candidate.contract.calibration_files)
        for candidate in candidates
        if candidate.contract and candidate.contract.calibration_files
    ]
    hashes = [pictures.sha256(index) for index in range(len(pictures))] if listed else []
    for candidate, files in listed:
        shared = [pictures.name(index) for index, digest in enumerate(hashes) if digest in files]
        if shared:
            raise DataError(
                f"{len(shared)} of {len(pictures)} images were used to calibrate or train the model",
                got=f"{candidate.path}: {', '.join(shared[:_SHOWN])}{' ...' if len(shared) > _SHOWN else ''}",
                hint="evaluate on other images, or calibrate and train on other images",
            )
