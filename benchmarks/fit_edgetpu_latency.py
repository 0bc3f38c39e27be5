"""Fit the constants of `edge-effnet edgetpu estimate` on published latencies, once for all rows and once without each model.

    python benchmarks/fit_edgetpu_latency.py PUBLISHED.csv [-o edge_effnet/edgetpu/latency.json] [--structures]

PUBLISHED.csv has the columns model, input, device, host, metric, value, unit, precision, source, provenance, note. The same
input gives the same output. `--structures` fits other models of the time on the same rows, and prints how each does on
the models that it was not fitted on; docs/edgetpu-estimate.md has that table.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import re
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares

from edge_effnet.edgetpu.estimate import LINKS, activation_bytes, steps
from edge_effnet.edgetpu.validation import published_layers
from edge_effnet.inspect.edgetpu_layers import ACTIVATION_MEMORY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MODELS = {
    r"EfficientNet-(EdgeTpu-)?S": "edgetpu-s",
    r"EfficientNet-(EdgeTpu-)?M": "edgetpu-m",
    r"EfficientNet-(EdgeTpu-)?L": "edgetpu-l",
    r"MobileNet V1 0\.25": "mobilenet-v1-0.25-128",
    r"MobileNet ?v1|mobilenet_v1_1\.0_224_quant_edgetpu\.tflite": "mobilenet-v1",
    r"MobileNet ?v2|mobilenet_v2_1\.0_224_(quant_edgetpu\.tflite|inat_bird)": "mobilenet-v2",
    r"Inception v1|inception_v1_224_quant_edgetpu\.tflite": "inception-v1",
    r"Inception v3 \(12\.0 MB row\)": "inception-v2",  # 12.0 MB is what V2's 11.2 M parameters compile to; V3 has 23.8 M
    r"Inception v3": "inception-v3",
    r"Inception v4|inception_v4_299_quant_edgetpu\.tflite": "inception-v4",
    r"ResNet-50v15": "resnet-50-v1.5-224",
    r"ResNet-50 V1": "resnet-50-v1",
    r"ResNet-50 V2": "resnet-50-v2",
    r"ResNet-152 V2": "resnet-152-v2",
    r"DenseNet": "densenet-121",
    r"VGG16": "vgg-16",
    r"VGG19": "vgg-19",
}
"""Name in the table, as a whole -> id of a variant or peer."""

ATTACHED = (
    (r"rp4b", "usb3", False),  # the Raspberry Pi 4 is slower at everything on its USB: judged, not fitted
    (r"rp3b|Dev Board Mini|USB2", "usb2", True),
    (r"aarch64\||Coral Dev Board", "pcie", True),
    (r"", "usb3", True),  # the USB Accelerator on desktops; also where the interface is not said
)
"""Words about the device -> link, and whether the row is fitted; the first that is found."""

START = {
    "conv_cycles": 2.0,
    "depthwise_cycles": 8.5,
    "activation_bytes_per_cycle": 20.0,
    "invoke_ms": 0.3,
    "instruction_bytes": 5600.0,
    "spill_trips": 0.2,
    "usb3": 400.0,
    "usb2": 34.0,
    "pcie": 360.0,
}
"""Where the fit starts, and what a constant stays near when the rows say nothing of it: cycles as compiler 1.0 estimated
them, the least time of any inference (0.27 to 0.29 ms), instructions of compiled MobileNets v1 (170,032 bytes for 29
layers), and round figures for the links."""

PULL = 0.03
"""Weight of `START`: a constant off by a factor of e costs as much as one model off by 3 %."""

SOFT = 0.15
"""Errors above about 15 % pull less than their square: figures of one model differ by up to 40 % between publishers."""


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the int8 latencies of the networks that this package can write down, in the order of the table."""
    found = []
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            model = next(
                (name for words, name in MODELS.items() if re.fullmatch(words, row["model"], re.IGNORECASE)),
                None,
            )
            about = "|".join((row["host"], row["device"], row["source"]))
            if model is None or not _is_edge_tpu(row):
                continue
            link, fitted = next((link, fitted) for words, link, fitted in ATTACHED if re.search(words, about))
            clock = 250 if re.search(r"250 MHz|libedgetpu1-std", row["device"]) else 500
            ms = float(row["value"])
            found.append(
                {
                    "model": model,
                    "link": link,
                    "clock_mhz": clock,
                    "ms": ms,
                    "fitted": fitted,
                    "source": row["source"],
                }
            )
    return found


def _is_edge_tpu(row: Mapping[str, str]) -> bool:
    return (
        row["metric"] in {"latency", "latency_compute"}
        and row["precision"] == "int8"
        and not re.search(r"^none|CPU|Pixel", row["device"])
    )


class Features:
    """What the constants are multiplied with, one number per layer."""

    def __init__(self, model: str) -> None:
        layers = published_layers(model)
        depthwise = np.array([layer.op == "DEPTHWISE_CONV_2D" for layer in layers])
        all_steps = np.array([steps(layer) for layer in layers], float)
        self.conv, self.depthwise = all_steps * ~depthwise, all_steps * depthwise
        self.moved = np.array([layer.input_bytes + layer.output_bytes for layer in layers], float)
        self.streamed = np.array([layer.streamed_bytes for layer in layers], float)
        self.excess = np.array(
            [max(0, activation_bytes(layer) - ACTIVATION_MEMORY_BYTES) for layer in layers], float
        )
        self.dense = sum(layer.op in {"CONV_2D", "FULLY_CONNECTED"} for layer in layers)
        self.ends = layers[0].input_bytes + layers[-1].output_bytes


