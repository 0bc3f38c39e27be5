"""Jobs on a Ray cluster. A node that dies takes no result with it: its jobs run again elsewhere, and only this process writes results."""

from __future__ import annotations

import importlib
import logging
import os
import platform
import secrets
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import write_bytes
from edge_effnet.chain.node import Input, Lacking, Task, content_of, perform_there
from edge_effnet.chain.perform import Outcome
from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import ModuleType

    from edge_effnet.chain.executors import Site
    from edge_effnet.chain.jobs import Job

__all__ = ["RayExecutor"]

_RETRIES: Final = 3
"""How often Ray itself runs a job again whose node or worker died."""

_ATTEMPTS: Final = 3
"""How often a job is handed to Ray again that it could not save, such as a timed one whose node is gone."""

_KNOCK_S: Final = 5.0
"""How long a cluster may take to accept a connection."""

_OWN: Final = "local"
"""The address for which Ray starts a cluster of its own."""

_STORE_BYTES: Final = 512 << 20
"""Shared memory of a cluster on this machine; a third of all memory would be Ray's default."""


class RayExecutor:
    """Jobs as Ray tasks; one that measures time takes a whole node, always the same one while it lives.

    Args:
        site: The run folder, limits and address.
        share_paths: Whether nodes look for inputs at the same path before they are sent.

    Raises:
        EnvironmentFault: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, site: Site, *, share_paths: bool = True) -> None:
        self._site = site
        self._share_paths = share_paths
        self._ray = _open_ray(site)
        self._lock = threading.Lock()
        self._stopped = False
        self._refs: set[Any] = set()
        self._contents: dict[str, Any] = {}
        self._remote = self._ray.remote(_on_node)

    @property
    def slots(self) -> int:
        """Twice the cores, so that no node waits for its next job."""
        return self._site.jobs or 2 * int(
            max(node["Resources"].get("CPU", 0) for node in self._nodes()) * len(self._nodes())
        )

    def accepts(self, job: Job, running: Collection[Job]) -> bool:
        """One timed job at once; everything else as there is room."""
        return len(running) < self.slots and not (job.is_timed and any(other.is_timed for other in running))

    def run(self, job: Job, hashes: Mapping[str, str]) -> Outcome:
        """Run a job on some node, and write what it left into the run folder."""
        folder = self._site.folder
        inputs = tuple(Input(word, str(folder / word), hashes[word]) for word in job.inputs)
        task = Task(
            job.argv,
            inputs,
            job.outputs,
            self._site.timeout_s,
            None if self._site.command is None else tuple(self._site.command),
            share_paths=self._share_paths,
        )
        outcome = self._outcome(job, task)
        write_bytes(folder / job.log, outcome.stderr, force=True)
        for name, data in outcome.files:
            write_bytes(folder / name, data, force=True)
        return outcome

    def stop(self) -> None:
        """Cancel every job that runs."""
        with self._lock:
            self._stopped = True
            refs = list(self._refs)
        for ref in refs:
            self._ray.cancel(ref, force=True)

    def close(self) -> None:
        """Leave the cluster, and end it if it was started here."""
        self._ray.shutdown()

    def _outcome(self, job: Job, task: Task) -> Outcome:
        """Hand a job to Ray until it has an outcome."""
        lost, sent = 0, frozenset[str]()
        while True:
            try:
                answer = self._answer(job, task, sent)
            except self._ray.exceptions.RayTaskError as error:
                return _not_run(f"the node could not run it: {error.cause!r}")
            except self._ray.exceptions.RayError as error:
                lost += 1
                if self._stopped or lost >= _ATTEMPTS:
                    return _not_run(f"the cluster lost it: {type(error).__name__}")
                continue
            if isinstance(answer, Outcome):
                return answer
            sent |= set(answer.hashes)

    def _answer(self, job: Job, task: Task, sent: frozenset[str]) -> Outcome | Lacking:
        contents = {each.sha256: self._content(each) for each in task.inputs if each.sha256 in sent}
        with self._lock:
            if self._stopped:
                return _not_run("interrupted")
            ref = self._remote.options(**self._options(job)).remote(task, contents)
            self._refs.add(ref)
        try:
            answer: Outcome | Lacking = self._ray.get(ref)
        finally:
            with self._lock:
                self._refs.discard(ref)
        return answer

    def _content(self, each: Input) -> Any:
        """Return the handle of an input's content, which is put into the object store once."""
        with self._lock:
            if each.sha256 not in self._contents:
                self._contents[each.sha256] = self._ray.put(content_of(Path(each.source)))
            return self._contents[each.sha256]

    def _options(self, job: Job) -> dict[str, Any]:
        """Return what a job asks of Ray: a core, or all cores of the node that times are measured on."""
        if not job.is_timed:
            return {"num_cpus": 1, "max_retries": _RETRIES}
        node = self._timing_node()
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        return {
            "num_cpus": node["Resources"]["CPU"],
            "max_retries": _RETRIES,
            "scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        }

    def _timing_node(self) -> dict[str, Any]:
        """Return this machine's node if it has cores, else the largest: times of two nodes cannot be compared."""
        here = self._ray.get_runtime_context().get_node_id()
        return max(
            self._nodes(), key=lambda node: (node["NodeID"] == here, node["Resources"]["CPU"], node["NodeID"])
        )

    def _nodes(self) -> list[dict[str, Any]]:
        """Return the nodes that live and have cores.

        Raises:
            EnvironmentFault: There is none.
        """
        nodes = [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
        if not nodes:
            raise EnvironmentFault("the cluster has no node with a free core", hint="ray start --address=…")
        return nodes


def _on_node(task: Task, contents: Mapping[str, Any]) -> Outcome | Lacking:
    """Run a task where Ray has put it."""
    ray = importlib.import_module("ray")
    context = ray.get_runtime_context()
    node = f"{platform.node()}/{context.get_node_id()[:12]}"
    return perform_there(task, contents, ray.get, node)


def _not_run(trouble: str) -> Outcome:
    return Outcome(3, b"", trouble.encode(), 0.0, "", trouble)


def _require_listening(address: str) -> None:
    """Refuse an address where nobody listens, which Ray would try for minutes; names such as ``auto`` are Ray's to judge.

    Raises:
        EnvironmentFault: Nobody does.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
    except (OSError, OverflowError) as error:
        raise EnvironmentFault(
            f"no Ray cluster listens there: {error}", got=address, hint="ray status, on one of its nodes"
        ) from error


def _open_ray(site: Site) -> ModuleType:
    """Import Ray and connect: to the address, to ``$RAY_ADDRESS``, or to a cluster of one node that is started here."""
    address = site.address or os.environ.get("RAY_ADDRESS") or _OWN
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if (
        address == _OWN
    ):  # Ray listens on every interface and runs what it is sent: only for those who know the token
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise EnvironmentFault(
            "--executor ray needs Ray, which is not installed", hint="pip install 'edge-effnet[sweep]'"
        ) from error
    _require_listening(address)
    own = {"num_cpus": site.jobs, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        ray.init(
            address, logging_level=logging.ERROR, log_to_driver=False, **(own if address == _OWN else {})
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise EnvironmentFault(
            f"the Ray cluster cannot be reached: {error}", got=address, hint="is it running? ray status"
        ) from error
    return ray
