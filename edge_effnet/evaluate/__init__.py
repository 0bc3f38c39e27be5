"""Stage: evaluate. How often a model is right, how sure that is, and how two models differ on the same images."""

from __future__ import annotations

from edge_effnet.evaluate.accuracy import core_count, evaluate
from edge_effnet.evaluate.candidates import (
    Candidate,
    candidate_from_argument,
    candidate_from_built,
    candidate_from_keras,
    candidate_from_tflite,
)
from edge_effnet.evaluate.classes import ModelClasses
from edge_effnet.evaluate.data import LabelledPictures, LabelledSet, Picture, Skipped
from edge_effnet.evaluate.gallery import add_thumbnails, render_gallery, short_names, write_gallery
from edge_effnet.evaluate.layouts import read_labelled_set
from edge_effnet.evaluate.record import Evaluation, Judged
from edge_effnet.proportions import (
    Interval,
    PairedCounts,
    mcnemar_p,
    paired_interval,
    wilson_interval,
)

__all__ = [
    "Candidate",
    "Evaluation",
    "Interval",
    "Judged",
    "LabelledPictures",
    "LabelledSet",
    "ModelClasses",
    "PairedCounts",
    "Picture",
    "Skipped",
    "add_thumbnails",
    "candidate_from_argument",
    "candidate_from_built",
    "candidate_from_keras",
    "candidate_from_tflite",
    "core_count",
    "evaluate",
    "mcnemar_p",
    "paired_interval",
    "read_labelled_set",
    "render_gallery",
    "short_names",
    "wilson_interval",
    "write_gallery",
]
