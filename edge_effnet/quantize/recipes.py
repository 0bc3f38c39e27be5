"""The recipes of `--recipe`, one row each: how a float graph gets its integers."""

from __future__ import annotations

from dataclasses import dataclass

from edge_effnet.errors import UnknownNameError
from edge_effnet.quantize.ptq import Settings

__all__ = ["DEFAULT_RECIPE", "RECIPES", "Recipe", "get_recipe"]


@dataclass(frozen=True)
class Recipe:
    """One way to quantise.

    Attributes:
        summary: What it does, for people.
        settings: What the one-pass quantiser turns on; None leaves everything to TensorFlow's own converter.
    """

    summary: str
    settings: Settings | None


DEFAULT_RECIPE = "ptq"

RECIPES: dict[str, Recipe] = {
    "ptq": Recipe(
        "searched ranges, outlier channels scaled down through swish, weights refitted on what each layer really gets",
        Settings(),
    ),
    "ranges": Recipe(
        "searched ranges only: smallest error after the activation, channels weighted by what reads them",
        Settings(refit=False, equalise=False),
    ),
    "bias": Recipe(
        "searched ranges, biases of depthwise layers moved by the mean error that held-out images confirm",
        Settings(equalise=False, reach="offsets"),
    ),
    "equalise": Recipe(
        "searched ranges, offsets and gains of all layers corrected, outlier channels scaled down through swish",
        Settings(reach="lines"),
    ),
    "minmax-direct": Recipe(
        "smallest and largest value seen, written by this package",
        Settings(refit=False, equalise=False, ranges="minmax"),
    ),
    "minmax": Recipe(
        "TensorFlow's own converter with a representative dataset: the baseline that everyone knows", None
    ),
}
"""Name -> recipe."""


def get_recipe(name: str) -> Recipe:
    """Return a recipe.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
