"""Time from a command to an int8 file: ours against TensorFlow's converter on Keras' own EfficientNet-B0, same images.

Each side is a whole process, imports and all, run in turns; the figure is the ratio of wall times within a round.

    python benchmarks/convert.py --images DIR [--weights B0.weights.h5] [--count 100] [--rounds 3]

Exit code 0 when the median ratio is at most a third, 6 when it is not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from edge_effnet.calibrate import open_calibration
from edge_effnet.images import Preprocessing

BAR = 1 / 3

THEIRS = """
import sys
import numpy as np, tensorflow as tf, keras
images, weights, output = sys.argv[1:4]
pixels = np.load(images, mmap_mode="r")
model = keras.applications.EfficientNetB0(weights=None)
if weights != "random":
    model.load_weights(weights)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([pixel[None].astype(np.float32)] for pixel in pixels)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
open(output, "wb").write(converter.convert())
"""


def wall_seconds(command: list[str], environment: dict[str, str]) -> float:
    """Run a command to its end and return its wall time."""
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[:6]} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def main() -> int:
    """Measure, print one JSON document, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--weights", default="random")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    weights = options.weights if options.weights == "random" else str(Path(options.weights).resolve())
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    keras3 = {**quiet, "TF_USE_LEGACY_KERAS": "0"}
    with tempfile.TemporaryDirectory() as folder:
        images, theirs = f"{folder}/images.npy", f"{folder}/theirs.tflite"
        feed = open_calibration(options.images, Preprocessing(224), samples=options.count)
        np.save(images, np.concatenate(list(feed.batches(16))))
        ours = [
            sys.executable,
            "-c",
            "from edge_effnet.cli.main import main; main()",
            "convert",
            "--model",
            "b0",
            "--int8",
        ]
        ours += ["--weights", weights, "--calibration", images, "--calibration-samples", str(options.count)]
        ours += ["-o", f"{folder}/ours.tflite", "--force", "--json"]
        rounds = []
        for number in range(options.rounds):
            mine = wall_seconds(ours, quiet)
            other = wall_seconds([sys.executable, "-c", THEIRS, images, weights, theirs], keras3)
            rounds.append(
                {"ours_s": round(mine, 2), "theirs_s": round(other, 2), "ratio": round(mine / other, 3)}
            )
            sys.stderr.write(f"round {number + 1}: {rounds[-1]}\n")
    ratio = statistics.median(entry["ratio"] for entry in rounds)
    load = os.getloadavg()[0]
    json.dump(
        {"count": options.count, "rounds": rounds, "median_ratio": ratio, "bar": BAR, "load_average": load},
        sys.stdout,
        indent=2,
    )
    sys.stdout.write("\n")
    return 0 if ratio <= BAR else 6


if __name__ == "__main__":
    sys.exit(main())
