"""A job on a node of a cluster, without a cluster: what it lacks, what it is sent, what it sends back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_effnet.chain.jobs import fingerprint
from edge_effnet.chain.node import Content, Input, Lacking, Task, content_of, perform_there
from edge_effnet.chain.perform import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

SHOW = """
import json, sys
from pathlib import Path
words = sys.argv[1:]
found = {}
for word in words:
    path = Path(word)
    if path.is_dir():
        found[path.name] = {p.relative_to(path).as_posix(): p.read_text() for p in path.rglob("*") if p.is_file()}
    elif path.is_file():
        found[path.name] = path.read_text()
Path("out/made.txt").write_text("made")
print(json.dumps({"words": words, "found": found, "cwd": str(Path.cwd())}))
"""


@pytest.fixture
def task(tmp_path: Path) -> Callable[..., Task]:
    """Give a function from options to a task that reads a file of the run folder, a folder and a file from elsewhere."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a.txt").write_text("model")
    (tmp_path / "photos/deep").mkdir(parents=True)
    (tmp_path / "photos/1").write_text("one")
    (tmp_path / "photos/deep/2").write_text("two")
    (tmp_path / "weights.h5").write_text("weights")
    words = ("models/a.txt", str(tmp_path / "photos"), str(tmp_path / "weights.h5"))
    inputs = tuple(Input(word, str(tmp_path / word), fingerprint(tmp_path / word)) for word in words)

    def make(**options: Any) -> Task:
        command = (sys.executable, "-c", SHOW)
        return Task(words, inputs, ("out/made.txt",), **{"timeout_s": 30.0, "command": command, **options})

    return make


def _perform(task: Task, contents: dict[str, Content] | None = None) -> Outcome | Lacking:
    return perform_there(task, contents or {}, lambda handle: handle, "node7")


def _shown(answer: Outcome | Lacking) -> dict[str, Any]:
    assert isinstance(answer, Outcome)
    assert answer.trouble is None, answer.stderr
    shown: dict[str, Any] = json.loads(answer.stdout)
    return shown


FOUND = {"a.txt": "model", "photos": {"1": "one", "deep/2": "two"}, "weights.h5": "weights"}


def test_what_lies_at_the_same_path_is_used_there(task: Callable[..., Task], tmp_path: Path) -> None:
    """Promise: a shared disk sends nothing; the run folder itself is not worked in."""
    answer = _perform(task())
    shown = _shown(answer)
    assert shown["found"] == FOUND
    assert shown["words"] == list(task().argv)
    assert not Path(shown["cwd"]).is_relative_to(tmp_path)
    assert not Path(shown["cwd"]).exists()
    assert isinstance(answer, Outcome)
    assert (answer.node, answer.files) == ("node7", (("out/made.txt", b"made"),))


def test_what_is_missing_is_asked_for_by_hash_and_then_taken(
    task: Callable[..., Task], tmp_path: Path
) -> None:
    """Promise: each content travels by its hash, and the job sees the same as where the run was started."""
    asked = task(share_paths=False)
    lacking = _perform(asked)
    assert lacking == Lacking(tuple(each.sha256 for each in asked.inputs))
    contents = {each.sha256: content_of(Path(each.source)) for each in asked.inputs}
    shown = _shown(_perform(asked, contents))
    assert shown["found"] == FOUND
    assert not any(str(tmp_path) in word for word in shown["words"])


def test_a_file_of_another_content_at_the_same_path_is_not_used(
    task: Callable[..., Task], tmp_path: Path
) -> None:
    """Promise: a path is believed only with its hash."""
    asked = task()
    (tmp_path / "weights.h5").write_text("of another run")
    assert _perform(asked) == Lacking((asked.inputs[2].sha256,))
    shown = _shown(_perform(asked, {asked.inputs[2].sha256: b"weights"}))
    assert shown["found"] == FOUND


def test_another_version_on_a_node_is_refused(task: Callable[..., Task]) -> None:
    """Promise: two versions never mix in one run folder."""
    answer = _perform(task(version="0.0.0"))
    assert isinstance(answer, Outcome)
    assert answer.returncode == 3
    assert "install the same there" in str(answer.trouble)


def test_outputs_that_were_not_made_are_not_invented(task: Callable[..., Task]) -> None:
    """Promise: a job that failed sends back its log and what there is."""
    command = (sys.executable, "-c", "import sys; sys.exit('error: nothing made')")
    answer = _perform(task(command=command))
    assert isinstance(answer, Outcome)
    assert (answer.returncode, answer.files) == (1, ())
    assert b"nothing made" in answer.stderr
