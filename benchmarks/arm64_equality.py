"""Compare int8 models on emulated cores with this machine: ``python benchmarks/arm64_equality.py MODEL... --images DIR``.

For every model and core: outputs that differ and by how many int8 steps, top-1 agreement, instructions of one inference.
Counts and outputs do not depend on how busy the machine is. Writes ``docs/data/arm64.json`` and the tables of
``docs/arm64.md``.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.artifacts import sha256_of_bytes, sha256_of_file, write_json
from edge_effnet.environment import now_utc
from edge_effnet.images import Preprocessing, list_images, load_pixels
from edge_effnet.runtimes.arm64 import CORES, Installation, arm64, default_folder
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from edge_effnet.runtimes.base import Tensor

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main() -> None:
    """Measure, write the record, write the page's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--count", type=int, default=16)
    arguments = parser.parse_args()
    files = list_images(arguments.images)
    chosen = files[:: max(len(files) // arguments.count, 1)][: arguments.count]
    manifest = Installation(default_folder()).manifest()
    record = {
        "command": f"python benchmarks/arm64_equality.py {' '.join(path.name for path in arguments.models)} "
        f"--images {arguments.images.name} --count {arguments.count}",
        "n": len(chosen),
        "time_utc": now_utc(),
        "qemu": manifest["qemu"],
        "litert": manifest["litert"],
        "models": [_measured(path, chosen) for path in arguments.models],
    }
    write_json(DOCS / "data" / "arm64.json", record, force=True)
    write_page(record)


def write_page(record: dict[str, Any]) -> None:
    """Write the tables of a record into the page."""
    page = DOCS / "arm64.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{tables(record)}{END}{after}", encoding="utf-8")


def _measured(path: Path, files: list[Path]) -> dict[str, Any]:
    here = LocalModel(path)
    pixels = [load_pixels(file, Preprocessing(here.input.shape[1])) for file in files]
    ours = np.stack([here.run_pixels(image).reshape(-1) for image in pixels]).astype(int)
    rows = {name: _on_core(path, name, pixels, ours) for name in CORES}
    return {"model": path.name, "sha256": sha256_of_file(path), "outputs": int(ours.size), "cores": rows}


def _on_core(path: Path, name: str, pixels: list[Tensor], ours: Tensor) -> dict[str, Any]:
    where = arm64(f"arm64:{name}")
    with closing(where.connect()) as connection:
        model = connection.load(path, timeout_s=600)
        theirs = np.stack([model.run_pixels(image).reshape(-1) for image in pixels]).astype(int)
        counts = where.count(model)
    away = np.abs(theirs - ours)
    return {
        "differ": int((away > 0).sum()),
        "max_lsb": int(away.max()),
        "outputs_sha256": sha256_of_bytes(theirs.astype(np.int8).tobytes()),
        "top1_equal": int((theirs.argmax(1) == ours.argmax(1)).sum()),
        "instructions": counts.instructions,
        "spread": counts.spread,
        "operators": None if counts.operators is None else len(counts.operators),
    }


def tables(record: dict[str, Any]) -> str:
    """Return the page's tables of a record."""
    lines = [
        f"`{record['command']}`, n = {record['n']} photographs, QEMU {record['qemu']}, LiteRT {record['litert']}.\n"
    ]
    lines += ["Outputs of XNNPACK int8 against this package's host (x86-64, LiteRT of the same version):\n"]
    lines += ["| model | core | outputs that differ | largest, LSB | same top-1 |", "|---|---|---|---|---|"]
    for model in record["models"]:
        lines += [
            f"| {model['model']} | {name} | {row['differ']:,} of {model['outputs']:,} | {row['max_lsb']} "
            f"| {row['top1_equal']} of {record['n']} |"
            for name, row in model["cores"].items()
        ]
    names = list(CORES)
    for model in record["models"]:
        kinds = len({row["outputs_sha256"] for row in model["cores"].values()})
        same = "compute the same bytes" if kinds == 1 else f"compute {kinds} different sets of outputs"
        lines.append(f"\nThe {len(names)} cores {same} of {model['model']}.")
    lines += [
        "\nInstructions of one inference, in millions, one thread (exact; the same in every process):\n"
    ]
    lines += [f"| model | operators | {' | '.join(names)} |", "|---" * (2 + len(names)) + "|"]
    for model in record["models"]:
        rows = model["cores"]
        figures = " | ".join(f"{rows[name]['instructions'] / 1e6:.2f}" for name in names)
        lines.append(f"| {model['model']} | {rows[names[0]]['operators']} | {figures} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
