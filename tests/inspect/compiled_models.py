"""Builds small compiled files, in the layout that the Edge TPU compiler leaves."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from build_model import Sketch
from flatbuffers import flexbuffers


def _pack_table(builder: flatbuffers.Builder, fields: dict[int, tuple[str, Any]]) -> int:
    builder.StartObject(max(fields) + 1)
    for slot, (kind, value) in fields.items():
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def executable(kind: int, parameters: int, narrow: int = 100, token: int = 7) -> bytes:
    """Return an executable: its kind (0 alone, 1 loads the cache, 2 runs), and bytes of parameters."""
    builder = flatbuffers.Builder(256)
    numerics = _pack_table(builder, {0: ("Int32", 3), 1: ("Float32", 0.5)})
    name, chip = builder.CreateString("pixels"), builder.CreateString("beagle")
    layer = _pack_table(
        builder,
        {0: ("offset", name), 1: ("Int32", 64), 2: ("Int32", 4), 3: ("Int32", 4), 4: ("Int32", 3), 5: ("offset", numerics)},
    )  # fmt: skip
    blob = builder.CreateByteVector(bytes(parameters))
    stream = _pack_table(builder, {0: ("offset", builder.CreateByteVector(bytes(32)))})
    streams, layers = _vector(builder, [stream]), _vector(builder, [layer])
    builder.Finish(
        _pack_table(
            builder,
            {3: ("Int32", 1), 5: ("offset", streams), 6: ("offset", blob), 8: ("offset", layers), 9: ("offset", layers),
             10: ("offset", chip), 12: ("Int32", narrow), 13: ("Int16", kind), 14: ("Uint64", token)},
        )
    )  # fmt: skip
    return bytes(builder.Output())


def package(executables: list[bytes]) -> bytes:
    """Return a package of executables."""
    inner = flatbuffers.Builder(256)
    offsets = [inner.CreateByteVector(one) for one in executables]
    inner.Finish(_pack_table(inner, {0: ("offset", _vector(inner, offsets))}))
    builder = flatbuffers.Builder(256)
    content, version = builder.CreateByteVector(bytes(inner.Output())), builder.CreateString("cl/")
    builder.Finish(
        _pack_table(builder, {0: ("Int32", 14), 1: ("offset", content), 4: ("offset", version)}),
        file_identifier=b"DWN1",
    )
    return bytes(builder.Output())


def compiled(options: list[bytes]) -> bytes:
    """Return a model of compiled operators, one after the other, with these options."""
    sketch = Sketch()
    sketch.add_tensor("t0", [1, 4, 4, 3], scale=1.0)
    for number, content in enumerate(options):
        last = number + 1 == len(options)
        sketch.add_tensor(f"t{number + 1}", [1, 48] if last else [1, 4, 4, 3], scale=1.0)
        operator = sketch.add_operator("edgetpu-custom-op", [f"t{number}"], [f"t{number + 1}"])
        operator.customOptions = np.frombuffer(content, np.uint8)
    sketch.graph.inputs, sketch.graph.outputs = [0], [len(options)]
    return sketch.pack()


def flex(content: bytes) -> bytes:
    """Return the options of a compiled operator."""
    return bytes(flexbuffers.Dumps({"1": 0, "4": content, "5": -1}))
