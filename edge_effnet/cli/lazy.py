"""Groups of verbs whose files are imported when they are needed."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from edge_effnet.errors import UnknownNameError

__all__ = ["LazyVerbs"]


class LazyVerbs(TyperGroup):
    """Imports the file of a verb only when that verb (or the overview) is asked for.

    Attributes:
        verbs: Verb -> "module:attribute", a function or, for a group of verbs, a `typer.Typer`; in the order of the help.
    """

    verbs: ClassVar[dict[str, str]]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the verbs in order."""
        del ctx
        return list(self.verbs)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a verb; None for one that is not there."""
        del ctx
        if cmd_name not in self.verbs:
            return None
        module_name, attribute = self.verbs[cmd_name].split(":")
        found = getattr(importlib.import_module(module_name), attribute)
        if isinstance(found, typer.Typer):
            group = typer.main.get_command(found)
            group.name = cmd_name
            return group
        single = typer.Typer(add_completion=False)
        single.command(cmd_name)(found)
        return typer.main.get_command(single)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Offer the nearest verb for one that is not there."""
        if args and not args[0].startswith("-") and args[0] not in self.verbs:
            raise UnknownNameError("command", args[0], self.verbs)
        return super().resolve_command(ctx, args)
