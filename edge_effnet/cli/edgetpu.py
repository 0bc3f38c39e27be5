"""`edge-effnet edgetpu`: the verbs for Coral's Edge TPU, one file each beside this one."""

from __future__ import annotations

import typer

from edge_effnet.cli.lazy import LazyVerbs

__all__ = ["VERBS", "app"]

VERBS: dict[str, str] = {
    "check": "edge_effnet.cli.edgetpu_check:check",
    "compile": "edge_effnet.cli.edgetpu_compile:compile_model",
    "estimate": "edge_effnet.cli.edgetpu_estimate:estimate",
}
"""Verb -> "module:function"."""


class _Verbs(LazyVerbs):
    verbs = VERBS


app = typer.Typer(cls=_Verbs, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """Coral Edge TPU: what would be mapped, compile, how long it would take."""
