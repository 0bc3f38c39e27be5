"""Looking into a .tflite file with nothing but TensorFlow Lite's own schema."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ai_edge_litert import schema_py_generated as schema

RESOLUTION_PX = {"b0": 64, "lite0": 64, "v2-b0": 75, "edgetpu-s": 64}
"""Variants that are written whole; the same sides as other tests use, so that each network is built once."""

_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def root_of(content: bytes) -> Any:
    """Return the schema's view of a model."""
    return schema.Model.GetRootAs(content, 0)


def census(content: bytes) -> dict[str, int]:
    """Count the operators of a model by name."""
    model = root_of(content)
    graph = model.Subgraphs(0)
    codes = [
        model.OperatorCodes(graph.Operators(index).OpcodeIndex()).BuiltinCode()
        for index in range(graph.OperatorsLength())
    ]
    return dict(sorted(Counter(_NAMES[code] for code in codes).items()))


def buffer_starts(content: bytes) -> list[int]:
    """Return where in the file the content of every buffer begins that has one."""
    model = root_of(content)
    tables = [model.Buffers(index)._tab for index in range(model.BuffersLength())]
    return [table.Vector(table.Offset(4)) for table in tables if table.Offset(4)]


def metadata(content: bytes) -> dict[str, bytes]:
    """Return the named blobs inside a model."""
    model = root_of(content)
    entries = [model.Metadata(index) for index in range(model.MetadataLength())]
    return {entry.Name().decode(): model.Buffers(entry.Buffer()).DataAsNumpy().tobytes() for entry in entries}


def tensors(content: bytes) -> list[Any]:
    """Return every tensor of the one subgraph."""
    graph = root_of(content).Subgraphs(0)
    return [graph.Tensors(index) for index in range(graph.TensorsLength())]
