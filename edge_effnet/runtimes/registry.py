"""Engines by name: ours from a table, others from the entry points of installed packages."""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from edge_effnet.errors import EnvironmentFault, UnknownNameError
from edge_effnet.runtimes.base import Available, Missing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_effnet.runtimes.base import Engine, Probe

__all__ = ["ENGINES", "GROUP", "Registry", "engine", "engine_names", "probe_all", "registry"]

GROUP = "edge_effnet.runtimes"
"""Entry-point group in which another package names its engines, as ``name = "module:attr"``."""

ENGINES: dict[str, str] = {
    "xnnpack": "edge_effnet.runtimes.litert:XNNPACK",
    "builtin": "edge_effnet.runtimes.litert:BUILTIN",
    "reference": "edge_effnet.runtimes.litert:REFERENCE",
    "tflite-runtime": "edge_effnet.runtimes.engines:TFLITE_RUNTIME",
    "edgetpu": "edge_effnet.runtimes.engines:EDGETPU",
}
"""Engine -> ``module:attr``, the fastest first."""


@dataclass(frozen=True)
class Registry:
    """Engines by name; a broken one stays listed.

    Attributes:
        places: Name -> ``module:attr`` of an `Engine`.
    """

    places: dict[str, str]

    @classmethod
    def of(cls, *tables: Iterable[tuple[str, str]]) -> Registry:
        """Join tables of (name, place).

        Raises:
            EnvironmentFault: Two tables name the same engine.
        """
        places: dict[str, str] = {}
        for name, place in (row for table in tables for row in table):
            if name in places:
                raise EnvironmentFault(
                    f"two packages provide the engine {name}",
                    got=f"{places[name]} and {place}",
                    hint="uninstall one of them",
                )
            places[name] = place
        return cls(places)

    @classmethod
    def with_entry_points(cls, own: dict[str, str], group: str) -> Registry:
        """Join a table of ours with what installed packages name in an entry-point group."""
        entries = importlib.metadata.entry_points(group=group)
        return cls.of(own.items(), ((entry.name, entry.value) for entry in entries))

    def names(self) -> tuple[str, ...]:
        """Return every name, in the order of registration."""
        return tuple(self.places)

    def load(self, name: str) -> Engine:
        """Import an engine without probing it; see `load_object`."""
        return cast("Engine", self.load_object(name))

    def load_object(self, name: str) -> Any:
        """Import what a name stands for.

        Raises:
            UnknownNameError: There is no such name.
            EnvironmentFault: It cannot be imported.
        """
        if name not in self.places:
            raise UnknownNameError("engine", name, self.places)
        module_name, _, attribute = self.places[name].partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except Exception as error:  # another package's import may raise anything
            raise EnvironmentFault(
                f"the engine {name} cannot be imported: {error}",
                got=self.places[name],
                hint="reinstall the package that provides it",
            ) from error

    def probe(self, name: str) -> Probe:
        """Say whether an engine works here; one that cannot be imported is missing, with the reason."""
        try:
            return self.load(name).probe()
        except EnvironmentFault as error:
            return Missing(error.message, error.hint or "")

    def require(self, name: str) -> Engine:
        """Return an engine that works here.

        Raises:
            UnknownNameError: There is no such engine.
            EnvironmentFault: It is missing; the message has the reason and the fix.
        """
        found = self.load(name)
        state = found.probe()
        if isinstance(state, Available):
            return found
        raise EnvironmentFault(f"the engine {name} is missing: {state.reason}", hint=state.fix)


def registry() -> Registry:
    """Return our engines and those of installed packages."""
    return Registry.with_entry_points(ENGINES, GROUP)


def engine_names() -> tuple[str, ...]:
    """Return the name of every engine, missing ones included."""
    return registry().names()


def engine(name: str) -> Engine:
    """Return the engine of that name, working here; see `Registry.require`."""
    return registry().require(name)


def probe_all() -> dict[str, Probe]:
    """Return the state of every engine, the missing ones with reason and fix."""
    engines = registry()
    return {name: engines.probe(name) for name in engines.names()}
