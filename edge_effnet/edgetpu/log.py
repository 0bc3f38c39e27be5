"""Reads what the Edge TPU compiler writes, versions 2 to 16: its summary, its tables of operators, its complaints.

References:
    Logs in public issues of google-coral/edgetpu; compilers before 16 say "available" where later ones say "remaining".
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.edgetpu.complaints import COMPLAINTS, Complaint
from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CompilerLog", "ModelLog", "OperatorRow", "merged", "read_log"]

_MAX_LINES: Final = 200_000
_MAX_DIGITS: Final = 15

_UNITS: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True)
class OperatorRow:
    """One row of the table of operators.

    Attributes:
        op: Kind of operator.
        count: How many.
        status: What became of them, in the compiler's words.
    """

    op: str
    count: int
    status: str

    @property
    def mapped(self) -> bool:
        """Whether they run on the Edge TPU."""
        return self.status.startswith("Mapped to")


@dataclass(frozen=True)
class ModelLog:
    """What the compiler says of one model; None where it does not say.

    Attributes:
        input: The file that it was given.
        output: The file that it wrote.
        input_bytes, output_bytes: Their sizes, as rounded as the log has them, like all sizes here.
        on_chip_used_bytes: Parameters that stay on the chip.
        on_chip_remaining_bytes: What is left for more.
        on_chip_available_bytes: What there was before; only compilers 2 to 15 tell.
        off_chip_bytes: Parameters that travel at each inference.
        subgraphs: Parts on the Edge TPU.
        operations: Operators in all.
        tpu_operations, cpu_operations: Where they run.
        operation_log: The file with the table.
        operators: The table.
        steps: Field -> the smallest step that its text can tell, in bytes.
    """

    input: str | None = None
    output: str | None = None
    input_bytes: int | None = None
    output_bytes: int | None = None
    on_chip_used_bytes: int | None = None
    on_chip_remaining_bytes: int | None = None
    on_chip_available_bytes: int | None = None
    off_chip_bytes: int | None = None
    subgraphs: int | None = None
    operations: int | None = None
    tpu_operations: int | None = None
    cpu_operations: int | None = None
    operation_log: str | None = None
    operators: tuple[OperatorRow, ...] = ()
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def mapped(self) -> int | None:
        """Operators on the Edge TPU, from whatever the log tells them by."""
        if self.tpu_operations is not None:
            return self.tpu_operations
        if self.operators:
            return sum(row.count for row in self.operators if row.mapped)
        return self.operations  # the short summary is that of a model that is mapped whole

    def as_json(self) -> dict[str, Any]:
        """Return it without what is only for comparing."""
        return {key: value for key, value in asdict(self).items() if key != "steps"}


@dataclass(frozen=True)
class CompilerLog:
    """One run of the compiler.

    Attributes:
        version: The compiler's.
        elapsed_ms: How long it says that it took.
        timeout_s: The time limit that it names.
        succeeded: Whether it says so at the end; with --search_delegate failures come before a success.
        models: One per model that it was given, in the order in which it speaks of them.
        complaints: What it could not do.
        segments: Parts that it tried while searching for one that compiles.
    """

    version: str | None
    elapsed_ms: float | None
    timeout_s: float | None
    succeeded: bool
    models: tuple[ModelLog, ...]
    complaints: tuple[Complaint, ...]
    segments: int

    def as_json(self) -> dict[str, Any]:
        """Return the ``log`` of `edgetpu compile --json`."""
        return {
            **{key: getattr(self, key) for key in ("version", "elapsed_ms", "timeout_s", "succeeded", "segments")},
            "models": [model.as_json() for model in self.models],
            "complaints": [asdict(complaint) for complaint in self.complaints],
        }  # fmt: skip


def _malformed(what: str, line: str) -> DataError:
    return DataError(
        f"the compiler's log cannot be read: {what}",
        got=line[:200],
        hint="is this edgetpu_compiler? keep the log and report it",
    )


def _count(text: str, line: str) -> int:
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise _malformed("a number is expected", line)
    return int(digits)


def _size(text: str, line: str) -> tuple[int, float]:
    """Return bytes, and the step of its last digit in bytes."""
    match = re.fullmatch(r"(\d{1,12})(\.\d{1,6})?\s*(B|KiB|MiB|GiB)", text.strip())
    if match is None:
        raise _malformed("a size such as 6.89MiB is expected", line)
    whole, decimals, unit = match.groups()
    return round(float(whole + (decimals or "")) * _UNITS[unit]), _UNITS[unit] * 10.0 ** -len(
        (decimals or ".")[1:]
    )


_SIZES: Final = {
    "Input size": "input_bytes",
    "Output size": "output_bytes",
    "On-chip memory used for caching model parameters": "on_chip_used_bytes",
    "On-chip memory remaining for caching model parameters": "on_chip_remaining_bytes",
    "On-chip memory available for caching model parameters": "on_chip_available_bytes",
    "Off-chip memory used for streaming uncached model parameters": "off_chip_bytes",
}
_COUNTS: Final = {
    "Number of Edge TPU subgraphs": "subgraphs",
    "Total number of operations": "operations",
    "Number of operations that will run on Edge TPU": "tpu_operations",
    "Number of operations that will run on CPU": "cpu_operations",
}
_TEXTS: Final = {"Output model": "output", "Output": "output", "Operation log": "operation_log"}
_STARTS: Final = ("Input model", "Input")
"""Label of a line -> field; a model's part begins with a line of `_STARTS`."""

