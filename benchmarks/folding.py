"""What folding the input normalisation costs: top-1 agreement of the folded float network with the unfolded one.

Folding is exact inside the picture; at the border SAME padding then means one common pixel instead of each channel's mean.

    python benchmarks/folding.py --model b0 --weights B0.weights.h5 --images DIR [--limit N]

Exit code 0 when they agree on at least 99.8 % of the pictures, 6 when they do not.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edge_effnet.convert.tflite import tflite_from_graph
from edge_effnet.images import Preprocessing, list_images, load_pixels
from edge_effnet.models import build
from edge_effnet.models.fold import fold_normalisation, fold_std
from edge_effnet.models.freeze import freeze
from edge_effnet.runtimes.litert import LocalModel

BAR = 99.8


def main() -> int:
    """Measure, print one JSON document, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="b0")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=None)
    options = parser.parse_args()
    built = build(options.model, weights=options.weights)
    graph = freeze(built.keras, built.normalisation, name=built.id)
    preprocessing = Preprocessing(built.resolution_px, built.crop_fraction)
    paths = list_images(options.images)[: options.limit]
    models = [
        LocalModel(tflite_from_graph(fold(graph), "float32")) for fold in (fold_std, fold_normalisation)
    ]

    def logits(model: LocalModel) -> np.ndarray:
        return np.array([model.logits(load_pixels(path, preprocessing)) for path in paths])

    with ThreadPoolExecutor(len(models)) as pool:
        unfolded, folded = pool.map(logits, models)
    agreement = 100 * float(np.mean(unfolded.argmax(axis=1) == folded.argmax(axis=1)))
    largest = float(np.abs(unfolded - folded).max())
    json.dump(
        {
            "model": built.id,
            "n": len(paths),
            "agreement": agreement,
            "largest_difference": largest,
            "bar": BAR,
        },
        sys.stdout,
    )
    sys.stdout.write("\n")
    return 0 if agreement >= BAR else 6


if __name__ == "__main__":
    sys.exit(main())
