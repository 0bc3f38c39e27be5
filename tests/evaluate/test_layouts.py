"""evaluate.layouts: folders per class and CSV tables; nothing is dropped without a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from runtimes.tiny_pictures import colour_folders, save_colour

from edge_effnet.errors import DataError
from edge_effnet.evaluate import ModelClasses, read_labelled_set

if TYPE_CHECKING:
    from pathlib import Path

_THREE = ModelClasses(3)


def _labels(found: object) -> dict[str, int]:
    return {picture.name: picture.label for picture in found.pictures}  # type: ignore[attr-defined]


def test_folders_with_the_models_names_take_the_models_order(tmp_path: Path) -> None:
    """The order is the model's, not the alphabet's, and upper case and spaces do not matter."""
    colour_folders(tmp_path, {"Blue_sky": ["blue"], "red": ["red", "red"], "green": ["green"]})
    found = read_labelled_set(tmp_path, None, ModelClasses(3, ("red", "green", "blue sky")))
    assert _labels(found) == {"Blue_sky/000.png": 2, "green/000.png": 1, "red/000.png": 0, "red/001.png": 0}
    assert "labels inside the model" in found.notes[0]


def test_folders_may_be_a_part_of_the_models_classes(tmp_path: Path) -> None:
    """A set need not have every class of the model."""
    colour_folders(tmp_path, {"n00000002": ["blue"]})
    found = read_labelled_set(tmp_path, None, ModelClasses(3, ("n00000001 a", "n00000002 b", "n00000003 c")))
    assert _labels(found) == {"n00000002/000.png": 1}


def test_a_folder_that_is_no_class_of_the_model_is_an_error(tmp_path: Path) -> None:
    """Leaving it out would raise the accuracy, so it is named instead."""
    colour_folders(tmp_path, {"red": ["red"], "purple": ["blue"]})
    with pytest.raises(DataError, match="purple"):
        read_labelled_set(tmp_path, None, ModelClasses(3, ("red", "green", "blue")))


def test_a_named_background_class_is_not_counted(tmp_path: Path) -> None:
    """Labels start at the first real class, as ImageNet's do."""
    names = ("background", *(f"thing {index}" for index in range(1000)))
    colour_folders(tmp_path, {"thing 0": ["red"], "thing 999": ["blue"]})
    found = read_labelled_set(tmp_path, None, ModelClasses(1001, names))
    assert sorted(_labels(found).values()) == [0, 999]


def test_folders_named_by_numbers_are_class_indices(tmp_path: Path) -> None:
    """10 comes after 9, and leading zeros do not matter."""
    colour_folders(tmp_path, {"10": ["red"], "009": ["blue"]})
    assert set(_labels(read_labelled_set(tmp_path, None, ModelClasses(1000))).values()) == {9, 10}


def test_other_folders_are_sorted_if_there_is_one_for_each_class(tmp_path: Path) -> None:
    """The usual convention, stated in a note; an empty folder keeps its place."""
    colour_folders(tmp_path, {"c": ["blue"], "a": ["red"], "b": []})
    found = read_labelled_set(tmp_path, None, _THREE)
    assert _labels(found) == {"a/000.png": 0, "c/000.png": 2}
    assert found.notes == ("classes are the sorted folder names",)


def test_folders_whose_order_cannot_be_told_are_refused(tmp_path: Path) -> None:
    """Two folders for three outputs: sorting them would give a wrong accuracy without a word."""
    colour_folders(tmp_path, {"a": ["red"], "b": ["green"]})
    with pytest.raises(DataError, match="2 folders for 3 outputs"):
        read_labelled_set(tmp_path, None, _THREE)


def test_an_image_outside_a_class_folder_is_skipped_with_the_reason(tmp_path: Path) -> None:
    """It has no label."""
    colour_folders(tmp_path, {"a": ["red"], "b": ["green"], "c": ["blue"]})
    save_colour(tmp_path / "stray.png", "red")
    found = read_labelled_set(tmp_path, None, _THREE)
    assert [(item.file, item.reason) for item in found.skipped] == [("stray.png", "not in a class folder")]


def _table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_takes_bare_names_and_relative_paths(tmp_path: Path) -> None:
    """Bare names are looked for below --data; names of classes come along; a byte-order mark does no harm."""
    data = tmp_path / "data"
    for name in ("images/one.png", "images/deep/two.png", "three.png"):
        save_colour(data / name, "red")
    table = _table(
        tmp_path,
        '\ufefffile,label,wnid,name\none.png,0,n1,"tench, fish"\nimages/deep/two.png,2,n3,ray\nthree.png,1,,\n',
    )
    found = read_labelled_set(data, table, _THREE)
    assert _labels(found) == {"images/one.png": 0, "images/deep/two.png": 2, "three.png": 1}
    assert dict(found.class_names) == {0: "tench, fish", 2: "ray"}
    assert found.notes == ()


