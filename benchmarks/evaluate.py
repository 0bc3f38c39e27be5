"""How much of the machine does an evaluation use? Throughput of `edge-effnet eval` against cores / time of one image.

    python benchmarks/evaluate.py MODEL.tflite --data DIR [--images 200] [--rounds 5] [--json]

Each round measures, on the same images and one after the other, so that a busy neighbour hits all of them:

* *one thread*: decode, preprocess and invoke in a plain loop, seconds per image;
* *evaluation*: the library's `predict` with one worker per core, everything it does included (loading a model per worker,
  ranking, probabilities), images per second.

The bar is evaluation >= 85 % of cores / one thread, by the median over the rounds. Exit code 6 below the bar.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_effnet.evaluate import candidate_from_tflite, core_count, read_labelled_set
from edge_effnet.evaluate.candidates import Candidate
from edge_effnet.evaluate.data import LabelledSet
from edge_effnet.evaluate.predict import predict
from edge_effnet.progress import Silent
from edge_effnet.runtimes import LocalModel

BAR = 0.85


@dataclass(frozen=True)
class Round:
    """One round of measurements on the same images."""

    one_thread_s_per_image: float
    evaluation_images_per_s: float
    load_average: float

    def share(self, cores: int) -> float:
        """Return the evaluation's throughput as a share of cores / one thread."""
        return self.evaluation_images_per_s * self.one_thread_s_per_image / cores


def measure_one_thread(model: LocalModel, candidate: Candidate, pictures: LabelledSet) -> float:
    """Return seconds per image of decode, preprocess and invoke in a plain loop."""
    start = time.perf_counter()
    for index in range(len(pictures)):
        model.run_pixels(pictures.load(index, candidate.preprocessing))
    return (time.perf_counter() - start) / len(pictures)


def measure_evaluation(candidate: Candidate, pictures: LabelledSet, cores: int) -> float:
    """Return images per second of the library's evaluation."""
    start = time.perf_counter()
    predict([candidate], pictures, workers=cores, reporter=Silent())
    return len(pictures) / (time.perf_counter() - start)


def measure(candidate: Candidate, pictures: LabelledSet, rounds: int) -> list[Round]:
    """Run all rounds; the order inside a round alternates, and a first pass warms caches and is not counted."""
    model = LocalModel(Path(candidate.path))
    cores = core_count()
    measure_one_thread(model, candidate, pictures)
    found = []
    for number in range(rounds):
        if number % 2:
            throughput = measure_evaluation(candidate, pictures, cores)
            one = measure_one_thread(model, candidate, pictures)
        else:
            one = measure_one_thread(model, candidate, pictures)
            throughput = measure_evaluation(candidate, pictures, cores)
        found.append(Round(one, throughput, os.getloadavg()[0]))
    return found


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
    record = {
        "model": str(options.model),
        "images": len(pictures),
        "cores": cores,
        "share": share,
        "bar": BAR,
    }
    if options.json:
        print(json.dumps(record | {"rounds": [asdict(found) for found in rounds]}, indent=2))
    else:
        print(
            "round  one thread, ms/image  cores / one thread, images/s  evaluation, images/s  share  load average"
        )
        for number, found in enumerate(rounds, 1):
            ideal = cores / found.one_thread_s_per_image
            print(
                f"{number:>5}  {1e3 * found.one_thread_s_per_image:>20.2f}  {ideal:>28.1f}"
                f"  {found.evaluation_images_per_s:>20.1f}  {found.share(cores):>5.3f}  {found.load_average:>12.2f}"
            )
        print(
            f"median share {share:.3f} of {cores} cores, bar {BAR}: {'reached' if share >= BAR else 'MISSED'}"
        )
    return 0 if share >= BAR else 6


if __name__ == "__main__":
    sys.exit(main())
