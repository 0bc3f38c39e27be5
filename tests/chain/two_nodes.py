"""Run jobs on a cluster of two nodes, kill one node while it works, and write what became of it: `python two_nodes.py FOLDER`."""

import json
import os
import sys
import threading
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = "of-this-test-only-" * 4

from ray.cluster_utils import Cluster  # type: ignore[import-not-found]  # an extra

from edge_effnet.chain.cluster import RayExecutor
from edge_effnet.chain.executors import Site
from edge_effnet.chain.folder import RunFolder
from edge_effnet.chain.jobs import Job
from edge_effnet.chain.schedule import run_jobs
from edge_effnet.progress import Silent

_JOBS = 6
_SECONDS = 1.5


def _plan(witness: Path, given: Path) -> list[Job]:
    """Return jobs that each read a file from outside, and one that joins what they leave."""
    parts = [
        Job(
            f"part{number}",
            "small",
            (str(witness), str(_SECONDS), str(given), "-o", f"parts/{number}.txt"),
            (str(given),),
            (f"parts/{number}.txt",),
        )
        for number in range(_JOBS)
    ]
    files = tuple(part.outputs[0] for part in parts)
    words = (str(witness), "0", *files, "-o", "joined.txt")
    needs = tuple(part.id for part in parts)
    return [*parts, Job("join", "small", words, files, ("joined.txt",), needs=needs, is_timed=True)]


def main(place: Path) -> None:
    """Start the cluster, run, kill, report."""
    witness, given = place / "witness.jsonl", place / "given.txt"
    given.write_text("given ")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    victim = cluster.add_node(num_cpus=1)
    raylet = victim.all_processes["raylet"][0].process.pid
    killed: list[str] = []

    def kill() -> None:
        while not killed:
            time.sleep(0.05)
            for line in witness.read_text().splitlines() if witness.exists() else []:
                if not killed and raylet in json.loads(line)["above"]:
                    cluster.remove_node(victim, allow_graceful=False)
                    killed.append(json.loads(line)["output"])

    threading.Thread(target=kill, daemon=True).start()
    folder = RunFolder(place / "run")
    folder.path.mkdir()
    command = (sys.executable, str(Path(__file__).with_name("small_job.py")))
    executor = RayExecutor(Site(folder.path, address=cluster.address, command=command), share_paths=False)
    try:
        outcome = run_jobs(_plan(witness, given), folder, executor, Silent(), name="ray")
    finally:
        executor.close()
        cluster.shutdown()
    result = {"record": outcome.to_record(), "victim": victim.node_id, "killed": killed}
    (place / "outcome.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
