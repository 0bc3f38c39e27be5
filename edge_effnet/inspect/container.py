"""Reads what the Edge TPU compiler left in a `*_edgetpu.tflite`: the packages inside its custom operators.

References:
    google-coral/libedgetpu, executable/executable.fbs: tables Package, MultiExecutable, Executable, Layer; the slots below
    are the places of their fields.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import DataError
from edge_effnet.inspect.container_bytes import Table, damaged, map_from_flexbuffer, root_table
from edge_effnet.inspect.graph import read_model
from edge_effnet.inspect.kinds import EDGETPU_CUSTOM_OP

if TYPE_CHECKING:
    from edge_effnet.inspect.records import Model

__all__ = ["Container", "Executable", "Interface", "Package", "container_from_model", "read_container"]

_IDENTIFIER: Final = b"DWN1"
_PACKAGE_KEY: Final = "4"
"""Key of the package in the custom operator's options; 6 and 7 hold those of further chips."""

_MAX_PACKAGES: Final = 64
TYPES: Final = ("STAND_ALONE", "PARAMETER_CACHING", "EXECUTION_ONLY")
"""What an executable is: all in one, or the loading of the cached parameters apart from the inference."""


@dataclass(frozen=True)
class Interface:
    """One tensor that goes to or comes from the Edge TPU.

    Attributes:
        name: As in the model.
        shape: ``(height, width, channels)``.
        size_bytes: With padding.
        data_type: The chip's number of its type; 0 is 8 bits with a zero point.
        zero_point: Of the tensor.
        scale: Of the tensor; None where the file has none.
    """

    name: str
    shape: tuple[int, int, int]
    size_bytes: int
    data_type: int
    zero_point: int
    scale: float | None

    def __str__(self) -> str:
        """Return it as one word: ``input[224x224x3]=150528B/t0``."""
        shape = "x".join(map(str, self.shape))
        return f"{self.name}[{shape}]={self.size_bytes}B/t{self.data_type}"


@dataclass(frozen=True)
class Executable:
    """One program for the chip.

    Attributes:
        kind: A row of `TYPES`.
        parameter_bytes: Parameters that come with it.
        instruction_bytes: Its instructions.
        narrow_bytes_per_tile: Activation memory that it uses in each of the 16 tiles.
        scratch_bytes: Memory of the host that it spills to.
        dma_hints: Transfers that are known beforehand.
        deterministic: Whether these are all.
        batch: Images at a time.
        chip: What it was compiled for.
        token: Equal in models that were compiled to share the cache.
        cycles, cycles_32: The compiler's estimate; 0 in most versions.
        inputs, outputs: What it exchanges.
    """

    kind: str
    parameter_bytes: int
    instruction_bytes: int
    narrow_bytes_per_tile: int
    scratch_bytes: int
    dma_hints: int
    deterministic: bool
    batch: int
    chip: str
    token: int
    cycles: int
    cycles_32: int
    inputs: tuple[Interface, ...]
    outputs: tuple[Interface, ...]


@dataclass(frozen=True)
class Package:
    """What one custom operator holds.

    Attributes:
        op_index: The operator.
        min_runtime: First Edge TPU runtime that can run it.
        compiler: The compiler's own version text, mostly blank.
        executables: At least one.
    """

    op_index: int
    min_runtime: int
    compiler: str
    executables: tuple[Executable, ...]

    @property
    def run(self) -> Executable:
        """The program of one inference."""
        return next((one for one in self.executables if one.kind != TYPES[1]), self.executables[0])

    def total(self, field: str, *, cached: bool) -> int:
        """Return the sum of a field over the executables that load the cache, or over those that run."""
        return sum(getattr(one, field) for one in self.executables if (one.kind == TYPES[1]) == cached)

    @property
    def cached_bytes(self) -> int:
        """Parameters that stay on the chip."""
        return self.total("parameter_bytes", cached=True)

    @property
    def streamed_bytes(self) -> int:
        """Parameters that travel at each inference."""
        return self.total("parameter_bytes", cached=False)


