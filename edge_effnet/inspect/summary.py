"""Everything that `inspect` says about one file, as one record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import GateError
from edge_effnet.inspect.audit import Audit, audit
from edge_effnet.inspect.container import Container, container_from_model
from edge_effnet.inspect.cost import Cost, Layer, cost_from_model
from edge_effnet.inspect.graph import read_model

if TYPE_CHECKING:
    from edge_effnet.inspect.findings import Interface
    from edge_effnet.inspect.records import Model, Tensor

__all__ = ["SCHEMA_VERSION", "Inspection", "inspect_file", "largest_layers"]

SCHEMA_VERSION = 1
"""Version of the record of `inspect --json`; it grows when a key changes its meaning or goes."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """One inspected file.

    Attributes:
        path: The file.
        sha256: Of the whole file.
        model: What it holds.
        audit: What is the matter with it.
        cost: What it costs.
        container: What the Edge TPU compiler left in it; None where it is not compiled.
    """

    path: Path
    sha256: str
    model: Model
    audit: Audit
    cost: Cost
    container: Container | None = None

    def require_full_integer(self) -> None:
        """Hold the gate.

        Raises:
            GateError: The audit has errors.
        """
        errors = [finding for finding in self.audit.findings if finding.severity == "error"]
        if errors:
            first = errors[0]
            raise GateError(
                f"not full integer: {len(errors)} error{'s' * (len(errors) > 1)}",
                got=f"{first.op or 'model'}: {first.reason}",
                hint=f"{first.fix}; --no-gate inspects without judging",
            )

    def as_json(self, *, layers: int | None = None) -> dict[str, Any]:
        """Return the record of `inspect --json`.

        Args:
            layers: How many layers, the largest first; None = all, in order.
        """
        graph, cost = self.model.main, self.cost
        chosen = cost.layers if layers is None else largest_layers(cost, layers)
        return {
            "schema_version": SCHEMA_VERSION,
            "path": str(self.path),
            "sha256": self.sha256,
            "size_bytes": self.model.size_bytes,
            "full_integer": self.audit.full_integer,
            "declared_io": self.audit.interface,
            "findings": [finding.as_json() for finding in self.audit.findings],
            "ops": dict(cost.operators),
            "macs": {"total": cost.macs, "int8": cost.int8_macs},
            "macs_by_op": {
                name: {"total": total, "int8": int8}
                for name, (total, int8) in cost.macs_by_operator().items()
            },
            "inputs": [_tensor_json(tensor) for tensor in graph.input_tensors],
            "outputs": [_tensor_json(tensor) for tensor in graph.output_tensors],
            "layers": [_layer_json(layer) for layer in chosen],
            "other_bytes": cost.other_bytes,
            "metadata": sorted(self.model.metadata),
            "description": self.model.description,
            "edgetpu": None if self.container is None else self.container.columns(),
            "edgetpu_packages": [] if self.container is None else self.container.as_json()["packages"],
        }


def inspect_file(path: str | Path, *, io: Interface = "auto") -> Inspection:
    """Read, audit and count one .tflite file.

    Args:
        path: The file.
        io: What its inputs and outputs are declared to be.

    Raises:
        DataError: The file is missing, not a TFLite model, or damaged.
    """
    model = read_model(path)
    return Inspection(
        Path(path),
        sha256_of_file(Path(path)),
        model,
        audit(model, io=io),
        cost_from_model(model),
        container_from_model(model, Path(path).name),
    )


def largest_layers(cost: Cost, count: int) -> tuple[Layer, ...]:
    """Return the ``count`` layers with the most bytes, the largest first."""
    return tuple(sorted(cost.layers, key=lambda layer: (-layer.size_bytes, layer.op_index))[:count])


def _tensor_json(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "dtype": tensor.type.lower(),
        "shape": list(tensor.shape),
        "shape_signature": list(tensor.shape_signature) or list(tensor.shape),
        "scale": tensor.scale if tensor.scale is not None and math.isfinite(tensor.scale) else None,
        "zero_point": tensor.zero_point,
    }


def _layer_json(layer: Layer) -> dict[str, Any]:
    return {
        "op_index": layer.op_index,
        "op": layer.op,
        "name": layer.name,
        "shape": list(layer.shape),
        "size_bytes": layer.size_bytes,
        "macs": layer.macs,
        "int8": layer.int8,
    }
