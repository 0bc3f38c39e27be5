"""Records as the other verbs write them, made by functions: figures in, the whole form out."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

HOST: dict[str, Any] = {
    "machine": "x86_64",
    "system": "Linux 6.1",
    "cpu": "A Processor",
    "cores": 4,
    "governor": "performance",
    "frequency_mhz": 3000.0,
    "load_average": 0.1,
    "temperature_c": 45.0,
    "container": {"cpu_quota": None, "memory_limit_bytes": None},
    "versions": {"edge-effnet": "0.1.0", "ai-edge-litert": "2.3.0"},
    "commit": "a" * 40,
    "dirty": False,
    "time_utc": "2026-11-24T12:00:00+00:00",
}


def sha(name: str) -> str:
    """Return a hash that stands for a file."""
    return hashlib.sha256(name.encode()).hexdigest()


def result(name: str, median_ms: float | None = 10.0, **more: Any) -> dict[str, Any]:
    """Return one result of `bench`, with 100 samples around a median in five rounds."""
    samples = None
    if median_ms is not None:
        noise = np.random.default_rng(len(name)).normal(0, 0.01 * median_ms, 100)
        samples = (median_ms + noise - np.median(noise)).tolist()
    timed = samples is not None
    return {
        "model": f"/models/{name}.tflite", "sha256": sha(name), "size_bytes": 6_000_000, "engine": "xnnpack",
        "target": "local", "threads": 1, "cpus": [], "timing": "measured", "status": "ok", "reason": None, "fix": None,
        "median_ms": median_ms, "ci95_ms": [0.99 * median_ms, 1.01 * median_ms] if timed else None,
        "p90_ms": 1.1 * median_ms if timed else None, "p99_ms": 1.2 * median_ms if timed else None,
        "iqr_ms": 0.02 * median_ms if timed else None, "min_ms": 0.9 * median_ms if timed else None,
        "mean_ms": median_ms, "throughput_per_s": 1e3 / median_ms if timed else None, "n": 100 if timed else None,
        "rounds": [20] * 5 if timed else None, "samples_ms": samples, "warm_up": None, "init_ms": 30.0, "first_ms": 11.0,
        "peak_rss_bytes": 60_000_000, "energy_j_per_inference": None, "runtime": "ai-edge-litert 2.3.0",
        "delegate": "XNNPACK", "delegated_ops": 100, "total_ops": 100, "partitions": 1, "instructions": None,
        "device": HOST, "source": None, "notices": [], **more,
    }  # fmt: skip


def bench(*results: dict[str, Any], ratios: tuple[dict[str, Any], ...] = (), **host: Any) -> dict[str, Any]:
    """Return a record of `bench`."""
    plan = {
        "threads": 1,
        "min_seconds": 1.0,
        "min_runs": 100,
        "cpus": [],
        "order": "in turns",
        "measured": "invoke",
    }
    return {
        "schema_version": 1,
        "host": HOST | host,
        "plan": plan,
        "results": list(results),
        "ratios": list(ratios),
    }


def score(
    name: str | None, right: int, n: int = 100, *, path: str | None = None, shift: int = 0
) -> dict[str, Any]:
    """Return one model of `eval`, right on ``right`` images of ``n``, beginning with number ``shift``."""
    hits = np.roll(np.arange(n) < right, shift)
    share = 100.0 * right / n
    return {
        "path": path or f"/models/{name}.tflite", "sha256": None if name is None else sha(name),
        "top1": share, "top5": min(100.0, share + 10), "n": n, "top1_ci95": [max(0, share - 8), min(100, share + 8)],
        "top5_ci95": [max(0, share - 5), min(100, share + 15)], "top1_ties": 0, "outputs": 1000, "preprocessing": "square",
        "right": base64.b64encode(np.packbits(hits).tobytes()).decode(),
        "confusions": [{"truth": "cat", "predicted": "dog", "n": 2}], "confusion_matrix": None,
    }  # fmt: skip


def evaluation(*scores: dict[str, Any], images: str = "set", **more: Any) -> dict[str, Any]:
    """Return a record of `eval`; the first model is the reference of the others."""
    pairs = [
        {
            "first": scores[0]["path"], "second": other["path"], "drop_top1": scores[0]["top1"] - other["top1"],
            "ci95": [scores[0]["top1"] - other["top1"] - 2, scores[0]["top1"] - other["top1"] + 2],
            "ci_method": "Newcombe", "mcnemar_p": 0.5, "agreement": 95.0, "only_first": 3, "only_second": 2, "n": other["n"],
        }
        for other in scores[1:]
    ]  # fmt: skip
    return {
        "schema_version": 1, "models": list(scores), "images": {"n": scores[0]["n"], "sha256": sha(images), "rule": "r"},
        "paired": pairs[0] if pairs else None, "pairs": pairs,
        "worst_classes": [{"label": 3, "name": "newt", "n": 2, "right": [1] * min(2, len(scores)), "lost": 1}],
        "disagreements": [], "skipped": [], "notes": [], "seconds": {"evaluate": 1.0},
        "conditions": {"engine": "xnnpack", "engines": {}, "workers": 1, "tie_rule": "lowest", "versions": {"numpy": "2"},
                       "host": {"machine": "x86_64", "system": "Linux", "cpus": 4}}, **more,
    }  # fmt: skip


def disagreement(truth: str, *, image: str | None = None, file: str = "images/1.jpg") -> dict[str, Any]:
    """Return one side of the disagreements with one image."""
    guesses = [[{"name": truth, "percent": 60.0}], [{"name": "dog", "percent": 50.0}]]
    return {
        "right": "only_first",
        "n": 1,
        "images": [{"index": 0, "file": file, "truth": truth, "image": image, "guesses": guesses}],
    }


def inspection(
    name: str, *, errors: int = 0, ops: dict[str, int] | None = None, size: int = 6_000_000
) -> dict[str, Any]:
    """Return a record of `inspect` with a number of errors."""
    finding = {
        "severity": "error", "op_index": 4, "op": "CONV_2D", "tensor": "x", "reason": "float32", "fix": "convert again",
    }  # fmt: skip
    return {
        "schema_version": 1, "path": f"/models/{name}.tflite", "sha256": sha(name), "size_bytes": size,
        "full_integer": not errors, "declared_io": "int8", "findings": [finding] * errors,
        "ops": ops or {"CONV_2D": 65, "ADD": 9}, "macs": {"total": 1000, "int8": 900 if errors else 1000}, "macs_by_op": {},
        "inputs": [{"name": "in", "dtype": "int8", "shape": [1, 224, 224, 3]}], "outputs": [], "layers": [{}] * 5,
        "other_bytes": 0, "metadata": [], "description": "",
    }  # fmt: skip


def conversion(name: str, *, weights: str = "file", calibration: str = "train") -> dict[str, Any]:
    """Return a record of `convert`."""
    tensor = {"dtype": "int8", "shape": [1, 224, 224, 3], "scale": 1.0, "zero_point": 0}
    source = "random, seed 1" if weights == "random" else "b0.h5"
    return {
        "schema_version": 1, "path": f"/models/{name}.tflite", "sha256": sha(name), "size_bytes": 6_000_000,
        "model": {"id": "b0", "resolution_px": 224, "activation": None, "squeeze_excite": None}, "precision": "w8a8",
        "recipe": "ptq", "weights": {"source": source, "sha256": "b" * 64, "kind": weights},
        "calibration": {"id": calibration, "sha256": "c" * 64, "count": 300}, "io": {"input": tensor, "output": tensor},
        "contract": f"{name}.contract.json", "seconds": {"build": 1.0}, "peak_rss_bytes": 1,
        "tools": {"edge-effnet": "0.1.0"}, "notes": [],
    }  # fmt: skip


def verification(name: str, reference: str = "float") -> dict[str, Any]:
    """Return a record of `verify` with two blocks."""
    engine = {
        "n": 8, "sqnr_db": 20.0, "cosine": 0.99, "max_lsb": 3, "mean_lsb": 0.1, "within_1_lsb": 90.0, "equal": 60.0,
        "lsb_against": "reference", "lsb_n": 1, "top1_agreement": 100.0, "library": "l", "seconds": 1.0,
    }  # fmt: skip
    layer = {"name": "block1a_conv", "block": "block1a", "part": "expand", "sqnr_db": 15.0}
    blocks = [
        {
            "name": block,
            "sqnr_db": db,
            "own_sqnr_db": db + 2,
            "worst_layer": f"{block}_conv",
            "worst_part": "expand",
        }
        for block, db in (("block1a", 15.0), ("head", 22.0))
    ]
    alone = [
        {"name": block, "sqnr_db": db, "top1_agreement": 99.0, "n": 8, "rank": rank}
        for block, db, rank in (("block1a", 20.0, 1), ("head", 30.0, 2))
    ]
    return {
        "schema_version": 1, "float": {"path": f"/models/{reference}.tflite", "sha256": None, "engine": "xnnpack", "library": "l"},
        "int8": {"path": f"/models/{name}.tflite", "sha256": sha(name), "size_bytes": 6_000_000},
        "data": {"id": "val", "sha256": "d" * 64, "count": 8}, "n": 8, "engines": {"xnnpack": engine}, "missing": {},
        "lsb_pairs": [], "operators": [], "layers": [layer], "layers_n": 2, "layers_engine": "builtin",
        "first_divergence": layer, "divergence_rule": "a rule", "rounding_rule": "a rule", "blocks": blocks,
        "sensitivity": alone, "notes": [], "skipped": [], "versions": {}, "seconds": {}, "plot": None,
    }  # fmt: skip


def contract(name: str, **more: Any) -> dict[str, Any]:
    """Return a contract."""
    tensor = {"dtype": "int8", "shape": [1, 224, 224, 3], "scale": 1.0, "zero_point": 0}
    golden = {
        "image_png_base64": "x" * 1000, "image_size_px": [1, 1], "input_sha256": "e" * 64, "output_zlib_base64": "",
        "top1": 0, "engine": "reference",
    }  # fmt: skip
    base = {
        key: value
        for key, value in conversion(name).items()
        if key in ("model", "precision", "recipe", "weights", "tools")
    }
    return {
        "schema_version": 1, **base, "preprocessing": {"resolution_px": 224, "crop_fraction": 0.875, "resample": "bicubic"},
        "input_rule": "int8 = pixel - 128", "normalisation_inside": {"mean": [1.0], "std": [2.0]},
        "output_rule": "logits", "labels": ["cat", "dog"], "io": {"input": tensor, "output": tensor},
        "calibration": {"id": "train", "sha256": "c" * 64, "count": 300, "files_sha256": ["e" * 64]}, "file": f"{name}.tflite",
        "sha256": sha(name), "golden": [golden], **more,
    }  # fmt: skip


def profile(name: str, *, counted: bool = False) -> dict[str, Any]:
    """Return a record of `profile` with three operators, and eleven small ones of other kinds, timed or counted."""
    rows = (
        ("stem_conv", "stem conv", "stem", "stem", 100.0, 10_000_000, 500_000),
        ("block1a_expand", "pointwise expand", "block1a", "expand", 300.0, 60_000_000, 800_000),
        ("block1a_swish", "swish", "block1a", "swish", 50.0, 0, 400_000),
        *(
            (f"block2a_{index}", f"a kind with number {index}", "block2a", "other", 1.0, 0, 1000)
            for index in range(11)
        ),
    )
    rates: dict[str, Any] = {
        "gmacs_per_s": None, "gbytes_per_s": None, "intensity": None, "share_of_peak": None, "share_of_bandwidth": None,
        "roof": None, "share_of_roof": None,
    }  # fmt: skip
    operators = [
        {**rates, "index": index, "name": operator, "kind": kind, "block": block, "part": part,
         "op": "CONV_2D", "op_indices": [index], "kernel": None, "us": None if counted else us, "share": None, "macs": macs,
         "bytes": size, "int8": True, "instructions": int(us * 1000) if counted else None, "reason": None}
        for index, (operator, kind, block, part, us, macs, size) in enumerate(rows)
    ]  # fmt: skip
    peak = {
        "int8_gmacs_per_s": 220.0,
        "float32_gmacs_per_s": 60.0,
        "gbytes_per_s": 10.0,
        "cached_gbytes_per_s": 100.0,
    }
    return {
        "schema_version": 1, "model": f"/models/{name}.tflite", "sha256": sha(name), "size_bytes": 6_000_000,
        "engine": "xnnpack", "target": "arm64:cortex-a76" if counted else "local", "threads": 1, "cpus": [],
        "timing": "none" if counted else "measured", "means": "counter" if counted else "profiler", "runtime": "l", "host": HOST, "device": HOST, "method": "m",
        "total_us": None if counted else 461.0, "whole_us": None if counted else 465.0, "watched_us": None,
        "parts_to_whole": None, "fits": None, "runs": None if counted else 40, "attempts": [],
        "instructions": 461_000 if counted else None, "macs": 70_000_000, "bytes": 1_700_000,
        "peak": {**peak, "method": None}, "operators": operators, "kinds": [], "parts": [], "blocks": [], "notices": [],
    }  # fmt: skip


def save(folder: Path, **records: dict[str, Any]) -> Path:
    """Write records as NAME.json into a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, record in records.items():
        (folder / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
    return folder
