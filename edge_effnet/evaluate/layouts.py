"""How labelled pictures lie on disk: a folder per class, or a CSV beside a folder. Nothing is dropped without being named."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from edge_effnet.errors import DataError
from edge_effnet.evaluate.classes import labels_by_name, normalised, offset_for
from edge_effnet.evaluate.data import LabelledSet, Picture, Skipped
from edge_effnet.images import list_images

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from edge_effnet.evaluate.classes import ModelClasses

__all__ = ["read_labelled_set"]

_CSV_NAME = "labels.csv"
_SHOWN = 5
"""How many of many names an error lists."""


def read_labelled_set(data: Path, labels_csv: Path | None, classes: ModelClasses) -> LabelledSet:
    """Read a labelled set; without ``labels_csv``, a ``labels.csv`` in the folder is used if it is there.

    Args:
        data: Folder of pictures: one sub-folder per class, or any layout with a CSV.
        labels_csv: Table with the columns ``file,label`` and optionally ``name``.
        classes: What the first model's outputs stand for; gives the order of class folders.

    Raises:
        DataError: A file is missing or malformed, no picture is left, or the classes cannot be told.
    """
    if not data.is_dir():
        raise DataError("the folder of images does not exist", got=data, hint="give it with --data")
    found = data / _CSV_NAME
    if labels_csv is None and found.is_file():
        read = _read_csv(data, found)
        read = replace(read, notes=(f"labels are taken from {found}", *read.notes))
    elif labels_csv is not None:
        read = _read_csv(data, labels_csv)
    else:
        read = _read_folders(data, classes)
    if not read.pictures:
        reasons = "; ".join(f"{item.file}: {item.reason}" for item in read.skipped[:_SHOWN])
        raise DataError("no image can be evaluated", got=reasons or data, hint="check --data and --labels")
    return read


def _read_folders(data: Path, classes: ModelClasses) -> LabelledSet:
    folders = sorted(
        entry.name for entry in data.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not folders:
        raise DataError(
            "the images have no labels",
            got=data,
            hint="put them in one folder per class, or give --labels CSV",
        )
    labels, note = _labels_of_folders(folders, classes)
    pictures, skipped = [], []
    for path in list_images(data):
        name = path.relative_to(data)
        if len(name.parts) == 1:
            skipped.append(Skipped(name.as_posix(), "not in a class folder"))
        else:
            pictures.append(Picture(path, name.as_posix(), labels[name.parts[0]]))
    names = {labels[folder]: folder for folder in folders}
    return LabelledSet(tuple(pictures), names, tuple(skipped), (note,))


def _labels_of_folders(folders: Sequence[str], classes: ModelClasses) -> tuple[dict[str, int], str]:
    """Return the label of each class folder and how it was told."""
    names = classes.names_from(int(classes.has_named_background))
    known = {} if names is None else labels_by_name(names)
    named = {folder: known[normalised(folder)] for folder in folders if normalised(folder) in known}
    if named:
        unknown = [folder for folder in folders if folder not in named]
        if unknown:
            raise DataError(
                "folders that are no class of the model",
                got=_some(unknown),
                hint="rename or remove them, or give --labels CSV",
            )
        return named, "class folders are matched with the labels inside the model"
    if all(folder.isascii() and folder.isdigit() for folder in folders):
        return {folder: int(folder) for folder in folders}, "class folders are numbers"
    if len(folders) != classes.outputs - offset_for(classes, len(folders) - 1):
        raise DataError(
            "the order of the classes cannot be told: the folders are no class names of the model",
            got=f"{len(folders)} folders for {classes.outputs} outputs: {_some(folders)}",
            hint="give --labels CSV with the class index of each file",
        )
    return {folder: place for place, folder in enumerate(folders)}, "classes are the sorted folder names"


def _read_csv(data: Path, table: Path) -> LabelledSet:
    files = _Files(data)
    pictures: dict[Path, Picture] = {}
    names: dict[int, str] = {}
    skipped: list[Skipped] = []
    for line, file, label, name in _rows(table):
        path = files.find(file, line, table)
        if path is None:
            skipped.append(Skipped(file, "the file is not there"))
        elif path in pictures:
            _check_same(pictures[path], label, line, table)
            skipped.append(Skipped(file, f"listed twice, again in line {line}"))
        else:
            pictures[path] = Picture(path, path.relative_to(data).as_posix(), label)
        if name:
            names.setdefault(label, name)
    unlisted = files.count - len(pictures)
    notes = (f"{unlisted} images have no line in {table.name} and are not evaluated",) if unlisted else ()
    return LabelledSet(tuple(pictures.values()), names, tuple(skipped), notes)


def _rows(table: Path) -> Iterator[tuple[int, str, int, str]]:
    """Yield line number, file, label and name of each row."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            if not {"file", "label"} <= set(columns):
                raise DataError(
                    "the table of labels lacks a column",
                    got=f"{table}: {', '.join(columns)}",
                    allowed="file,label[,wnid,name]",
                )
            for row in reader:
                yield (
                    reader.line_num,
                    _file(row, reader.line_num, table),
                    _label(row, reader.line_num, table),
                    row.get("name") or "",
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"the table of labels cannot be read: {error}", got=table) from error


def _file(row: Mapping[str, str | None], line: int, table: Path) -> str:
    file = (row["file"] or "").strip()
    if not file:
        raise DataError("a line of the table of labels names no file", got=f"{table}, line {line}")
    return file


def _label(row: Mapping[str, str | None], line: int, table: Path) -> int:
    text = (row["label"] or "").strip()
    if not (text.isascii() and text.isdigit()):
        raise DataError(
            "a label is not a class index", got=f"{text!r} in {table}, line {line}", allowed="0, 1, 2, ..."
        )
    return int(text)


def _check_same(first: Picture, label: int, line: int, table: Path) -> None:
    if first.label != label:
        raise DataError(
            "an image has two labels", got=f"{first.name}: {first.label} and {label} in {table}, line {line}"
        )


class _Files:
    """The pictures under a folder, found by relative path or by bare name."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._by_name: dict[str, list[Path]] = {}
        for path in list_images(data):
            self._by_name.setdefault(path.name, []).append(path)

    @property
    def count(self) -> int:
        """Number of pictures."""
        return sum(len(paths) for paths in self._by_name.values())

    def find(self, file: str, line: int, table: Path) -> Path | None:
        """Return the file that a line means, None if there is none.

        Raises:
            DataError: A bare name that lies in two folders, or a path that leaves the folder.
        """
        relative = self._data / file
        if ".." in PurePath(file).parts or not relative.is_relative_to(self._data):
            raise DataError("a file lies outside --data", got=f"{file} in {table}, line {line}")
        if relative.is_file():
            return relative
        found = self._by_name.get(file, [])
        if len(found) > 1:
            raise DataError(
                "a file name lies in several folders",
                got=f"{file} in {table}, line {line}: {_some([str(path) for path in found])}",
                hint="write the path relative to --data",
            )
        return found[0] if found else None


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
