"""evaluate.accuracy: known answers, the paired comparison, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from runtimes.tiny_models import TinyModel, colour_classifier
from runtimes.tiny_pictures import colour_folders

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import DataError
from edge_effnet.evaluate import (
    Candidate,
    Evaluation,
    LabelledSet,
    ModelClasses,
    candidate_from_argument,
    candidate_from_tflite,
    evaluate,
    read_labelled_set,
)
from edge_effnet.progress import Silent
from edge_effnet.proportions import PairedCounts, mcnemar_p, paired_interval, wilson_interval

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = ("red", "green", "blue")
# What the pictures in each class folder really show: 9 of 12 are what their folder says.
_CONTENTS = {
    "red": ["red", "red", "red", "green"],
    "green": ["green", "green", "green", "green"],
    "blue": ["blue", "blue", "red", "green"],
}
_BLUE_BLIND = ((1, -1, -1), (-1, 1, -1), (-1, -1, -1))
_EYE = ((1, -1, -1), (-1, 1, -1), (-1, -1, 1))


@pytest.fixture
def pictures(tmp_path: Path) -> LabelledSet:
    """Twelve pictures, three of them in the wrong folder."""
    return read_labelled_set(colour_folders(tmp_path / "set", _CONTENTS), None, ModelClasses(3, _NAMES))


def _candidate(folder: Path, name: str, model: TinyModel) -> Candidate:
    path = folder / f"{name}.tflite"
    path.write_bytes(model.to_bytes())
    return candidate_from_tflite(path, "builtin")


def _run(pictures: LabelledSet, *candidates: Candidate, **options: Any) -> Evaluation:
    return evaluate(candidates, pictures, **options)


def test_one_model_has_its_accuracy_with_interval_and_no_pair(tmp_path: Path, pictures: LabelledSet) -> None:
    """9 of 12 are right; the record has the fixed keys, in percent."""
    record = _run(pictures, _candidate(tmp_path, "m", colour_classifier())).to_record()
    (model,) = record["models"]
    assert (model["top1"], model["top5"], model["n"]) == (75.0, 100.0, 12)
    assert model["top1_ci95"] == wilson_interval(9, 12).percent()
    assert record["paired"] is None
    assert record["pairs"] == []
    assert record["schema_version"] == 1
    assert record["conditions"]["engine"] == "builtin"
    assert record["conditions"]["engines"]["builtin"].startswith("ai-edge-litert ")
    assert record["conditions"]["host"]["cpus"] >= 1
    assert record["seconds"]["evaluate"] > 0


def test_two_models_are_compared_image_by_image(tmp_path: Path, pictures: LabelledSet) -> None:
    """A model that never says blue loses two images, wins none, and says the same on the other ten."""
    seeing = _candidate(tmp_path, "seeing", colour_classifier())
    blind = _candidate(tmp_path, "blind", colour_classifier(_BLUE_BLIND))
    record = _run(pictures, seeing, blind).to_record()
    counts = PairedCounts(7, 2, 0, 3)
    paired = record["paired"]
    assert paired["drop_top1"] == pytest.approx(100 * 2 / 12)
    assert paired["ci95"] == paired_interval(counts).percent()
    assert paired["mcnemar_p"] == mcnemar_p(counts) == 0.5
    assert paired["agreement"] == pytest.approx(100 * 10 / 12)
    assert record["worst_classes"] == [{"label": 2, "name": "blue", "n": 4, "right": [2, 0], "lost": 2}]


def test_a_better_second_model_has_a_negative_drop(tmp_path: Path, pictures: LabelledSet) -> None:
    """The sign says which one is worse."""
    seeing = _candidate(tmp_path, "seeing", colour_classifier())
    blind = _candidate(tmp_path, "blind", colour_classifier(_BLUE_BLIND))
    record = _run(pictures, blind, seeing).to_record()
    assert record["paired"]["drop_top1"] == pytest.approx(-100 * 2 / 12)


def test_more_models_are_all_compared_with_the_first(tmp_path: Path, pictures: LabelledSet) -> None:
    """`pairs` has one entry per other model, `paired` is the first of them."""
    one, two = (_candidate(tmp_path, name, colour_classifier()) for name in ("one", "two"))
    three = _candidate(tmp_path, "three", colour_classifier(_BLUE_BLIND))
    record = _run(pictures, one, two, three).to_record()
    assert [pair["second"] for pair in record["pairs"]] == [two.path, three.path]
    assert record["paired"] == record["pairs"][0]
    assert (record["paired"]["agreement"], record["paired"]["mcnemar_p"]) == (100.0, 1.0)


def test_ties_go_to_the_lowest_class_and_are_counted(tmp_path: Path, pictures: LabelledSet) -> None:
    """A model that always says everything says class 0: right on the four pictures of it, twelve ties."""
    constant = _candidate(tmp_path, "c", TinyModel(np.zeros((3, 48), int)))
    (model,) = _run(pictures, constant).to_record()["models"]
    assert (model["top1"], model["top1_ties"]) == (pytest.approx(100 * 4 / 12), 12)


def test_top5_counts_the_first_five_of_many(tmp_path: Path, pictures: LabelledSet) -> None:
    """With seven classes and a constant model the first five are in, the last two are not."""
    names = ("a", "b", "red", "c", "green", "d", "blue")
    pictures = read_labelled_set(tmp_path / "set", None, ModelClasses(7, names))
    constant = _candidate(tmp_path, "c", TinyModel(np.zeros((7, 48), int)))
    (model,) = _run(pictures, constant).to_record()["models"]
    assert (model["top1"], model["top5"]) == (0.0, pytest.approx(100 * 8 / 12))


def test_models_with_classes_in_another_order_are_compared_by_name(
    tmp_path: Path, pictures: LabelledSet
) -> None:
    """The same network with its outputs turned round agrees with itself on every image."""
    one = _candidate(tmp_path, "one", colour_classifier(contract={"labels": list(_NAMES)}))
    turned = colour_classifier(_EYE[::-1], contract={"labels": list(_NAMES[::-1])})
    record = _run(pictures, one, _candidate(tmp_path, "two", turned)).to_record()
    assert record["models"][0]["top1"] == record["models"][1]["top1"] == 75.0
    assert record["paired"]["agreement"] == 100.0


def test_a_background_class_shifts_the_labels_and_is_said(tmp_path: Path, pictures: LabelledSet) -> None:
    """1,001 outputs, labels up to 999: output 1 is class 0."""
    filler = ((-1, -1, -1),)
    padded = colour_classifier((*filler, *_EYE, *(filler * 997)))
    reporter = Silent()
    found = _run(pictures, _candidate(tmp_path, "m", padded), reporter=reporter)
    assert found.to_record()["models"][0]["top1"] == 75.0
    assert any("background" in message for _, message in reporter.notes)
    assert any("background" in note for note in found.notes)


def test_a_label_that_the_model_does_not_have_is_an_error(tmp_path: Path, pictures: LabelledSet) -> None:
    """Counting such images as wrong would hide a mix-up of classes."""
    two = _candidate(tmp_path, "m", colour_classifier(_EYE[:2]))
    with pytest.raises(DataError, match=r"class 2; .*m.tflite has 2 outputs"):
        _run(pictures, two)


def test_random_weights_never_get_an_accuracy(tmp_path: Path, pictures: LabelledSet) -> None:
    """Neither alone nor as one of two."""
    good = _candidate(tmp_path, "good", colour_classifier())
    random = _candidate(
        tmp_path, "random", colour_classifier(contract={"weights": {"source": "random, seed 0"}})
    )
    for candidates in ((random,), (good, random)):
        with pytest.raises(DataError, match="random weights"):
            _run(pictures, *candidates)


def test_images_that_were_calibrated_on_are_refused(tmp_path: Path, pictures: LabelledSet) -> None:
    """One shared image is enough, it is found by content under any name, and it is named."""
    shared = pictures.pictures[5]
    contract = {"calibration": {"id": "mine-v1", "files_sha256": [sha256_of_file(shared.path), "00" * 32]}}
    tuned = _candidate(tmp_path, "tuned", colour_classifier(contract=contract))
    shared.path.rename(shared.path.with_name("renamed.png"))
    renamed = read_labelled_set(tmp_path / "set", None, ModelClasses(3, _NAMES))
    with pytest.raises(DataError, match=r"1 of 12 images(.|\n)*renamed\.png"):
        _run(renamed, tuned)


def test_other_calibration_images_are_no_obstacle(tmp_path: Path, pictures: LabelledSet) -> None:
    """Only the same picture counts."""
    contract = {"calibration": {"id": "synthetic-v1", "files_sha256": ["00" * 32]}}
    tuned = _candidate(tmp_path, "tuned", colour_classifier(contract=contract))
    found = _run(pictures, tuned)
    assert found.models[0].n == 12
    assert any("rendered pictures (synthetic-v1)" in note for note in found.notes)


def test_skipped_images_are_in_the_record_with_their_reason(tmp_path: Path, pictures: LabelledSet) -> None:
    """Found while reading the set or while decoding: both are listed and told."""
    pictures.pictures[0].path.write_bytes(b"damaged")
    (tmp_path / "set" / "stray.png").write_bytes(pictures.pictures[1].path.read_bytes())
    again = read_labelled_set(tmp_path / "set", None, ModelClasses(3, _NAMES))
    reporter = Silent()
    record = _run(again, _candidate(tmp_path, "m", colour_classifier()), reporter=reporter).to_record()
    assert [item["file"] for item in record["skipped"]] == ["stray.png", pictures.name(0)]
    assert record["models"][0]["n"] == 11
    assert [kind for kind, _ in reporter.notes].count("skipped") == 2


def test_a_set_without_a_readable_image_is_an_error(tmp_path: Path, pictures: LabelledSet) -> None:
    """No accuracy of nothing."""
    for picture in pictures.pictures:
        picture.path.write_bytes(b"damaged")
    with pytest.raises(DataError, match="no image could be read"):
        _run(pictures, _candidate(tmp_path, "m", colour_classifier()))


def test_the_figures_do_not_depend_on_the_number_of_workers(tmp_path: Path, pictures: LabelledSet) -> None:
    """One worker and four give the same record but for time and workers."""
    candidates = [
        _candidate(tmp_path, "a", colour_classifier()),
        _candidate(tmp_path, "b", colour_classifier(_BLUE_BLIND)),
    ]
    records = [_run(pictures, *candidates, workers=workers).to_record() for workers in (1, 4)]
    for record in records:
        del record["seconds"], record["conditions"]
    assert records[0] == records[1]


@pytest.mark.shared
def test_a_published_model_has_its_accuracy_on_photographs(shared: Path) -> None:
    """MobileNetV2 int8 is right on most of 52 ImageNet photographs; a wrong shift or input rule gives next to none."""
    path = shared / "data" / "weights" / "mobilenet_v2_ptq_int8.tflite"
    candidate = candidate_from_tflite(path, "xnnpack")
    pictures = read_labelled_set(shared / "data" / "imagenet" / "val_1300", None, candidate.classes).limited(
        52
    )
    found = evaluate([candidate], pictures)
    assert found.models[0].top1 >= 33
    assert found.models[0].n == 52


@pytest.mark.slow
@pytest.mark.shared
def test_the_float_b0_has_the_accuracy_that_is_known_of_it(shared: Path) -> None:
    """77.38 % of val_1300 (shared/facts/quantisation.md), to two images: one preprocessing for everyone."""
    weights = shared / "data" / "weights" / "efficientnet_b0_imagenet.weights.h5"
    candidate = candidate_from_argument(f"keras:b0:{weights}", "xnnpack")
    pictures = read_labelled_set(shared / "data" / "imagenet" / "val_1300", None, candidate.classes)
    found = evaluate([candidate], pictures)
    assert found.models[0].n == 1300
    assert abs(found.models[0].top1 - round(0.7738 * 1300)) <= 2
