"""The second half of a conversion: contract, metadata, gate, golden vectors, and the files, all or none."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.activation_map import activation_map_of_model
from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.convert.contract import (
    CONTRACT_NAME,
    SCHEMA_VERSION,
    append_archive,
    golden_vectors,
    tool_versions,
)
from edge_effnet.convert.converter import with_metadata
from edge_effnet.errors import GateError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit
from edge_effnet.model_contract import Explain
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_effnet.activation_map import ActivationMap
    from edge_effnet.convert.outputs import Outputs
    from edge_effnet.convert.prepared import Prepared
    from edge_effnet.convert.request import ConvertRequest
    from edge_effnet.progress import Reporter

    Gate = Callable[[bytes], None]

__all__ = ["ConvertResult", "finish", "require_integer"]

_TOOLS: Final = ("ai-edge-litert", "tensorflow", "tf_keras", "numpy", "pillow")


@dataclass(frozen=True)
class ConvertResult:
    """What a conversion made; `record` is the document of ``convert --json``."""

    path: Path
    contract_path: Path
    record: dict[str, Any]
    notes: tuple[str, ...]


def finish(
    request: ConvertRequest,
    prepared: Prepared,
    model: bytes,
    choices: dict[str, Any],
    outputs: Outputs,
    reporter: Reporter,
    *,
    gate: Gate | None = None,
    notes: tuple[str, ...] = (),
) -> ConvertResult:
    """Give a model its contract, let the gate judge it, and write the files.

    Args:
        request: What was asked for.
        prepared: What the model was made from.
        model: The .tflite as it was written, without metadata.
        choices: Added to the contract, such as ``channel_factors``; a ``recipe`` replaces that of the request.
        outputs: Where to write.
        reporter: Told about the golden vectors; its times go into the record.
        notes: Added to those of the network.
        gate: Refuses the finished bytes; the full-integer audit where None and the request is for integers.

    Raises:
        GateError: The result is not what was asked for.
    """
    contract = _contract(request, prepared, choices)
    contract["io"] = _io_record(model)
    content = append_archive(with_metadata(model, {CONTRACT_NAME: json.dumps(contract).encode()}), contract)
    if gate is not None:
        gate(content)
    elif request.integer:
        require_integer(content, request.io)
    with reporter.stage("golden"):
        golden = golden_vectors(LocalModel(content), prepared.preprocessing, _maps(content, contract))
    return _leave(outputs, reporter, content, contract, golden, (*prepared.built.notes, *notes))


def _maps(content: bytes, contract: dict[str, Any]) -> ActivationMap | None:
    """Return what makes class activation maps of this model, if it was written with features."""
    said = contract.get("explain")
    if said is None:
        return None
    return activation_map_of_model(
        read_model_bytes(content), Explain(said["features_output"], said["weights"])
    )


def _contract(request: ConvertRequest, prepared: Prepared, choices: dict[str, Any]) -> dict[str, Any]:
    built, feed, labels = prepared.built, prepared.feed, prepared.labels
    calibration = None if feed is None else {**feed.to_record(), "files_sha256": list(feed.files_sha256)}
    return {
        "schema_version": SCHEMA_VERSION,
        "model": {
            "id": built.id,
            "resolution_px": built.resolution_px,
            "activation": request.activation,
            "squeeze_excite": request.squeeze_excite,
        },
        "precision": request.precision,
        "recipe": request.recipe if request.integer else None,
        "preprocessing": prepared.preprocessing.to_record(),
        "input_rule": "int8 = pixel - 128; uint8 = pixel; float32 = pixel as 0..255; RGB; the normalisation is inside the model",
        "normalisation_inside": {
            "mean": list(built.normalisation.mean),
            "std": list(built.normalisation.std),
        },
        "output_rule": "logits; top-1 is the largest, the lowest index wins a tie; softmax is the reader's",
        "labels": None if labels is None else list(labels),
        "weights": asdict(built.weights),
        "calibration": calibration,
        "tools": tool_versions(_TOOLS),
        **choices,
    }


def _io_record(model: bytes) -> dict[str, Any]:
    main = read_model_bytes(model).main
    sides = {"input": main.input_tensors[0], "output": main.output_tensors[0]}
    return {
        side: {
            "dtype": tensor.type.lower(),
            "shape": list(tensor.shape),
            "scale": tensor.scale,
            "zero_point": tensor.zero_point,
        }
        for side, tensor in sides.items()
    }


def require_integer(content: bytes, io: str) -> None:
    """Refuse a model that is not integers from end to end.

    Raises:
        GateError: An error was found; the message has the first.
    """
    result = audit(read_model_bytes(content), io=io)  # type: ignore[arg-type]  # checked by the request
    if not result.full_integer:
        errors = [finding for finding in result.findings if finding.severity == "error"]
        raise GateError(
            f"the result is not full integer: {len(errors)} findings, the first: {errors[0].reason}",
            got=errors[0].tensor or errors[0].op,
            hint=errors[0].fix,
        )


def _leave(
    outputs: Outputs,
    reporter: Reporter,
    content: bytes,
    contract: dict[str, Any],
    golden: list[dict[str, Any]],
    notes: tuple[str, ...],
) -> ConvertResult:
    """Write the model and its contract, and describe them."""
    digest = sha256_of_bytes(content)
    beside = {**contract, "file": outputs.model.name, "sha256": digest, "golden": golden}
    outputs.write(content, beside, reporter)
    calibration = contract["calibration"]
    record = {
        "schema_version": SCHEMA_VERSION,
        "path": str(outputs.model),
        "sha256": digest,
        "size_bytes": len(content),
        "model": contract["model"],
        "precision": contract["precision"],
        "recipe": contract["recipe"],
        "weights": contract["weights"],
        "calibration": calibration and {key: calibration[key] for key in ("id", "sha256", "count")},
        "io": contract["io"],
        "contract": str(outputs.contract),
        "seconds": {stage: round(seconds, 3) for stage, seconds in reporter.seconds.items()},
        "peak_rss_bytes": _peak_rss_bytes(),
        "tools": contract["tools"],
        "notes": list(notes),
    }
    return ConvertResult(outputs.model, outputs.contract, record, notes)


def _peak_rss_bytes() -> int:
    """Largest resident memory of this process so far; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
