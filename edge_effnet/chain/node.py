"""One job on a node of a cluster: its inputs brought, run in a folder of its own, its outputs sent back."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from edge_effnet import __version__
from edge_effnet.chain.jobs import files_of, fingerprint
from edge_effnet.chain.perform import COMMAND, Outcome, perform
from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Content", "Input", "Lacking", "Task", "content_of", "perform_there"]

Content: TypeAlias = "bytes | list[tuple[str, bytes]]"
"""A file, or the names and contents of a folder's files."""


@dataclass(frozen=True)
class Input:
    """A file or folder that a job reads.

    Attributes:
        word: As the command line names it: relative to the run folder, or absolute.
        source: Where it lies on the machine that asks; it may lie there on the node too.
        sha256: Its fingerprint.
    """

    word: str
    source: str
    sha256: str


@dataclass(frozen=True)
class Task:
    """What is sent to a node.

    Attributes:
        argv: Verb and words.
        inputs: What it reads.
        outputs: Files to send back, relative.
        timeout_s: Longest time that it may take.
        command: What stands before ``argv``; None is the node's own Python.
        version: Of this package where the run was started.
        share_paths: Whether to look for inputs at their source.
    """

    argv: tuple[str, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    timeout_s: float
    command: tuple[str, ...] | None = None
    version: str = __version__
    share_paths: bool = True


@dataclass(frozen=True)
class Lacking:
    """What a node needs to be sent before it can begin.

    Attributes:
        hashes: Fingerprints of inputs.
    """

    hashes: tuple[str, ...]


def content_of(path: Path) -> Content:
    """Return a file, or everything in a folder."""
    return (
        [(name, (path / name).read_bytes()) for name in files_of(path)]
        if path.is_dir()
        else path.read_bytes()
    )


def perform_there(
    task: Task, contents: Mapping[str, Any], fetch: Callable[[Any], Content], node: str
) -> Outcome | Lacking:
    """Run a job on this node.

    Args:
        task: The job.
        contents: Fingerprint -> a handle of the content, for what has been sent.
        fetch: Turns a handle into the content.
        node: What this node is called.

    Returns:
        What became of it, outputs included, or what is lacking.
    """
    if task.version != __version__:
        trouble = f"the node {node} has edge-effnet {__version__}, not {task.version}: install the same there"
        return Outcome(3, b"", trouble.encode(), 0.0, node, trouble)
    here = {each.word: task.share_paths and _is_here(each) for each in task.inputs}
    lacking = [each.sha256 for each in task.inputs if not here[each.word] and each.sha256 not in contents]
    if lacking:
        return Lacking(tuple(lacking))
    with tempfile.TemporaryDirectory(prefix="edge-effnet-job-") as name:
        place = Path(name)
        renamed: dict[str, str] = {}
        for each in task.inputs:
            target = _place_of(each, place)
            if not here[each.word]:
                _write(fetch(contents[each.sha256]), target)
            elif not Path(each.word).is_absolute():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(each.source, target)
            if Path(each.word).is_absolute() and not here[each.word]:
                renamed[each.word] = str(target)
        for output in task.outputs:
            (place / output).parent.mkdir(parents=True, exist_ok=True)
        argv = [renamed.get(word, word) for word in task.argv]
        outcome = perform(
            argv, place, place / ".log", timeout_s=task.timeout_s, command=task.command or COMMAND
        )
        files = tuple(
            (output, (place / output).read_bytes()) for output in task.outputs if (place / output).is_file()
        )
        return replace(outcome, node=node, files=files)


def _is_here(each: Input) -> bool:
    try:
        return fingerprint(Path(each.source)) == each.sha256
    except DataError:
        return False


def _place_of(each: Input, place: Path) -> Path:
    """Return where an input is put in a job's folder; what is absolute elsewhere keeps its last name."""
    word = Path(each.word)
    return place / "inputs" / each.sha256[:16] / word.name if word.is_absolute() else place / word


def _write(content: Content, target: Path) -> None:
    files = (
        [(target, content)]
        if isinstance(content, bytes)
        else [(target / name, data) for name, data in content]
    )
    for path, data in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
