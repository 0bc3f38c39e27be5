"""`edge-effnet demo`: exported models on live pictures, one file per demo beside this one."""

from __future__ import annotations

import typer

from edge_effnet.cli.lazy import LazyVerbs

__all__ = ["VERBS", "app"]

VERBS: dict[str, str] = {
    "camera": "edge_effnet.cli.demo_camera:camera",
    "web": "edge_effnet.cli.demo_web:web",
    "android": "edge_effnet.cli.demo_android:android",
}
"""Verb -> "module:function"."""


class _Verbs(LazyVerbs):
    verbs = VERBS


app = typer.Typer(cls=_Verbs, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """Live demos of an exported model: model, labels and preprocessing come from its file alone."""
