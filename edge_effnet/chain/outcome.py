"""What became of a run: one row per job, and the exit code that follows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from edge_effnet import __version__
from edge_effnet.errors import (
    ConversionError,
    DataError,
    EdgeEffnetError,
    EnvironmentFault,
    GateError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edge_effnet.chain.jobs import Job

__all__ = ["GATE", "RunOutcome", "Settled", "State"]

State = Literal["done", "kept", "failed", "skipped", "interrupted"]

GATE: Final = GateError.exit_code
"""Exit status of a job whose results are whole, and judged too bad."""

_ERRORS: Final[dict[int, type[EdgeEffnetError]]] = {
    kind.exit_code: kind for kind in (UsageError, EnvironmentFault, DataError, ConversionError, GateError)
}


@dataclass(frozen=True)
class Settled:
    """What became of one job.

    Attributes:
        job: The job.
        state: ``done`` now, ``kept`` from before, ``failed``, ``skipped`` since it needs one that failed, or ``interrupted``.
        exit_code: Its exit status, None where it did not run; 6 is a gate that failed, with whole results.
        key: Fingerprint of what it did; None where it did not run.
        reason: Why it failed or was skipped.
        seconds: How long it took, at the time.
        node: The machine that ran it.
        outputs: File in the run folder -> sha256.
    """

    job: Job
    state: State
    exit_code: int | None = None
    key: str | None = None
    reason: str | None = None
    seconds: float | None = None
    node: str | None = None
    outputs: Mapping[str, str] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether its results can be used."""
        return self.state in {"done", "kept"}

    @property
    def brief(self) -> str:
        """The reason in one line: of an error what is wrong, and what was got."""
        lines = (self.reason or "").removeprefix("error: ").splitlines()
        return " · ".join(line.removeprefix("got: ") for line in lines[:2])

    def to_record(self) -> dict[str, Any]:
        """Return the row of the JSON document."""
        return {
            "id": self.job.id,
            "verb": self.job.verb,
            "argv": ["edge-effnet", *self.job.argv],
            "needs": list(self.job.needs),
            "state": self.state,
            "exit_code": self.exit_code,
            "reason": self.reason,
            "seconds": self.seconds,
            "node": self.node,
            "key": self.key,
            "outputs": [{"path": path, "sha256": sha256} for path, sha256 in (self.outputs or {}).items()],
            "record": self.job.record if self.is_whole else None,
            "log": self.job.log if self.state in {"done", "kept", "failed"} else None,
        }


@dataclass(frozen=True)
class RunOutcome:
    """What became of a run.

    Attributes:
        folder: The run folder.
        executor: What ran the jobs.
        jobs: In the order of the plan.
        notes: What is worth knowing.
        seconds: Wall time of this session.
    """

    folder: Path
    executor: str
    jobs: tuple[Settled, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def first_failure(self) -> Settled | None:
        """The first job that ended badly, in the order of the plan."""
        return next((job for job in self.jobs if job.exit_code), None)

    @property
    def exit_code(self) -> int:
        """Exit code of the run: the first failing job's."""
        failure = self.first_failure
        code = 0 if failure is None or failure.exit_code is None else failure.exit_code
        return code if code in {0, 130, *_ERRORS} else 1

    def to_record(self) -> dict[str, Any]:
        """Return the JSON document of ``run --json``."""
        counts = Counter(job.state for job in self.jobs)
        return {
            "schema_version": 1,
            "version": __version__,
            "folder": str(self.folder),
            "executor": self.executor,
            "exit_code": self.exit_code,
            "counts": {
                state: counts[state] for state in ("done", "kept", "failed", "skipped", "interrupted")
            },
            "jobs": [job.to_record() for job in self.jobs],
            "notes": list(self.notes),
            "seconds": self.seconds,
        }

    def require_success(self) -> None:
        """Raise for the first job that failed, with the exit code that it had.

        Raises:
            EdgeEffnetError: A job failed.
        """
        failure = self.first_failure
        if failure is None:
            return
        kind = _ERRORS.get(self.exit_code, EdgeEffnetError)
        raise kind(
            f"{failure.job.id} ended with exit code {failure.exit_code}",
            got=(failure.reason or "").removeprefix("error: ") or None,
            hint=f"see its log, {self.folder / failure.job.log}; the same command goes on from here",
        )
