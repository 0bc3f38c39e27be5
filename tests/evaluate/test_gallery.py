"""evaluate.gallery: one page that needs nothing else, shows the right images, and can be read by everyone."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from runtimes.tiny_models import colour_classifier
from runtimes.tiny_pictures import colour_folders

from edge_effnet.errors import OutputExistsError, UsageError
from edge_effnet.evaluate import (
    Evaluation,
    LabelledSet,
    ModelClasses,
    candidate_from_tflite,
    evaluate,
    read_labelled_set,
    render_gallery,
    short_names,
    write_gallery,
)
from edge_effnet.images import Preprocessing

if TYPE_CHECKING:
    from pathlib import Path

_BLUE_BLIND = ((1, -1, -1), (-1, 1, -1), (-1, -1, -1))
_HOSTILE = "<script>alert(1)</script>"


class _Reader(HTMLParser):
    """Collects tags with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def compared(tmp_path: Path) -> tuple[Evaluation, LabelledSet]:
    """Two models; the second loses the three blue pictures."""
    folders = colour_folders(tmp_path / "set", {"red": ["red"] * 2, "green": ["green"], "blue": ["blue"] * 3})
    pictures = read_labelled_set(folders, None, ModelClasses(3, ("red", "green", "blue")))
    candidates = []
    for name, classes in (("seeing", ((1, -1, -1), (-1, 1, -1), (-1, -1, 1))), ("blind", _BLUE_BLIND)):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(colour_classifier(classes).to_bytes())
        candidates.append(candidate_from_tflite(path, "builtin"))
    return evaluate(candidates, pictures), pictures


def test_the_page_shows_the_images_on_which_one_model_is_wrong(
    compared: tuple[Evaluation, LabelledSet],
) -> None:
    """Three pictures, as the model saw them, each with both models' first three classes and confidences."""
    page = _Reader(render_gallery(*compared, Preprocessing(8)))
    images = page.all("img")
    assert len(images) == 3
    kind, _, data = images[0]["src"].partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (8, 8)
        red, _, blue = image.convert("RGB").getpixel((4, 4))  # type: ignore[misc]
    assert blue > red
    assert page.text.count("✓ right: seeing.tflite") == page.text.count("✗ wrong: blind.tflite") == 3
    assert len(re.findall(r"\d\.\d %", page.text)) >= 3 * 2 * 3


def test_the_page_has_the_figures_of_the_comparison(compared: tuple[Evaluation, LabelledSet]) -> None:
    """Drop with interval, p-value, agreement, both accuracies with n, and the worst class."""
    text = " ".join(_Reader(render_gallery(*compared, Preprocessing(8))).text.split())
    for words in ("+50.00 points [", "p = 0.25", "on 50.00 % of the images", "100.00 % [", "50.00 % ["):
        assert words in text
    assert "blue 3 3 0 3" in text


def test_the_page_needs_nothing_else(compared: tuple[Evaluation, LabelledSet]) -> None:
    """No script, no style sheet, no font and no picture from elsewhere."""
    page = _Reader(render_gallery(*compared, Preprocessing(8)))
    assert not page.all("script")
    assert not page.all("link")
    assert all(image["src"].startswith("data:") for image in page.all("img"))
    assert all(link["href"].startswith("#") for link in page.all("a"))


def test_the_page_can_be_used_without_eyes_and_without_a_mouse(
    compared: tuple[Evaluation, LabelledSet],
) -> None:
    """Language, title, one h1, alt texts that name the class, sizes that stop jumping, links that lead somewhere."""
    page = _Reader(render_gallery(*compared, Preprocessing(8)))
    identifiers = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert all(image["alt"] == "Photograph labelled blue" for image in page.all("img"))
    assert all({"width", "height"} <= set(image) for image in page.all("img"))
    assert {link["href"][1:] for link in page.all("a")} <= identifiers
    assert {region["aria-labelledby"] for region in page.all("section")} <= identifiers


def _luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb; WCAG 2.2, "relative luminance"."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_can_be_read_in_light_and_in_dark(compared: tuple[Evaluation, LabelledSet], scheme: int) -> None:
    """Every text colour on every ground has at least 4.5:1, WCAG 2.2 level AA."""
    page = render_gallery(*compared, Preprocessing(8))
    colours = dict(
        re.findall(r"--(\w+): (#[0-9a-f]{6})", re.findall(r":root \{.*?\}", page, re.DOTALL)[scheme])
    )
    for ground in ("page", "card"):
        for ink in ("text", "quiet", "right", "wrong"):
            light, dark = sorted((_luminance(colours[ground]), _luminance(colours[ink])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, ink)


def test_names_from_outside_cannot_become_markup(compared: tuple[Evaluation, LabelledSet]) -> None:
    """File, class and model names are text, whatever is in them."""
    found, pictures = compared
    models = tuple(replace(model, path=f"{_HOSTILE}{place}") for place, model in enumerate(found.models))
    hostile = replace(found, models=models, class_names=dict.fromkeys(range(3), _HOSTILE))
    renamed = replace(pictures, pictures=tuple(replace(item, name=_HOSTILE) for item in pictures.pictures))
    page = _Reader(render_gallery(hostile, renamed, Preprocessing(8)))
    assert not page.all("script")
    assert _HOSTILE in page.text


def test_many_images_are_cut_short_and_counted(compared: tuple[Evaluation, LabelledSet]) -> None:
    """The page says how many it leaves out, and shows the surest wrong answers."""
    found, pictures = compared
    blue = [place for place in range(len(found.truth)) if found.truth[place] == 2]
    many = replace(
        found,
        images=tuple(found.images[place] for place in blue) * 30,
        files=tuple(found.files[place] for place in blue) * 30,
        truth=found.truth[blue * 30],
        judged=tuple(
            replace(
                judged,
                labels=judged.labels[blue * 30],
                confidences=judged.confidences[blue * 30],
                right=judged.right[blue * 30],
            )
            for judged in found.judged
        ),
    )
    page = _Reader(render_gallery(many, pictures, Preprocessing(8)))
    assert len(page.all("img")) == 60
    assert "60 of 90 images" in page.text


def test_one_model_has_no_gallery(compared: tuple[Evaluation, LabelledSet]) -> None:
    """There is nothing to compare."""
    found, pictures = compared
    with pytest.raises(UsageError, match="two models"):
        render_gallery(replace(found, models=found.models[:1]), pictures, Preprocessing(8))


def test_a_page_is_not_overwritten_without_force(
    tmp_path: Path, compared: tuple[Evaluation, LabelledSet]
) -> None:
    """Like every other output."""
    path = tmp_path / "out.html"
    write_gallery(path, *compared, Preprocessing(8), force=False)
    with pytest.raises(OutputExistsError):
        write_gallery(path, *compared, Preprocessing(8), force=False)
    write_gallery(path, *compared, Preprocessing(8), force=True)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_models_are_called_by_what_tells_them_apart() -> None:
    """File names if they differ, else whole paths."""
    assert short_names(["a/one.tflite", "b/two.tflite"]) == ("one.tflite", "two.tflite")
    assert short_names(["a/one.tflite", "b/one.tflite"]) == ("a/one.tflite", "b/one.tflite")
