"""The steps of `collapse.py`: each measures one thing; `Workbench.step` keeps what it found."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from collapse_bench import AFTER, BATCH, BEFORE, QAT
from collapse_studies import (
    BEND,
    kind_study,
    softmax_ties,
    spread_of,
    tensor_study,
    with_corrected_biases,
)

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.calibrate import split
from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.inspect import read_model
from edge_effnet.progress import Silent
from edge_effnet.quantize.ptq import Settings, quantize_by_reconstruction
from edge_effnet.runtimes import LocalModel
from edge_effnet.tune.judge import judge
from edge_effnet.verify import rebuild, verify
from edge_effnet.verify.stats import sqnr_db, top1_agreement
from edge_effnet.verify.subjects import open_integer

if TYPE_CHECKING:
    from pathlib import Path

    from collapse_bench import Workbench

    from edge_effnet.calibrate import CalibrationFeed
    from edge_effnet.models.graph import Graph
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["blocks", "cause", "kinds", "ladder", "ties", "trials"]

RECIPES: Final = ("minmax", BEFORE, "ranges", "bias", "equalise", AFTER)
NARROWED: Final = "ranges"
"""The recipe whose biases are corrected as an experiment."""

_FEW: Final = 32
_TENSOR_PICTURES: Final = 16
_SENSITIVITY_PICTURES: Final = 8
_LAYER_PICTURES: Final = 4
_WIDEST: Final = 5


def ladder(bench: Workbench) -> list[dict[str, Any]]:
    """Judge every recipe on the labelled pictures, and the trained file where there is one."""
    rows = []
    for name in (*RECIPES, *((QAT,) if bench.inputs.qat else ())):
        made = bench.make(name)
        more = {"sha256": made["sha256"], "labelled": bench.names}
        verdict = bench.step(f"judge-{name}", more, partial(_judge, bench, name))
        rows.append({"name": name, **verdict, **made})
    return rows


def _judge(bench: Workbench, name: str) -> dict[str, Any]:
    return asdict(judge(bench.file(name), bench.twin, bench.labelled, Silent()))


def kinds(bench: Workbench) -> list[dict[str, Any]]:
    """What each kind of tensor costs alone, on held-out pictures."""
    more = {"sha256": bench.make(BEFORE)["sha256"]}
    return list(bench.step("kinds", more, lambda: kind_study(*_both(bench), bench.held_out)))


def _both(bench: Workbench) -> tuple[Graph, QuantizedGraph]:
    return bench.prepared.folded, rebuild(read_model(bench.file(BEFORE))).quantized


def cause(bench: Workbench) -> dict[str, Any]:
    """Look at the tensor that costs most: its values on the calibration pictures, and its grids."""
    before, after = (bench.make(name)["sha256"] for name in (BEFORE, AFTER))
    return dict(bench.step("cause", {"before": before, "after": after}, partial(_cause, bench)))


def _cause(bench: Workbench) -> dict[str, Any]:
    graph, quantized = _both(bench)
    ranked = tensor_study(graph, quantized, bench.held_out[:_TENSOR_PICTURES])
    name = ranked[0]["name"]
    spread = spread_of(graph, name, bench.feeds[0].batches(BATCH), bench.inputs.seed)
    after = open_integer(bench.file(AFTER))
    factors = after.factors.get(name, np.ones(len(spread.lows), np.float32))
    steps = (quantized.grids[name].scale, rebuild(after.model).quantized.grids[name].scale)
    widths = spread.highs - spread.lows
    order = np.argsort(-widths, kind="stable")
    return {
        "tensor": name,
        "n": spread.n,
        "tensors": ranked,
        "minimum": float(spread.lows.min()),
        "maximum": float(spread.highs.max()),
        "inner": list(spread.inner),
        "bend": BEND,
        "step_before": steps[0],
        "steps_after": (np.sort(factors) * steps[1]).tolist(),
        "channels": [
            {
                "channel": int(channel),
                "minimum": float(spread.lows[channel]),
                "maximum": float(spread.highs[channel]),
                "factor": float(factors[channel]),
            }
            for channel in order
        ],
        "widest": _WIDEST,
    }


def blocks(bench: Workbench) -> dict[str, Any]:
    """Compare block by block, before and after, on labelled pictures that no file was made from."""
    names = (BEFORE, AFTER, *((QAT,) if bench.inputs.qat else ()))
    probes = bench.labelled.limited(bench.inputs.counts.probes)
    path = bench.cache / "probes.npy"
    pixels = [probes.load(index, bench.prepared.preprocessing) for index in range(len(probes))]
    np.save(path, np.stack(pixels))
    found = {}
    for name in names:
        more = {"sha256": bench.make(name)["sha256"], "probes": sha256_of_file(path)}
        found[name] = bench.step(f"verify-{name}", more, partial(_verify, bench, name, path))
    return {"files": found, "n": len(pixels)}


def _verify(bench: Workbench, name: str, probes: Path) -> dict[str, Any]:
    record = verify(
        f"keras:{bench.inputs.model}:{bench.inputs.weights}",
        bench.file(name),
        probes,
        engines=("xnnpack",),
        limit=bench.inputs.counts.probes,
        layer_images=_LAYER_PICTURES,
        sensitivity_images=_SENSITIVITY_PICTURES,
    ).to_record()
    outputs = {block["name"]: block["sqnr_db"] for block in record["blocks"]}
    blocks = [
        {"name": row["name"], "alone_db": row["sqnr_db"], "output_db": outputs.get(row["name"])}
        for row in record["sensitivity"]
    ]
    engine = record["engines"]["xnnpack"]
    return {
        "sqnr_db": engine["sqnr_db"],
        "agreement": engine["top1_agreement"],
        "n": record["n"],
        "layers_n": record["layers_n"],
        "sensitivity_n": record["sensitivity"][0]["n"],
        "blocks": blocks,
    }


def trials(bench: Workbench) -> list[dict[str, Any]]:
    """Judge what is tried beside the recipes, and three recipes, on held-out pictures."""
    rows = []
    for name in (BEFORE, NARROWED, AFTER):
        more = {"sha256": bench.make(name)["sha256"]}
        found = bench.step(f"held-out-{name}", more, partial(_on_held_out, bench, bench.file(name)))
        rows.append({"name": f"recipe `{name}`", **found})
    narrowed = {"sha256": bench.make(NARROWED)["sha256"]}
    direct, unfitted = Settings(refit=False, equalise=False, ranges="minmax"), Settings(refit=False)
    tried = (
        (f"`{BEFORE}` on {_FEW} pictures", asdict(direct), partial(_try, bench, direct, _FEW)),
        ("searched ranges and equalisation, no refit", asdict(unfitted), partial(_try, bench, unfitted)),
        (f"`{NARROWED}`, then every bias moved by the mean error", narrowed, partial(_correct_biases, bench)),
    )
    for number, (name, more, measure) in enumerate(tried):
        found = bench.step(f"trial-{number}", {"name": name, **more}, measure)
        rows.append({"name": name, **found})
    return rows


def _first(bench: Workbench, count: int) -> CalibrationFeed:
    """Return the calibration pictures, a few of them."""
    used = bench.feeds[0]
    return split(used, 1 - count / used.count)[0] if used.count > count else used


def _try(bench: Workbench, settings: Settings, count: int | None = None) -> dict[str, Any]:
    feed = _first(bench, count) if count else bench.feeds[0]
    quantized = quantize_by_reconstruction(bench.prepared.folded, feed, settings, Silent())
    return _on_held_out(bench, tflite_from_quantized(quantized))


def _correct_biases(bench: Workbench) -> dict[str, Any]:
    pixels = np.concatenate(list(_first(bench, _FEW).batches(BATCH)))
    quantized = rebuild(read_model(bench.file(NARROWED))).quantized
    moved = with_corrected_biases(bench.prepared.folded, quantized, pixels)
    return _on_held_out(bench, tflite_from_quantized(moved))


def _on_held_out(bench: Workbench, model: Path | bytes) -> dict[str, Any]:
    local = LocalModel(model)
    given = np.stack([local.logits(picture) for picture in bench.held_out])
    wanted = bench.held_out_logits
    noise, same = sqnr_db(wanted, given), top1_agreement(wanted, given)
    return {"sqnr_db": noise, "agreement": same, "n": len(given)}


def ties(bench: Workbench) -> dict[str, Any]:
    """How often an int8 softmax would tie the first place, on the labelled pictures; `ladder` comes first."""

    def measure() -> dict[str, Any]:
        logits = np.stack(list(bench.twin.rows.values()))
        return {"percent": softmax_ties(logits), "n": len(logits)}

    return dict(bench.step("ties", {"labelled": bench.names}, measure))