@dataclass(frozen=True)
class Container:
    """A compiled model.

    Attributes:
        file: Its name.
        size_bytes: Its size.
        cpu_ops: Operators that are left for the CPU, by name and in order.
        packages: One per custom operator, at least one.
    """

    file: str
    size_bytes: int
    cpu_ops: tuple[str, ...]
    packages: tuple[Package, ...]

    def columns(self, number: int = 0) -> dict[str, Any]:
        """Return one package, flat: the ``edgetpu`` of `inspect --json`."""
        package = self.packages[number]
        run = package.run
        return {
            "file": self.file,
            "size": self.size_bytes,
            "pkg": number,
            "n_tpu_ops": len(self.packages),
            "cpu_ops": len(self.cpu_ops),
            "min_rt": package.min_runtime,
            "compiler": package.compiler,
            "exec": run.kind,
            "cached_params": package.cached_bytes,
            "streamed_params": package.streamed_bytes,
            "instr_run": package.total("instruction_bytes", cached=False),
            "instr_cache": package.total("instruction_bytes", cached=True),
            "narrow_per_tile": run.narrow_bytes_per_tile,
            "scratch": run.scratch_bytes,
            "dma_hints": run.dma_hints,
            "est64": run.cycles,
            "est32": run.cycles_32,
            "chip": run.chip,
            "batch": run.batch,
            "inputs": ";".join(map(str, run.inputs)),
            "outputs": ";".join(map(str, run.outputs)),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the ``container`` of `edgetpu compile --json`: the columns of the first package, and what they leave out."""
        return {
            **self.columns(),
            "cpu_op_names": list(self.cpu_ops),
            "packages": [
                {**self.columns(number), "op_index": package.op_index, "token": f"{package.run.token:016x}",
                 "deterministic": package.run.deterministic,
                 "io": {side: [vars(one) for one in getattr(package.run, side)] for side in ("inputs", "outputs")}}
                for number, package in enumerate(self.packages)
            ],
        }  # fmt: skip


def read_container(path: str | Path) -> Container:
    """Read a compiled model.

    Raises:
        DataError: It is missing, damaged, or not compiled.
    """
    found = container_from_model(read_model(path), Path(path).name)
    if found is None:
        raise DataError(
            "the model is not compiled for the Edge TPU",
            got=path,
            allowed=f"a file with an operator {EDGETPU_CUSTOM_OP}",
            hint=f"edge-effnet edgetpu compile {path} -o DIR",
        )
    return found


def container_from_model(model: Model, file: str) -> Container | None:
    """Read the packages of a model; None where it has none.

    Raises:
        DataError: A package is damaged.
    """
    operators = [
        one for one in model.main.operators if one.name == EDGETPU_CUSTOM_OP and one.kind == "custom"
    ]
    if not operators:
        return None
    if len(operators) > _MAX_PACKAGES:
        raise damaged("it has too many packages to be honest", got=len(operators))
    packages = tuple(_package(one.index, one.custom_options.data.cast("B")) for one in operators)
    rest = tuple(one.name for one in model.main.operators if one not in operators)
    return Container(file, model.size_bytes, rest, packages)


def _package(op_index: int, options: memoryview) -> Package:
    content = map_from_flexbuffer(options).get(_PACKAGE_KEY)
    if not isinstance(content, memoryview):
        raise damaged("the custom operator holds no package", got=f"operator {op_index}")
    package = root_table(content, _IDENTIFIER)
    serialized = package.blob(1)
    if not serialized:
        raise damaged("a package holds no executables", got=f"operator {op_index}")
    executables = tuple(_executable(root_table(one)) for one in root_table(serialized).blobs(0))
    if not executables:
        raise damaged("a package holds no executables", got=f"operator {op_index}")
    return Package(op_index, package.number(0), package.text(4), executables)


def _executable(table: Table) -> Executable:
    kind, hints = table.number(13, "<h"), table.table(7)
    if not 0 <= kind < len(TYPES):
        raise damaged("an executable of an unknown type", got=kind)
    return Executable(
        kind=TYPES[kind],
        parameter_bytes=len(table.blob(6)),
        instruction_bytes=sum(len(stream.blob(0)) for stream in table.tables(5)),
        narrow_bytes_per_tile=table.number(12),
        scratch_bytes=table.number(4),
        dma_hints=0 if hints is None else hints.count(0),
        deterministic=hints is not None and bool(hints.number(1, "<B")),
        batch=table.number(3),
        chip=table.text(10),
        token=table.number(14, "<Q"),
        cycles=table.number(16, "<q"),
        cycles_32=table.number(11),
        inputs=tuple(map(_interface, table.tables(8))),
        outputs=tuple(map(_interface, table.tables(9))),
    )


def _interface(table: Table) -> Interface:
    numerics = table.table(5)
    scale = None
    if numerics is not None:
        (scale,) = struct.unpack("<f", struct.pack("<I", numerics.number(1, "<I")))
    return Interface(
        name=table.text(0),
        shape=(table.number(2), table.number(3), table.number(4)),
        size_bytes=table.number(1),
        data_type=table.number(6, "<h"),
        zero_point=0 if numerics is None else numerics.number(0),
        scale=scale if scale is not None and math.isfinite(scale) else None,
    )
