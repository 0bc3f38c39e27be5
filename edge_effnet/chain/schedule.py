"""Run a configuration's jobs in order: what is done already is kept, and a job that fails takes only its dependants with it."""

from __future__ import annotations

import contextlib
import json
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import sha256_of_file, write_bytes, write_json
from edge_effnet.chain.executors import Site, open_executor
from edge_effnet.chain.folder import RunFolder
from edge_effnet.chain.jobs import Fingerprints, key_of
from edge_effnet.chain.ledger import Entry, Ledger
from edge_effnet.chain.outcome import GATE, RunOutcome, Settled
from edge_effnet.chain.plan import plan_jobs
from edge_effnet.errors import EdgeEffnetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.chain.executors import Executor
    from edge_effnet.chain.jobs import Job
    from edge_effnet.chain.perform import Outcome
    from edge_effnet.config import RunConfig
    from edge_effnet.progress import Reporter

__all__ = ["run_chain", "run_jobs"]

_TAIL_LINES: Final = 6
_TAIL_CHARACTERS: Final = 1000


def run_chain(
    config: RunConfig,
    reporter: Reporter,
    *,
    executor: str = "local",
    jobs: int | None = None,
    address: str | None = None,
    force: bool = False,
) -> RunOutcome:
    """Run a resolved configuration in its run folder, or go on with it.

    Args:
        config: What to do, as `edge_effnet.config.read_config` returns it.
        reporter: Told of every job.
        executor: A key of `edge_effnet.chain.executors.EXECUTORS`.
        jobs: How many at once; None leaves it to the executor.
        address: Of a Ray cluster.
        force: Go on in a folder of another configuration.

    Raises:
        UsageError: The folder is about something else, or another run is at work in it.
        DataError: A file or folder that the configuration names is missing.
        EnvironmentFault: The executor is missing, or the disk is full.
    """
    path = Path(config.output or "")
    RunFolder.check(path, config, force=force)
    plan = plan_jobs(config)
    prints = Fingerprints(path)
    with reporter.stage("inputs"):
        for word in dict.fromkeys(word for job in plan for word in job.inputs if Path(word).is_absolute()):
            prints.of(word)  # what is missing is told before any work
    with RunFolder.opened(path, config) as folder:
        site = Site(path, jobs, config.timeout_s, address)
        with contextlib.closing(open_executor(executor, site)) as opened:
            return run_jobs(plan, folder, opened, reporter, name=executor, prints=prints)


def run_jobs(
    plan: Sequence[Job],
    folder: RunFolder,
    executor: Executor,
    reporter: Reporter,
    *,
    name: str,
    prints: Fingerprints | None = None,
) -> RunOutcome:
    """Run jobs in a run folder; see `run_chain`.

    Args:
        plan: Each job behind those that it needs.
        folder: Where they read and write.
        executor: What runs them.
        reporter: Told of every job.
        name: Of the executor, for the record.
        prints: Fingerprints that are known already.
    """
    begin = time.monotonic()
    chain = _Chain(plan, folder, executor, reporter, prints or Fingerprints(folder.path))
    try:
        with reporter.stage("jobs", len(plan)):
            chain.run()
    except KeyboardInterrupt:
        whole = sum(chain.row(job).is_whole for job in plan)
        reporter.note("warning", f"{whole} of {len(plan)} jobs are done and will be kept")
        raise
    finally:
        rows = tuple(chain.row(job) for job in plan)
        outcome = RunOutcome(folder.path, name, rows, tuple(chain.notes), time.monotonic() - begin)
        with contextlib.suppress(EdgeEffnetError):  # a full disk has been told already
            write_json(folder.path / "run.json", outcome.to_record(), force=True)
    return outcome


@dataclass(frozen=True)
class _Begun:
    job: Job
    key: str


