"""A page of the images that one model gets right and the other wrong: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from edge_effnet.artifacts import write_bytes
from edge_effnet.errors import UsageError
from edge_effnet.evaluate.answers import class_name, surest_first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_effnet.evaluate.data import LabelledPictures
    from edge_effnet.evaluate.record import Evaluation, Judged
    from edge_effnet.images import Pixels, Preprocessing

__all__ = ["add_thumbnails", "render_gallery", "short_names", "write_gallery"]

_SHOWN = 60
"""Images per section: at 13 kB each the page stays below 2 MB."""

_SIDE_PX = 224
_RECORD_SIDE_PX = 128
"""In a record: 4 kB each."""

_QUALITY = 82
_GUESSES = 3
_CLASSES = 10


@dataclass(frozen=True)
class _Guess:
    name: str
    share: str
    is_truth: bool


@dataclass(frozen=True)
class _ModelAnswer:
    name: str
    right: bool
    guesses: tuple[_Guess, ...]


@dataclass(frozen=True)
class _Card:
    image: str
    side_px: int
    truth: str
    file: str
    answers: tuple[_ModelAnswer, ...]


@dataclass(frozen=True)
class _Section:
    id: str
    title: str
    total: int
    cards: tuple[_Card, ...]


def write_gallery(
    path: Path,
    evaluation: Evaluation,
    pictures: LabelledPictures,
    preprocessing: Preprocessing,
    *,
    force: bool,
) -> None:
    """Write the page; see `render_gallery`."""
    write_bytes(path, render_gallery(evaluation, pictures, preprocessing).encode(), force=force)


def render_gallery(evaluation: Evaluation, pictures: LabelledPictures, preprocessing: Preprocessing) -> str:
    """Return the page for the first two models.

    Args:
        evaluation: Of two or more models.
        pictures: The same images; those that are shown are read once more.
        preprocessing: How the thumbnails are cut: what the model saw is what the reader sees.

    Raises:
        UsageError: There is one model only.
    """
    if len(evaluation.models) < 2:
        raise UsageError(
            "a gallery compares two models", got=evaluation.models[0].path, hint="give two models"
        )
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("edge_effnet.evaluate", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("gallery.html").render(
        **_facts(evaluation), sections=_sections(evaluation, pictures, preprocessing)
    )


def add_thumbnails(
    record: dict[str, Any],
    evaluation: Evaluation,
    pictures: LabelledPictures,
    preprocessing: Preprocessing,
) -> None:
    """Fill in ``image`` of every image under ``disagreements``: a small JPEG as a data URI, for a later report."""
    for side in record["disagreements"]:
        for answer in side["images"]:
            pixels = pictures.load(evaluation.images[answer["index"]], preprocessing)
            answer["image"], _ = _thumbnail(pixels, _RECORD_SIDE_PX)


def short_names(paths: Sequence[str]) -> tuple[str, ...]:
    """Return what tells the paths apart: the file names where they differ, else the whole paths."""
    names = tuple(path.replace("\\", "/").rsplit("/", 1)[-1] for path in paths)
    return names if len(set(names)) == len(names) else tuple(paths)


def _facts(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures on top of the page."""
    record = evaluation.to_record()
    paired, conditions = record["paired"], record["conditions"]
    names = short_names([model.path for model in evaluation.models])
    low, high = paired["ci95"]
    versions = ", ".join(f"{name} {version}" for name, version in conditions["versions"].items())
    engines = ", ".join(f"{name} ({library})" for name, library in conditions["engines"].items())
    host = conditions["host"]
    return {
        "title": f"{names[0]} against {names[1]}",
        "names": names[:2],
        "n": paired["n"],
        "drop": f"Top-1 of {names[0]} minus {names[1]}: {paired['drop_top1']:+.2f} points [{low:+.2f}, {high:+.2f}]",
        "agreement": f"{paired['agreement']:.2f} %",
        "p_value": f"McNemar's exact p = {paired['mcnemar_p']:.3g}",
        "conditions": f"Engine {engines}; {versions}; {host['machine']}, {host['cpus']} CPUs.",
        "models": [
            {"name": name, "n": model["n"], "top1": _share(model, "top1"), "top5": _share(model, "top5")}
            for name, model in zip(names, record["models"], strict=True)
        ],
        "worst": evaluation.worst[:_CLASSES],
    }


def _share(model: dict[str, Any], key: str) -> str:
    low, high = model[f"{key}_ci95"]
    return f"{model[key]:.2f} % [{low:.2f}, {high:.2f}]"


def _sections(
    evaluation: Evaluation, pictures: LabelledPictures, preprocessing: Preprocessing
) -> tuple[_Section, ...]:
    one, two = evaluation.judged[:2]
    names = short_names([model.path for model in evaluation.models])
    parts = (
        ("lost", f"{names[0]} right, {names[1]} wrong", one.right & ~two.right, two),
        ("won", f"{names[1]} right, {names[0]} wrong", two.right & ~one.right, one),
    )
    return tuple(
        _Section(
            identifier,
            title,
            int(np.count_nonzero(chosen)),
            tuple(
                _card(evaluation, place, names, pictures, preprocessing)
                for place in surest_first(chosen, wrong)[:_SHOWN]
            ),
        )
        for identifier, title, chosen, wrong in parts
    )


def _card(
    evaluation: Evaluation,
    place: int,
    names: Sequence[str],
    pictures: LabelledPictures,
    preprocessing: Preprocessing,
) -> _Card:
    index, truth = evaluation.images[place], int(evaluation.truth[place])
    thumbnail, side_px = _thumbnail(pictures.load(index, preprocessing))
    answers = tuple(
        _ModelAnswer(name, bool(judged.right[place]), _guesses(evaluation, judged, place, truth))
        for name, judged in zip(names, evaluation.judged[:2], strict=False)
    )
    return _Card(thumbnail, side_px, class_name(evaluation.class_names, truth), pictures.name(index), answers)


def _guesses(evaluation: Evaluation, judged: Judged, place: int, truth: int) -> tuple[_Guess, ...]:
    pairs = zip(judged.labels[place].tolist(), judged.confidences[place].tolist(), strict=True)
    return tuple(
        _Guess(class_name(evaluation.class_names, label), f"{100 * share:.1f}", label == truth)
        for label, share in list(pairs)[:_GUESSES]
    )


def _thumbnail(pixels: Pixels, side_px: int = _SIDE_PX) -> tuple[str, int]:
    """Return a JPEG as a data URI, and its side in pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}", image.width
