"""Why EfficientNet-B0 collapses in int8: measure it, and fill the tables and drawings of `docs/why-b0-collapses.md`.

    python benchmarks/collapse.py --weights B0.weights.h5 --calibration DIR --data DIR --labels CSV [--qat FILE.tflite] -o docs

It writes OUT/data/collapse.json (everything that was measured), OUT/images/collapse_*.svg, and the tables between the
markers of OUT/why-b0-collapses.md, whose words stay as they are. Models and the record of each step are kept in --cache:
a run that was interrupted goes on, and what has not changed is not measured again. --render measures nothing and makes
tables and drawings from OUT/data/collapse.json.

The labelled pictures judge the ladder and compare blocks; everything else is measured on pictures of the calibration
folder that were not calibrated on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from collapse_page import fill_page
from collapse_plots import PLOTS

from edge_effnet.artifacts import write_bytes, write_json

SCHEMA_VERSION: Final = 1
PAGE, DATA, IMAGES = "why-b0-collapses.md", "data/collapse.json", "images"
COMMAND: Final = "python benchmarks/collapse.py --weights B0.weights.h5 --calibration TRAIN --data VAL --labels VAL.csv -o docs"


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--model", default="b0")
    found.add_argument("--weights", type=Path, help="weights file of the network")
    found.add_argument("--calibration", type=Path, help="folder of pictures without labels")
    found.add_argument("--data", type=Path, help="folder of labelled pictures")
    found.add_argument("--labels", type=Path, help="their table, with the columns file,label")
    found.add_argument("--qat", type=Path, help="a file that `edge-effnet qat` wrote for these weights")
    found.add_argument("--qat-record", type=Path, help="what `edge-effnet qat --json` printed for it")
    found.add_argument("-o", "--output", type=Path, default=Path("docs"))
    found.add_argument("--cache", type=Path, default=Path("build/collapse"))
    found.add_argument("--samples", type=int, default=300, help="pictures to calibrate on")
    found.add_argument("--held-out", type=int, default=64, help="of the same folder, for the studies")
    found.add_argument(
        "--probes", type=int, default=64, help="labelled pictures on which blocks are compared"
    )
    found.add_argument("--limit", type=int, help="labelled pictures that judge the ladder [all]")
    found.add_argument("--seed", type=int, default=0)
    found.add_argument("--render", action="store_true", help="measure nothing")
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything and return the record."""
    from collapse_bench import Counts, Inputs, Workbench, conditions
    from collapse_steps import blocks, cause, kinds, ladder, ties, trials

    counts = Counts(options.samples, options.held_out, options.limit, options.probes)
    bench = Workbench(
        Inputs(
            options.model,
            options.weights,
            options.calibration,
            options.data,
            options.labels,
            options.qat,
            options.qat_record,
            options.seed,
            counts,
        ),
        options.cache,
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "command": COMMAND + (" --qat B0_qat.tflite" if options.qat else ""),
        "ladder": ladder(bench),
        "ties": ties(bench),
        "kinds": kinds(bench),
        "cause": cause(bench),
        "blocks": blocks(bench),
        "trials": trials(bench),
        "conditions": conditions(bench),
    }


def rounded(value: Any) -> Any:
    """Return a record with its numbers at six significant digits, which is more than any table shows."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, (list, tuple)) else value


def render(record: dict[str, Any], output: Path) -> None:
    """Write the drawings, and the tables of the guide."""
    (output / IMAGES).mkdir(parents=True, exist_ok=True)
    for name, draw in PLOTS.items():
        write_bytes(output / IMAGES / name, draw(record).encode(), force=True)
    page = output / PAGE
    write_bytes(page, fill_page(page.read_text(encoding="utf-8"), record).encode(), force=True)


def main() -> int:
    """Measure unless told not to, and write."""
    found = parser()
    options = found.parse_args()
    path = options.output / DATA
    if not options.render:
        missing = [name for name in ("weights", "calibration", "data") if getattr(options, name) is None]
        if missing:
            found.error(f"needed: {', '.join(f'--{name}' for name in missing)}")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        record = rounded(measure(options))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, record, force=True)
    render(json.loads(path.read_text(encoding="utf-8")), options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
