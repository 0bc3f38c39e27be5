"""What tests of the chain share: jobs that run a small script instead of a verb."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_effnet.chain.executors import LocalExecutor, Site
from edge_effnet.chain.folder import RunFolder
from edge_effnet.chain.jobs import Gathered, Job
from edge_effnet.chain.schedule import run_jobs
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from edge_effnet.chain.outcome import RunOutcome

SCRIPT = (sys.executable, str(Path(__file__).with_name("small_job.py")))


@dataclass
class Bench:
    """A run folder, and a file with a line for every job that was started."""

    place: Path
    jobs: int = 1
    timeout_s: float = 60.0

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.place / "run"

    @property
    def witness(self) -> Path:
        """The file of starts."""
        return self.place / "witness.jsonl"

    def job(
        self,
        name: str,
        *inputs: str,
        seconds: float = 0.0,
        code: int = 0,
        needs: tuple[str, ...] = (),
        gathers: tuple[str, ...] = (),
        is_timed: bool = False,
    ) -> Job:
        """Return a job that leaves ``NAME.txt``: what it read, and its own name."""
        output = f"{name}.txt"
        words = (str(self.witness), str(seconds), *inputs, "-o", output, "--exit", str(code))
        taken = tuple(
            Gathered(other, (f"records/{other}.json",), (f"records/{other}.json",)) for other in gathers
        )
        return Job(name, "small", words, inputs, (output,), needs, taken, is_timed)

    def run(self, *plan: Job) -> RunOutcome:
        """Run jobs on this machine."""
        self.folder.mkdir(exist_ok=True)
        executor = LocalExecutor(Site(self.folder, self.jobs, self.timeout_s, command=SCRIPT))
        return run_jobs(plan, RunFolder(self.folder), executor, Silent(), name="local")

    def starts(self) -> list[str]:
        """Return the outputs of the jobs that were started, in order, and forget them."""
        import json

        lines = self.witness.read_text().splitlines() if self.witness.exists() else []
        self.witness.unlink(missing_ok=True)
        return [json.loads(line)["output"].removesuffix(".txt") for line in lines]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty place for small jobs."""
    return Bench(tmp_path)
