"""How much of the machine does an evaluation use? Throughput of `edge-effnet eval` against cores / time of one image.

    python benchmarks/evaluate.py MODEL.tflite --data DIR [--images 200] [--rounds 5] [--json]

Each round measures, on the same images and one after the other, so that a busy neighbour hits all of them:

* *one thread*: decode, preprocess and invoke in a plain loop, seconds per image;
* *evaluation*: the library's `predict` with one worker per core, everything it does included (loading a model per worker,
  ranking, probabilities), images per second.

The bar is evaluation >= 85 % of cores / one thread, by the median over the rounds. Exit code 6 below the bar, 3 where the
machine is too busy to tell (one thread did not get a core of its own). The processor time per image is shown for both
ways: what the evaluation adds to the plain loop is visible there on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_effnet.evaluate import candidate_from_tflite, core_count, read_labelled_set
from edge_effnet.evaluate.predict import predict
from edge_effnet.progress import Silent
from edge_effnet.runtimes import LocalModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.evaluate import Candidate, LabelledSet

BAR = 0.85
QUIET = 0.9
"""Share of a core that one thread must get; below it, other programs decide the result."""


@dataclass(frozen=True)
class Timing:
    """Wall and processor time of one pass, per image."""

    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Round:
    """Both ways on the same images."""

    one_thread: Timing
    evaluation: Timing

    def share(self, cores: int) -> float:
        """Return the evaluation's throughput as a share of cores / one thread."""
        return self.one_thread.wall_ms / self.evaluation.wall_ms / cores

    @property
    def core_share(self) -> float:
        """Share of a core that the one thread got."""
        return self.one_thread.cpu_ms / self.one_thread.wall_ms


def timed(work: Callable[[], object], images: int) -> Timing:
    """Run ``work`` once; the processor time is that of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timing(1e3 * (time.perf_counter() - wall) / images, 1e3 * (time.process_time() - cpu) / images)


def measure(candidate: Candidate, pictures: LabelledSet, rounds: int) -> list[Round]:
    """Run all rounds; the order inside a round alternates, and a first pass warms caches and is not counted."""
    model, cores = LocalModel(Path(candidate.path)), core_count()

    def one_thread() -> Timing:
        def work() -> None:
            for index in range(len(pictures)):
                model.run_pixels(pictures.load(index, candidate.preprocessing))

        return timed(work, len(pictures))

    def evaluation() -> Timing:
        return timed(lambda: predict([candidate], pictures, workers=cores, reporter=Silent()), len(pictures))

    one_thread()
    found = []
    for number in range(rounds):
        second = evaluation() if number % 2 else None
        first = one_thread()
        found.append(Round(first, second or evaluation()))
    return found


def report(rounds: list[Round], cores: int) -> None:
    """Print one line per round."""
    print("       one thread, ms/image   evaluation, ms/image   images/s: evaluation")
    print("round       wall  processor        wall  processor   (cores / one thread)  share")
    for number, found in enumerate(rounds, 1):
        one, many = found.one_thread, found.evaluation
        rates = f"{1e3 / many.wall_ms:.1f} ({cores * 1e3 / one.wall_ms:.1f})"
        print(
            f"{number:>5} {one.wall_ms:>10.2f} {one.cpu_ms:>10.2f} {many.wall_ms:>11.2f} {many.cpu_ms:>10.2f}"
            f" {rates:>22} {found.share(cores):>6.3f}"
        )


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    candidate = candidate_from_tflite(options.model, "xnnpack")
    pictures = read_labelled_set(options.data, options.labels, candidate.classes).limited(options.images)
    rounds, cores = measure(candidate, pictures, options.rounds), core_count()
    share = statistics.median(found.share(cores) for found in rounds)
    core_share = statistics.median(found.core_share for found in rounds)
    if core_share < QUIET:
        verdict, code = "not known: the machine is busy", 3
    else:
        verdict, code = ("reached", 0) if share >= BAR else ("missed", 6)
    if options.json:
        record = {
            "model": str(options.model),
            "images": len(pictures),
            "cores": cores,
            "bar": BAR,
            "verdict": verdict,
        }
        measured = {
            "share": share,
            "core_share_of_one_thread": core_share,
            "rounds": [asdict(found) for found in rounds],
        }
        print(json.dumps(record | measured, indent=2))
    else:
        report(rounds, cores)
        print(
            f"one thread got {100 * core_share:.0f} % of a core; median share of {cores} cores {share:.3f}; bar {BAR}: {verdict}"
        )
    return code


if __name__ == "__main__":
    sys.exit(main())
