"""One tree of errors; each branch has its exit code, and every error says what, got, allowed and fix.

::

    EdgeEffnetError                 1  unexpected
    ├── UsageError                  2  the command line or an argument is wrong
    │   ├── UnknownNameError           a name that is not in a table (with "did you mean")
    │   └── OutputExistsError          the output is there and --force was not given
    ├── EnvironmentFault            3  a library, tool, network, device or disk is missing
    ├── DataError                   4  an input file or a set of images is unusable
    ├── ConversionError             5  training, conversion or compilation failed
    └── GateError                   6  a gate failed: integer audit, accuracy or latency budget

Ctrl-C is 130. `edge_effnet.cli.main` is the one place that turns an error into text and an exit code.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ConversionError",
    "DataError",
    "EdgeEffnetError",
    "EnvironmentFault",
    "GateError",
    "OutputExistsError",
    "UnknownNameError",
    "UsageError",
]


_SIMILAR = 0.5
"""Share of matching characters from which on a name is offered."""


class EdgeEffnetError(Exception):
    """Base of every error that this package raises on purpose.

    Args:
        message: What is wrong, one sentence.
        got: The value that was given, if there is one.
        allowed: What would have been accepted.
        hint: What to do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, got: object = None, allowed: object = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.got = got
        self.allowed = allowed
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.message]
        if self.got is not None:
            parts.append(f"got: {self.got}")
        if self.allowed is not None:
            parts.append(f"allowed: {self.allowed}")
        if self.hint is not None:
            parts.append(f"fix: {self.hint}")
        return "\n".join(parts)


class UsageError(EdgeEffnetError):
    """The command line or an argument is wrong."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that is not in a table.

    Args:
        kind: What the name should have named, for example ``"model"``.
        got: The name that was given.
        allowed: Every name in the table.
    """

    def __init__(self, kind: str, got: str, allowed: Iterable[str]) -> None:
        names = list(allowed)
        close = _nearest(got.lower(), names)
        hint = None if close is None else f"did you mean {close!r}?"
        super().__init__(f"unknown {kind}", got=got, allowed=", ".join(names), hint=hint)


def _nearest(got: str, names: list[str]) -> str | None:
    """Return the longest name that ``got`` ends in (``efficientnet-lite0``), else the most similar one, the first of equals."""
    endings = [name for name in names if got.endswith(name.lower())]
    if endings:
        return max(endings, key=len)
    ratios = {name: difflib.SequenceMatcher(None, name.lower(), got).ratio() for name in names}
    best = max(names, key=lambda name: ratios[name], default=None)
    return best if best is not None and ratios[best] >= _SIMILAR else None


class OutputExistsError(UsageError):
    """The output is there and --force was not given."""

    def __init__(self, path: object) -> None:
        super().__init__("the output exists already", got=path, hint="choose another name or add --force")


class EnvironmentFault(EdgeEffnetError):  # noqa: N818 - EnvironmentError is a name of Python's own
    """A library, tool, network, device or disk is missing."""

    exit_code = 3


class DataError(EdgeEffnetError):
    """An input file or a set of images is unusable."""

    exit_code = 4


class ConversionError(EdgeEffnetError):
    """Training, conversion or compilation failed."""

    exit_code = 5


class GateError(EdgeEffnetError):
    """A gate failed: integer audit, accuracy or latency budget."""

    exit_code = 6