class _Chain:
    """The jobs of one session, by what became of them."""

    def __init__(
        self,
        plan: Sequence[Job],
        folder: RunFolder,
        executor: Executor,
        reporter: Reporter,
        prints: Fingerprints,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._executor = executor
        self._reporter = reporter
        self._prints = prints
        self._ledger = Ledger(folder.path / "ledger.jsonl")
        self._settled: dict[str, Settled] = {}
        self._running: dict[Future[Outcome], _Begun] = {}
        self.notes: list[str] = []
        for damage in self._ledger.damage:
            self._note("warning", damage)

    def run(self) -> None:
        """Run every job that can be run."""
        with ThreadPoolExecutor(self._executor.slots) as pool:
            try:
                self._start(pool)
                while self._running:
                    ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
                    for future in ended:
                        begun = self._running.pop(future)
                        self._settle(self._judged(begun, future.result()))
                    self._start(pool)
            except BaseException:
                self._executor.stop()  # or the pool would wait for what runs
                raise

    def row(self, job: Job) -> Settled:
        """Return what became of a job, also where an interruption came first."""
        if job.id in self._settled:
            return self._settled[job.id]
        runs = any(begun.job.id == job.id for begun in self._running.values())
        return Settled(job, "interrupted", reason="interrupted" if runs else "not begun")

    def _start(self, pool: ThreadPoolExecutor) -> None:
        """Settle or start, in the order of the plan, all that waits for nothing."""
        begun = {each.job.id for each in self._running.values()}
        for job in self._plan:
            if job.id in self._settled or job.id in begun:
                continue
            missing = [
                name for name in job.needs if name in self._settled and not self._settled[name].is_whole
            ]
            if missing:
                reason = f"{missing[0]} {self._settled[missing[0]].state}"
                self._settle(Settled(job, "skipped", reason=reason))
            elif all(name in self._settled for name in (*job.needs, *(each.job for each in job.gathers))):
                self._take(job, pool)

    def _take(self, job: Job, pool: ThreadPoolExecutor) -> None:
        """Keep what is known of a job, or start it if it may run now."""
        if job.gathers:
            whole = [each.job for each in job.gathers if self._settled[each.job].is_whole]
            if not whole:
                self._settle(Settled(job, "skipped", reason="none of what it gathers is there"))
                return
            job = job.with_gathered(whole)
        try:
            hashes = {word: self._prints.of(word) for word in job.inputs}
        except EdgeEffnetError as error:  # a folder that was there at the start is gone
            self._settle(Settled(job, "failed", error.exit_code, reason=str(error)))
            return
        key = key_of(job, hashes)
        known = self._ledger.find(job.id, key, self._folder.path)
        if known is not None:
            self._settle(_settled_from_entry(job, known, "kept"))
        elif self._executor.accepts(job, [each.job for each in self._running.values()]):
            self._folder.prepare(job)
            self._running[pool.submit(self._executor.run, job, hashes)] = _Begun(job, key)

    def _judged(self, begun: _Begun, outcome: Outcome) -> Settled:
        """Keep a job's results if they are whole, and say what became of it."""
        job, place = begun.job, self._folder.path
        code = outcome.returncode if outcome.returncode >= 0 else 1
        fault = outcome.trouble or (None if code in {0, GATE} else _tail(outcome.stderr))
        if fault is None:
            fault = _fault_of_results(job, outcome.stdout, place)
            code = code or (1 if fault else 0)
        if fault is not None:
            return Settled(
                job, "failed", code or 1, begun.key, fault, round(outcome.seconds, 3), outcome.node
            )
        write_bytes(place / job.record, outcome.stdout, force=True)
        outputs = {name: sha256_of_file(place / name) for name in (*job.outputs, job.record)}
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        entry = Entry(job.id, begun.key, code, outputs, round(outcome.seconds, 3), outcome.node, now)
        self._ledger.add(entry)
        return _settled_from_entry(job, entry, "done", _tail(outcome.stderr) if code else None)

    def _settle(self, settled: Settled) -> None:
        self._settled[settled.job.id] = settled
        self._reporter.advance()
        message = f"{settled.job.id}: {settled.state}"
        kind = {"failed": "warning", "skipped": "skipped"}.get(settled.state, "info")
        if settled.exit_code == GATE:
            message, kind = f"{message}, a gate failed", "warning"
        self._note(kind, f"{message}: {settled.brief}" if settled.reason else message)

    def _note(self, kind: str, message: str) -> None:
        self._reporter.note(kind, message)
        if kind != "info":
            self.notes.append(message)


def _settled_from_entry(job: Job, entry: Entry, state: str, reason: str | None = None) -> Settled:
    if entry.exit_code and reason is None:
        reason = "as before: see its log"
    return Settled(
        job,
        "kept" if state == "kept" else "done",
        entry.exit_code,
        entry.key,
        reason,
        entry.seconds,
        entry.node,
        entry.outputs,
    )


def _fault_of_results(job: Job, stdout: bytes, place: Path) -> str | None:
    """Say what is wrong with what a job left, if anything."""
    try:
        document = json.loads(stdout)
    except (ValueError, RecursionError):
        return "its stdout is no JSON document"
    if not isinstance(document, (dict, list)):
        return "its stdout is no record"
    lost = [name for name in job.outputs if not (place / name).is_file()]
    return f"it left no {lost[0]}" if lost else None


def _tail(stderr: bytes) -> str:
    """Return the error in a log, or its last lines."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("error:")]
    tail = lines[starts[-1] :] if starts else lines[-_TAIL_LINES:]
    text = "\n".join(line.strip() for line in tail)[:_TAIL_CHARACTERS]
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text) or "it said nothing on stderr"