_VERSION: Final = re.compile(r"Edge TPU Compiler version ([\w.\-]{1,40})")
_DONE: Final = re.compile(r"Models? compiled successfully in (\d{1,12}(?:\.\d{1,6})?) ms")
_LIMIT: Final = re.compile(r"compilation timeout timer of (\d{1,9}(?:\.\d{1,6})?) seconds")
_HEADER: Final = re.compile(r"Operator\s+Count\s+Status\s*$")
_ROW: Final = re.compile(r"(\S{1,100})\s+(\d{1,9})\s+(\S.{0,300})$")


class _Reader:
    """Goes through the lines once."""

    def __init__(self) -> None:
        self.version: str | None = None
        self.elapsed_ms: float | None = None
        self.timeout_s: float | None = None
        self.succeeded = False
        self.complaints: list[Complaint] = []
        self.segments = 0
        self.models: list[dict[str, Any]] = []
        self._in_table = False

    def line(self, line: str) -> None:
        """Take one line, without its end."""
        if self._row(line) or not line.strip():
            return
        if match := _VERSION.search(line):
            self.version = match.group(1)
        elif match := _DONE.search(line):
            self.elapsed_ms, self.succeeded = float(match.group(1)), True
        elif match := _LIMIT.search(line):
            self.timeout_s = float(match.group(1))
        elif line.startswith("Compilation succeeded"):
            self.succeeded = True
        elif line.startswith("Try to compile segment"):
            self.segments += 1
        elif not self._field(line):
            self._complaint(line)

    def _row(self, line: str) -> bool:
        """Take a row of the table of operators; the table ends with the first line that is none."""
        if _HEADER.match(line.strip()):
            self._in_table = True
            self._model().setdefault("operators", [])
            return True
        if not self._in_table or not line.strip():
            return False
        match = _ROW.match(line.strip())
        if match is None:
            self._in_table = False
            return False
        op, count, status = match.groups()
        self._model()["operators"].append(OperatorRow(op, int(count), status.strip()))
        return True

    def _field(self, line: str) -> bool:
        label, colon, value = line.partition(":")
        label, value = label.strip(), value.strip()
        if not colon:
            return False
        if label in _STARTS:
            self._start(value)
        elif label in _SIZES:
            size, step = _size(value, line)
            model = self._model()
            model[_SIZES[label]] = size
            model["steps"] = {**model.get("steps", {}), _SIZES[label]: step}
        elif label in _COUNTS:
            self._model()[_COUNTS[label]] = _count(value, line)
        elif label in _TEXTS:
            self._model()[_TEXTS[label]] = value
        else:
            return False
        return True

    def _start(self, name: str) -> None:
        """Begin a model's part, or go on with it: with -s the table names the file again."""
        known = [model for model in self.models if model.get("input") == name and "operators" not in model]
        if known:
            self.models.remove(known[0])
        self.models.append(known[0] if known else {"input": name})

    def _model(self) -> dict[str, Any]:
        if not self.models:
            self.models.append({})
        return self.models[-1]

    def _complaint(self, line: str) -> None:
        for pattern, cause, fix in COMPLAINTS:
            if pattern.search(line):
                self.complaints.append(Complaint(line.strip()[:300], cause, fix))
                self.succeeded = False
                return


def read_log(text: str) -> CompilerLog:
    """Read what the compiler wrote on stdout and stderr, or its file of operators.

    Raises:
        DataError: It is not such a text, or its figures contradict each other.
    """
    reader, lines = _Reader(), text.splitlines()
    if len(lines) > _MAX_LINES:
        raise _malformed("it is far too long", f"{len(lines):,} lines")
    for line in lines:
        reader.line(line)
    models = tuple(
        ModelLog(**{**fields, "operators": tuple(fields.get("operators", ()))}) for fields in reader.models
    )
    if reader.version is None and not models and not reader.complaints:
        raise _malformed("nothing in it is the Edge TPU compiler's", text.strip()[:200])
    for model in models:
        _check(model)
    return CompilerLog(
        version=reader.version,
        elapsed_ms=reader.elapsed_ms,
        timeout_s=reader.timeout_s,
        succeeded=reader.succeeded,
        models=models,
        complaints=tuple(reader.complaints),
        segments=reader.segments,
    )


def _check(model: ModelLog) -> None:
    """Hold the counts against each other."""
    tpu, cpu, total = model.tpu_operations, model.cpu_operations, model.operations
    if tpu is not None and cpu is not None and total is not None and tpu + cpu != total:
        raise _malformed("the operators on both sides are not all operators", f"{tpu} + {cpu}, not {total}")
    listed = sum(row.count for row in model.operators)
    if model.operators and total is not None and listed != total:
        raise _malformed("the table does not have all operators", f"{listed} of {total}")


def merged(log: CompilerLog, tables: Iterable[CompilerLog]) -> CompilerLog:
    """Put the tables of operators that came in files into the models that they belong to, by the output's name."""
    by_output = {_name(model.output): model.operators for table in tables for model in table.models}
    models = tuple(
        model if model.operators else replace(model, operators=by_output.get(_name(model.output), ()))
        for model in log.models
    )
    for model in models:
        _check(model)
    return replace(log, models=models)


def _name(path: str | None) -> str:
    return (path or "").rpartition("/")[2]
