"""`edge-effnet run CONFIG.yaml`: a whole chain in one run folder, which an interruption does not lose."""

from __future__ import annotations

import shlex
from pathlib import Path  # noqa: TC003 - typer reads the annotations while it runs
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table, resumable

if TYPE_CHECKING:
    from edge_effnet.chain import Job
    from edge_effnet.config import RunConfig

__all__ = ["run"]


def run(
    config: Path = typer.Argument(..., metavar="CONFIG.yaml", help="What to do; docs/run.md has every key."),
    output: Path | None = typer.Option(
        None,
        "-o",
        "--output",
        envvar="EDGE_EFFNET_RUN_OUTPUT",
        help="The run folder. [default: the file's output:]",
    ),
    executor: str = typer.Option(
        "local", "--executor", envvar="EDGE_EFFNET_EXECUTOR", help="Where jobs run: local or ray."
    ),
    jobs: int | None = typer.Option(
        None,
        "--jobs",
        min=1,
        envvar="EDGE_EFFNET_JOBS",
        help="Jobs at once; a timed one runs alone. [default: 1]",
    ),
    ray_address: str | None = typer.Option(
        None, "--ray-address", help="Of a cluster. [default: $RAY_ADDRESS, else one on this machine]"
    ),
    override: list[str] = typer.Option(
        [], "--set", metavar="KEY=VALUE", help="Instead of what the file says, such as bench.min_seconds=1."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the jobs, and do nothing."),
    print_config: bool = typer.Option(
        False, "--print-config", help="Print the resolved file, and do nothing."
    ),
    force: bool = typer.Option(False, "--force", help="Go on in the folder of another configuration."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document on stdout."),
) -> None:
    """Run models x recipes x targets through every stage; the same command goes on where it was interrupted."""
    from edge_effnet.chain import plan_jobs, run_chain
    from edge_effnet.config import dump_config, read_config

    resolved = read_config(config, override)
    if output is not None:
        resolved = resolved.model_copy(update={"output": str(output.absolute())})
    if print_config:
        document = resolved.model_dump(mode="json")
        print_json(document) if as_json else print_lines(dump_config(resolved).rstrip())
        return
    if dry_run:
        _print_plan(resolved, plan_jobs(resolved), as_json=as_json)
        return
    with resumable(flag=None):
        reporter = TerminalReporter(quiet=as_json)
        found = run_chain(resolved, reporter, executor=executor, jobs=jobs, address=ray_address, force=force)
    record = found.to_record()
    if as_json:
        print_json(record)
    else:
        _print(record)
    found.require_success()


def _print_plan(config: RunConfig, jobs: list[Job], *, as_json: bool) -> None:
    if as_json:
        rows = [{"id": job.id, "argv": ["edge-effnet", *job.argv], "needs": list(job.needs)} for job in jobs]
        print_json({"schema_version": 1, "folder": config.output, "jobs": rows})
        return
    print_lines(*(shlex.join(["edge-effnet", *job.argv]) for job in jobs))
    print_lines(f"# {len(jobs)} jobs in {config.output}")


def _print(record: dict[str, Any]) -> None:
    folder = record["folder"]
    title = f"{folder}, executor {record['executor']}"
    print_table(title, ("job", "state", "node", "seconds"), [_row(job) for job in record["jobs"]], left=3)
    print_lines(*(f"note: {note}" for note in record["notes"]))
    counts = ", ".join(f"{count} {state}" for state, count in record["counts"].items() if count)
    print_lines(f"{len(record['jobs'])} jobs: {counts}; {record['seconds']:.1f} s in this session")
    if any(job["id"] == "report" and job["record"] for job in record["jobs"]):
        print_lines(f"report: {folder}/report/report.html")
        here = shlex.quote(f"{folder}/report/report.json")
        print_lines(f"next: edge-effnet compare {here} OTHER/report/report.json")


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    state = "gate failed" if job["exit_code"] == 6 and job["record"] else job["state"]
    seconds = "-" if job["seconds"] is None else f"{job['seconds']:.1f}"
    return (job["id"], state, job["node"] or "-", seconds)
