"""What `bench` itself costs: single inferences as it times them, against a bare loop around `invoke`.

    python benchmarks/bench_overhead.py MODEL.tflite [--rounds 200]

Two processes hold the model: a worker of ours, and a plain script that knows nothing but `invoke` and one clock around
20 calls of it. They take turns, 20 calls each, in changing order. Printed: the median over turns of the mean of
our single calls, over the same of the plain script, with a bootstrap 95 % interval over turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import IO, cast

import numpy as np

from edge_effnet.bench.stats import ratio_interval
from edge_effnet.runtimes.targets import LocalTarget

_WARM_UP = 10

_CALLS = 20
_BARE = """
import sys, time
from ai_edge_litert.interpreter import Interpreter
model = Interpreter(model_path=sys.argv[1], num_threads=1)
model.allocate_tensors()
invoke = model.invoke
for line in sys.stdin:
    start = time.perf_counter_ns()
    for _ in range(int(line)):
        invoke()
    print((time.perf_counter_ns() - start) / int(line) / 1e6, flush=True)
"""


def _turns(model: Path, rounds: int) -> tuple[list[list[float]], list[list[float]]]:
    """Return milliseconds of our calls, and of the plain script's, by turn."""
    argv = [sys.executable, "-c", _BARE, str(model)]
    ours: list[list[float]] = []
    bare: list[list[float]] = []
    with (
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as plain,
        closing(LocalTarget().connect()) as connection,
    ):
        words, answers = cast("IO[str]", plain.stdin), cast("IO[str]", plain.stdout)
        loaded = connection.load(model)

        def ask_ours() -> None:
            ours.append([statistics.mean(loaded.time(_CALLS)[0]) / 1e6])

        def ask_bare() -> None:
            words.write(f"{_CALLS}\n")
            words.flush()
            bare.append([float(answers.readline())])

        for turn in range(rounds + _WARM_UP):
            for ask in (ask_ours, ask_bare) if turn % 2 else (ask_bare, ask_ours):
                ask()
        words.close()
    return ours[_WARM_UP:], bare[_WARM_UP:]


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=200)
    asked = parser.parse_args()
    ours, bare = _turns(asked.model, asked.rounds)
    medians = [float(np.median(np.concatenate(turns))) for turns in (ours, bare)]
    record = {
        "ratio": medians[0] / medians[1],
        "ci95": ratio_interval(ours, bare),
        "ours_ms": medians[0],
        "bare_ms": medians[1],
        "turns": asked.rounds,
        "calls": _CALLS,
    }
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
