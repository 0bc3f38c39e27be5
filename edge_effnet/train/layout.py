"""How pictures to learn from lie on disk: one sub-folder per class, or all in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_effnet.errors import DataError
from edge_effnet.images import list_images

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Layout", "common_classes", "read_layout"]

_SHOWN = 5


@dataclass(frozen=True)
class Layout:
    """The pictures of a folder before they are opened.

    Attributes:
        names: Relative to the folder, with ``/``, sorted.
        labels: Class of each; None for a flat folder.
        classes: Names of the class folders, sorted; empty for a flat folder.
        notes: What was left out.
    """

    names: tuple[str, ...]
    labels: tuple[int, ...] | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_layout(folder: Path, *, labelled: bool | None = None) -> Layout:
    """List the pictures of a folder and tell their classes.

    Args:
        folder: To look into; class folders may hold folders of their own.
        labelled: True asks for classes, False looks at none; None takes sub-folders as classes where there are any.

    Raises:
        DataError: The folder is missing or holds no picture, a class is empty, or there are fewer than two.
    """
    names = tuple(path.relative_to(folder).as_posix() for path in list_images(folder))
    folders = [] if labelled is False else _folders(folder)
    if not folders and labelled:
        raise DataError(
            "the pictures have no labels", got=folder, hint="put them into one folder per class",
        )  # fmt: skip
    if not names:
        raise DataError(
            "the folder holds no picture", got=folder, hint="give a folder of JPEG or PNG pictures"
        )
    return _by_class(folder, folders, names) if folders else Layout(names)


def common_classes(train: Path, val: Path) -> tuple[str, ...]:
    """Return the class list that the folder to learn from and the folder to judge by share.

    Raises:
        DataError: A folder is unusable, or their classes differ; the error names those that only one of them has.
    """
    both = [read_layout(folder, labelled=True).classes for folder in (train, val)]
    if both[0] != both[1]:
        only = {
            f"only in {train}": sorted(set(both[0]) - set(both[1])),
            f"only in {val}": sorted(set(both[1]) - set(both[0])),
        }
        raise DataError(
            "the classes to learn and the classes to judge by differ",
            got="; ".join(f"{where}: {', '.join(names[:_SHOWN])}" for where, names in only.items() if names),
            allowed="one folder per class, with the same names in both",
        )
    return both[0]


def _folders(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _by_class(folder: Path, classes: list[str], names: tuple[str, ...]) -> Layout:
    inside = [name for name in names if "/" in name]
    empty = sorted(set(classes) - {name.split("/")[0] for name in inside})
    if empty:
        raise DataError(
            "a class has no picture", got=f"{folder}: {', '.join(empty[:_SHOWN])}",
            hint="remove the class's folder or put pictures into it",
        )  # fmt: skip
    if len(classes) == 1:
        raise DataError(
            "there is one class only: nothing can be told apart", got=f"{folder}: {classes[0]}",
            allowed="two classes or more, each in a folder of its own",
        )  # fmt: skip
    places = {name: place for place, name in enumerate(classes)}
    loose = len(names) - len(inside)
    notes = (f"{loose} pictures lie in no class folder of {folder} and are not used",) if loose else ()
    return Layout(tuple(inside), tuple(places[name.split("/")[0]] for name in inside), tuple(classes), notes)
