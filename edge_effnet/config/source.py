"""The text of a configuration: YAML without what a hostile file could misuse, and the line of everything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import BaseModel

from edge_effnet.config.schema import RunConfig
from edge_effnet.errors import DataError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pydantic import ValidationError

__all__ = ["Source", "load_yaml", "override", "read_text"]

_LIMIT_BYTES: Final = 1 << 20


def load_yaml(path: Path) -> Any:
    """Return the content of a YAML file, which may hold no alias and no key twice.

    Raises:
        UsageError: It is no such file.
        DataError: It cannot be read.
    """
    return Source(path, read_text(path)).raw


def read_text(path: Path) -> str:
    """Return the text of a file of 1 MiB at most.

    Raises:
        DataError: It cannot be read.
        UsageError: It is larger, or no UTF-8.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT_BYTES + 1)
    except OSError as error:
        raise DataError(f"the configuration cannot be read: {error.strerror}", got=path) from error
    if len(data) > _LIMIT_BYTES:
        raise UsageError("the configuration is too large", got=path, allowed="1 MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the configuration is not UTF-8: {error}", got=path) from error


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, which a hostile file multiplies, and without a key twice, of which one would be lost."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is one word", problem_mark=key.start_mark)
            if key.value in names:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} is there twice", problem_mark=key.start_mark
                )
            names.add(key.value)
        return super().construct_mapping(node, deep=deep)


class Source:
    """The text of a configuration, and the line of everything in it."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.overridden: list[tuple[str, ...]] = []
        try:
            loader = _PlainLoader(text)
            self._node = loader.get_single_node()
            self.raw = None if self._node is None else loader.construct_document(self._node)
        except yaml.MarkedYAMLError as error:
            line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
            raise UsageError(
                f"the configuration is not YAML: {error.problem or error.context}", got=f"{path}{line}"
            ) from error
        except (yaml.YAMLError, ValueError) as error:
            raise UsageError(f"the configuration is not YAML: {error}", got=path) from error
        except RecursionError as error:
            raise UsageError("the configuration is nested too deeply", got=path) from error

    def content(self) -> dict[str, Any]:
        """Return what the file says."""
        if not isinstance(self.raw, dict) or not all(isinstance(key, str) for key in self.raw):
            raise UsageError(
                "the configuration is no table of keys",
                got=self.path,
                allowed=", ".join(RunConfig.model_fields),
            )
        return dict(self.raw)

    def place(self, location: Sequence[str | int]) -> str:
        """Name a place as ``FILE, line N (models.0.id)``, or as ``--set KEY`` where that has given it."""
        for key in self.overridden:
            if key == tuple(location)[: len(key)]:
                return f"--set {'.'.join(key)}"
        node, line, inside = self._node, None, True
        for step in location:
            found = _child(node, step) if inside else None
            if found is None:
                inside = False
                continue
            line, node = found[0].start_mark.line + 1, found[1]
        words = ".".join(map(str, location))
        return f"{self.path}" + (f", line {line}" if line else "") + (f" ({words})" if words else "")

    def refusal(self, error: ValidationError) -> UsageError:
        """Return the first mistake as an error that names its line; an unknown key with those that are known."""
        first = error.errors()[0]
        *above, last = first["loc"] or ("",)
        if first["type"] == "extra_forbidden":
            return UnknownNameError(f"key at {self.place(first['loc'])}", str(last), _known_keys(above))
        more = error.error_count() - 1
        message = f"{first['msg'][0].lower()}{first['msg'][1:]}" + (f" (and {more} more)" if more else "")
        got = "" if first["type"] == "missing" else f": {str(first['input'])[:80]}"
        return UsageError(f"the configuration is wrong: {message}", got=f"{self.place(first['loc'])}{got}")


def _child(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """Return the node that names a child, and the child."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _known_keys(location: Iterable[str | int]) -> list[str]:
    """Return the keys of the part at ``location``."""
    part: type[BaseModel] = RunConfig
    for step in location:
        if isinstance(step, str):
            part = next(kind for kind in _kinds(part.model_fields[step].annotation))
    return list(part.model_fields)


def _kinds(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _kinds(inner)


def override(content: dict[str, Any], text: str) -> tuple[str, ...]:
    """Put one ``KEY=VALUE`` into the content, and return the key's steps."""
    key, equals, written = text.partition("=")
    if not equals or not key:
        raise UsageError("--set needs KEY=VALUE", got=text, hint="such as --set bench.min_seconds=1")
    try:
        value = yaml.load(written, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader, without aliases
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"the value of --set is not YAML: {error}", got=text) from error
    *above, last = key.split(".")
    place: Any = content
    for step in above:
        inner = place.get(step) or {}
        if not isinstance(inner, dict):
            raise UsageError(
                "--set reaches into something that has no keys", got=text, hint=f"set {step} whole"
            )
        place[step] = dict(inner)
        place = place[step]
    place[last] = value
    return (*above, last)
