"""What tests of `qat` call by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_effnet.images import Preprocessing
from edge_effnet.progress import Silent
from edge_effnet.qat.pictures import open_training_pictures

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.qat.pictures import TrainingPictures
    from edge_effnet.qat.settings import QatSettings


def open_labelled(folder: Path, settings: QatSettings, classes: tuple[str, ...] = ()) -> TrainingPictures:
    """Open pictures at the small network's side."""
    return open_training_pictures(folder, Preprocessing(16), settings, classes, Silent())