def test_a_table_in_the_folder_is_found_and_said(tmp_path: Path) -> None:
    """labels.csv is used without --labels, with a note."""
    save_colour(tmp_path / "one.png", "red")
    (tmp_path / "labels.csv").write_text("file,label\none.png,1\n")
    found = read_labelled_set(tmp_path, None, _THREE)
    assert _labels(found) == {"one.png": 1}
    assert "labels.csv" in found.notes[0]


def test_missing_and_repeated_files_are_skipped_with_the_reason(tmp_path: Path) -> None:
    """Every line of the table is evaluated once or listed."""
    save_colour(tmp_path / "one.png", "red")
    save_colour(tmp_path / "other.png", "red")
    table = _table(tmp_path, "file,label\none.png,1\ngone.png,0\none.png,1\n")
    found = read_labelled_set(tmp_path, table, _THREE)
    assert [(item.file, item.reason) for item in found.skipped] == [
        ("gone.png", "the file is not there"),
        ("one.png", "listed twice, again in line 4"),
    ]
    assert found.notes == ("1 images have no line in table.csv and are not evaluated",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,class\na,1\n", "lacks a column"),
        ("", "lacks a column"),
        ("file,label\none.png,cat\n", r"'cat'.*line 2"),
        ("file,label\none.png,-1\n", "class index"),
        ("file,label\none.png\n", "class index"),
        ("file,label\n,1\n", "names no file"),
        ("file,label\none.png,1\none.png,2\n", "two labels"),
        ("file,label\n../secret.png,1\n", "outside --data"),
        ("file,label\n/etc/hostname,1\n", "outside --data"),
        ("file,label\ngone.png,1\n", "no image can be evaluated"),
        ("file,label\n", "no image can be evaluated"),
    ],
)
def test_a_table_that_makes_no_sense_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    """Exit 4, with the line."""
    data = tmp_path / "data"
    save_colour(data / "one.png", "red")
    save_colour(tmp_path / "secret.png", "red")
    with pytest.raises(DataError, match=message):
        read_labelled_set(data, _table(tmp_path, text), _THREE)


def test_a_bare_name_in_two_folders_is_an_error(tmp_path: Path) -> None:
    """Guessing one of them could give it the other's label."""
    data = tmp_path / "data"
    for name in ("a/one.png", "b/one.png"):
        save_colour(data / name, "red")
    with pytest.raises(DataError, match="several folders"):
        read_labelled_set(data, _table(tmp_path, "file,label\none.png,1\n"), _THREE)


def test_tables_and_folders_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    """A missing folder, a missing table, bytes that are no text, a folder without labels."""
    save_colour(tmp_path / "one.png", "red")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"file,label\n\xff\xfe\x00,1\n")
    with pytest.raises(DataError, match="does not exist"):
        read_labelled_set(tmp_path / "nowhere", None, _THREE)
    with pytest.raises(DataError, match="cannot be read"):
        read_labelled_set(tmp_path, tmp_path / "nowhere.csv", _THREE)
    with pytest.raises(DataError, match="cannot be read"):
        read_labelled_set(tmp_path, binary, _THREE)
    with pytest.raises(DataError, match="no labels"):
        read_labelled_set(tmp_path, None, _THREE)


def test_a_limit_takes_images_from_all_over_the_set(tmp_path: Path) -> None:
    """The first images of a sorted set would be one class."""
    colour_folders(tmp_path, {"a": ["red"] * 4, "b": ["green"] * 4, "c": ["blue"] * 4})
    found = read_labelled_set(tmp_path, None, _THREE)
    limited = found.limited(3)
    assert [picture.label for picture in limited.pictures] == [0, 1, 2]
    assert "3 of 12" in limited.notes[-1]
    assert found.limited(None) is found
    assert found.limited(99) is found


@pytest.mark.shared
def test_the_shared_validation_set_is_read_whole(shared: Path) -> None:
    """1,300 images, 725 classes, labels.csv beside the folder of images."""
    found = read_labelled_set(shared / "data" / "imagenet" / "val_1300", None, ModelClasses(1000))
    assert len(found) == 1300
    assert len({picture.label for picture in found.pictures}) == 725
    assert found.skipped == ()
