"""Stage: run. A whole chain of verbs from one configuration, kept by hash in one run folder, on this machine or a cluster."""

from __future__ import annotations

from edge_effnet.chain.executors import EXECUTORS
from edge_effnet.chain.jobs import Job
from edge_effnet.chain.outcome import RunOutcome
from edge_effnet.chain.plan import plan_jobs
from edge_effnet.chain.schedule import run_chain

__all__ = ["EXECUTORS", "Job", "RunOutcome", "plan_jobs", "run_chain"]