def slowest(p: Mapping[str, float], f: Features, cycles: float, link: float) -> float:
    """The shipped structure, that of `edge_effnet.edgetpu.estimate`: a layer takes as long as what it waits for most."""
    compute = (p["conv_cycles"] * f.conv + p["depthwise_cycles"] * f.depthwise) / cycles
    moved = f.moved / p["activation_bytes_per_cycle"] / cycles
    sent = (f.streamed + p["spill_trips"] * f.excess) / link
    layers = np.maximum(np.maximum(compute, moved), sent).sum()
    return float(p["invoke_ms"] + (f.ends + p["instruction_bytes"] * f.dense) / link + layers)


def added(p: Mapping[str, float], f: Features, cycles: float, link: float) -> float:
    """Compute, activations and streaming one after the other."""
    compute = (p["conv_cycles"] * f.conv + p["depthwise_cycles"] * f.depthwise) / cycles
    moved = f.moved / p["activation_bytes_per_cycle"] / cycles
    sent = (f.streamed + p["spill_trips"] * f.excess) / link
    return float(
        p["invoke_ms"] + (f.ends + p["instruction_bytes"] * f.dense) / link + (compute + moved + sent).sum()
    )


def no_activations(p: Mapping[str, float], f: Features, cycles: float, link: float) -> float:
    """As `slowest`, but moving activations costs nothing."""
    return slowest({**p, "activation_bytes_per_cycle": math.inf}, f, cycles, link)


def no_instructions(p: Mapping[str, float], f: Features, cycles: float, link: float) -> float:
    """As `slowest`, but the program is not sent again."""
    return slowest({**p, "instruction_bytes": 0.0}, f, cycles, link)


def prefetched(p: Mapping[str, float], f: Features, cycles: float, link: float) -> float:
    """Parameters are sent without a pause from the start, whatever is computed meanwhile."""
    compute = (p["conv_cycles"] * f.conv + p["depthwise_cycles"] * f.depthwise) / cycles
    layers = np.maximum(compute, f.moved / p["activation_bytes_per_cycle"] / cycles).sum()
    rest = p["invoke_ms"] + (f.ends + p["instruction_bytes"] * f.dense) / link
    return float(rest + max(layers, f.streamed.sum() / link))


STRUCTURES: dict[str, Callable[[Mapping[str, float], Features, float, float], float]] = {
    "slowest of compute, activations, streaming": slowest,
    "sum of compute, activations, streaming": added,
    "slowest, activations free": no_activations,
    "slowest, instructions not sent": no_instructions,
    "streaming all beside the rest": prefetched,
}


def predicted(
    structure: Any, p: Mapping[str, float], row: Mapping[str, Any], features: Mapping[str, Features]
) -> float:
    """Return the estimate of one row in milliseconds."""
    return float(structure(p, features[row["model"]], row["clock_mhz"] * 1e3, p[row["link"]] * 1e3))


def fit(
    structure: Any, rows: Sequence[Mapping[str, Any]], features: Mapping[str, Features]
) -> dict[str, float]:
    """Fit every constant on the logarithm of the times, every model with the same weight."""
    names, rows = list(START), [row for row in rows if row["fitted"]]
    start = np.log(list(START.values()))
    wanted = np.log([row["ms"] for row in rows])
    weights = np.array([sum(other["model"] == row["model"] for other in rows) ** -0.5 for row in rows])

    def off(point: Any) -> Any:
        p = dict(zip(names, np.exp(point), strict=True))
        found = np.log([predicted(structure, p, row, features) for row in rows])
        return np.concatenate([weights * (found - wanted), PULL * (point - start)])

    found = least_squares(off, start, loss="soft_l1", f_scale=SOFT)
    return dict(zip(names, (float(f"{value:.5g}") for value in np.exp(found.x)), strict=True))


def as_constants(p: Mapping[str, float]) -> dict[str, Any]:
    """Return the keywords of `Constants`."""
    return {name: p[name] for name in p if name not in LINKS} | {
        "link_mb_per_s": {link: p[link] for link in LINKS}
    }


def left_out(
    structure: Any, rows: Sequence[dict[str, Any]], features: Mapping[str, Features]
) -> dict[str, dict[str, float]]:
    """Return the fit without each model."""
    models = sorted({row["model"] for row in rows})
    return {name: fit(structure, [row for row in rows if row["model"] != name], features) for name in models}


def main() -> None:
    """Fit, and write the constants; or compare structures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("published", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("edge_effnet/edgetpu/latency.json"))
    parser.add_argument("--structures", action="store_true")
    options = parser.parse_args()
    rows = rows_of(options.published)
    features = {model: Features(model) for model in {row["model"] for row in rows}}
    if options.structures:
        for name, structure in STRUCTURES.items():
            folds = left_out(structure, rows, features)
            errors = [
                abs(predicted(structure, folds[row["model"]], row, features) / row["ms"] - 1) * 100
                for row in rows
            ]
            print(
                f"{name:<45} median {median(errors):5.1f} %  90 % within {np.quantile(errors, 0.9):5.1f} %  worst {max(errors):5.1f} %"
            )
        return
    operators = {layer.op for row in rows for layer in published_layers(row["model"])}
    record = {
        "made_by": "benchmarks/fit_edgetpu_latency.py",
        "published_sha256": hashlib.sha256(options.published.read_bytes()).hexdigest(),
        "operators": sorted(operators),
        "constants": as_constants(fit(slowest, rows, features)),
        "without": {name: as_constants(p) for name, p in left_out(slowest, rows, features).items()},
        "rows": rows,
    }
    options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
