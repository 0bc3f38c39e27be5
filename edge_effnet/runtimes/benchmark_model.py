"""What the tool `benchmark_model` prints, read into records; every generation of it since 2018.

The tool writes its log on two streams, and on Android behind logcat's prefix, so that a line is recognised by what it
says and not by how it begins. It prints statistics, never single times.

References:
    tensorflow/lite/tools/benchmark/benchmark_model.cc and benchmark_tflite_model.cc (2.14.1) for the lines;
    litert/tools/benchmark_litert_model.h (2.x) for the block BENCHMARK RESULTS.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import DataError
from edge_effnet.runtimes.tool_run import Delegation, Figures, ToolOperator, ToolRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Take = Callable[["_Reading", re.Match[str]], None]

__all__ = ["runs_from_text"]

_FATAL: Final = re.compile("Benchmarking failed|failed to invoke|failed to prepare")
"""Complaints after which the tool goes on to print statistics, those of calls that did nothing."""

_MAX_ERRORS: Final = 20
"""Different complaints that are kept; a delegate that fails says so again at every call."""

_MAX_LINE: Final = 20_000
"""Characters of a line that are looked at; the longest that the tool writes names the inputs of a model."""

_MOST: Final = 1e15
"""No count and no figure reaches this, in any unit."""

_NUMBER: Final = r"(\S{1,32})"
_COUNT: Final = r"(\d{1,32})"
_FIELDS: Final = re.compile(r"\b(first|curr|min|max|avg|std|p5|median|p95)=([^\s,]{1,32})")
_FIGURES: Final = {"first": "first", "min": "least", "max": "most", "std": "deviation"}
"""The tool's word -> field of `Figures`, where they differ."""


class _Reading:
    """One run while its lines are read.

    Attributes:
        run: What is known so far.
        counts: The lines of statistics, in order: the warm-up's, then the measurement's.
        block: LiteRT's summary, rounded to 10 microseconds: ``(Inference, avg) -> text``.
        in_profile: Whether the next lines are rows of the profile in run order.
    """

    def __init__(self) -> None:
        self.run = ToolRun()
        self.counts: list[Figures] = []
        self.block: dict[tuple[str, str], str] = {}
        self.block_count: dict[str, int] = {}
        self.in_profile = False

    def read(self, line: str) -> None:
        """Take in one line."""
        if "=====" in line or "Profiling Info for" in line:
            self.in_profile = "= Run Order =" in line
            if self.in_profile:
                # The profile of the initialisation comes first and looks the same; the last one is the inferences'.
                self.run.operators = []
        elif self.in_profile:
            self.run.operators += _operators(line, len(self.run.operators))
        for pattern, take in _LINES:
            if match := pattern.search(line):
                take(self, match)

    def finished(self) -> ToolRun | None:
        """Return the run; None when nothing was understood."""
        summaries = [*self.counts] or [*self._block_figures("Warmup"), *self._block_figures("Inference")]
        if summaries and not any(_FATAL.search(line) for line in self.run.errors):
            self.run.measured = summaries[-1]
            self.run.warm_up = summaries[-2] if len(summaries) > 1 else None
        return self.run if summaries or self.run.errors else None

    def _block_figures(self, phase: str) -> Iterator[Figures]:
        values = {name: _float(text) for (where, name), text in self.block.items() if where == phase}
        if "avg" in values and self.block_count.get(phase):
            yield _figures(self.block_count[phase], values)


def runs_from_text(text: str) -> list[ToolRun]:
    """Read everything that one or several runs of the tool have printed.

    Args:
        text: Its output, both streams, with or without logcat's prefix.

    Returns:
        One record per run, in order; a run that failed has `errors` and no `measured`.

    Raises:
        DataError: Nothing in it comes from the tool, or a figure in it is no number.
    """
    readings = [_Reading()]
    for line in text.splitlines():
        if re.search(r"\bSTARTING!\s*$", line[-200:]):
            readings.append(_Reading())
        readings[-1].read(line[:_MAX_LINE])
    runs = [run for run in (reading.finished() for reading in readings) if run is not None]
    if not runs:
        raise DataError(
            "this is no output of benchmark_model", hint="give all that the tool printed, from STARTING! on"
        )
    return runs


def _operators(line: str, index: int) -> Iterator[ToolOperator]:
    """Yield the operator of a row ``type, [start,] first, avg ms, %, cdf%, mem KB, times called, name``."""
    cells = [cell.strip() for cell in line.split("\t") if cell.strip()]
    share = next((place for place in (3, 4) if len(cells) > place + 4 and cells[place].endswith("%")), None)
    if share is not None:
        yield ToolOperator(index, cells[-1], cells[0], _float(cells[share - 1]))


def _float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < _MOST:
        raise DataError("a figure of benchmark_model is no time and no size", got=text, allowed="0 or more")
    return value


def _int(text: str) -> int:
    return int(_float(text))


def _figures(count: int, values: dict[str, float]) -> Figures:
    """Return the statistics of milliseconds by the tool's own words."""
    words = {_FIGURES.get(word, word): value for word, value in values.items() if word not in ("avg", "curr")}
    return Figures(count, values["avg"], **words)


def _take_statistics(reading: _Reading, match: re.Match[str]) -> None:
    """Take ``count=13 first=79215 curr=82507 min=.. max=.. avg=.. std=.. [p5= median= p95=]``, in microseconds."""
    values = {word: _float(text) / 1e3 for word, text in _FIELDS.findall(match.string[match.end() :])}
    count = _int(match[1])
    if count == 1 and "curr" in values:
        # The tool shortens the line of a single inference to ``count=1 curr=..``.
        values = dict.fromkeys(("avg", "first", "min", "max", "median"), values["curr"])
    if count and "avg" in values:
        reading.counts.append(_figures(count, values))


def _take_timings(reading: _Reading, match: re.Match[str]) -> None:
    reading.run.init_ms, reading.run.first_ms = _float(match[1]) / 1e3, _float(match[2]) / 1e3


def _take_old_init(reading: _Reading, match: re.Match[str]) -> None:
    reading.run.init_ms = _float(match[1]) / 1e3


def _take_block(reading: _Reading, match: re.Match[str]) -> None:
    """Take ``Inference (avg): 0.46 ms (2112 runs)`` or ``Inference (min): 0.44 ms``."""
    reading.block[match[1], match[2]] = match[3]
    if match[4]:
        reading.block_count[match[1]] = _int(match[4])


def _take_replaced(reading: _Reading, match: re.Match[str]) -> None:
    counts = (_int(match[group]) for group in (1, 2, 4))
    reading.run.delegations.append(Delegation.counted(match[3], *counts))


def _take_simple_delegate(reading: _Reading, match: re.Match[str]) -> None:
    counts = (_int(match[group]) for group in (2, 3, 4))
    reading.run.delegations.append(Delegation.counted(match[1], *counts))


def _take_explicit(reading: _Reading, match: re.Match[str]) -> None:
    extent = "all" if match[2] == "completely" else "some"
    reading.run.delegations.append(Delegation(match[1], extent))


def _take_refused(reading: _Reading, match: re.Match[str]) -> None:
    reading.run.delegations.append(Delegation(match[1], "none"))


def _take_memory(reading: _Reading, match: re.Match[str]) -> None:
    reading.run.memory_mb |= {"init": _float(match[1]), "overall": _float(match[2])}


def _take_peak(reading: _Reading, match: re.Match[str]) -> None:
    reading.run.memory_mb["peak"] = _float(match[1])


def _take_flags(reading: _Reading, match: re.Match[str]) -> None:
    reading.run.unknown_flags += match[1].split()


def _set(name: str, value: Callable[[str], object]) -> Take:
    return lambda reading, match: setattr(reading.run, name, value(match[1]))


def _take_created(reading: _Reading, match: re.Match[str]) -> None:
    reading.run.created.append(match[1].strip())


def _take_error(reading: _Reading, match: re.Match[str]) -> None:
    errors, said = reading.run.errors, match[1].strip()
    if said not in errors and (len(errors) < _MAX_ERRORS or _FATAL.search(said)):
        errors.append(said)


_ROWS: Final[tuple[tuple[str, Take], ...]] = (
    # The profile ends in a line of the same form, behind "Timings (microseconds): ".
    (rf"(?<!\(microseconds\): )\bcount={_COUNT} (?=first=|curr=)", _take_statistics),
    (rf"\bInference timings in us: Init: {_NUMBER}, First inference: {_NUMBER},", _take_timings),
    (rf"\bAverage inference timings in us: Warmup: \S{{1,32}}, Init: {_NUMBER},", _take_old_init),
    (rf"\bModel initialization:\s+{_NUMBER} ms", _set("init_ms", _float)),
    (rf"\bWarmup \(first\):\s+{_NUMBER} ms", _set("first_ms", _float)),
    (
        rf"\b(Warmup|Inference) \((avg|min|max|median|std|p5|p95)\):\s+{_NUMBER}(?: ms)?(?: \({_COUNT} runs\))?",
        _take_block,
    ),
    (r"\bGraph: \[(.+)\]\s*$", _set("model", str)),
    (rf"(?:#threads used for CPU inference|Num threads): \[{_COUNT}\]", _set("threads", _int)),
    (
        rf"\bReplacing {_COUNT} out of {_COUNT} node\(s\) with delegate \((\w+)\) node, yielding {_COUNT} ",
        _take_replaced,
    ),
    (
        rf"\b(\w+) delegate: {_COUNT} nodes delegated out of {_COUNT} nodes with {_COUNT} partitions",
        _take_simple_delegate,
    ),
    (
        r"\bExplicitly applied (\w+) delegate, and the model graph will be (completely|partially) executed",
        _take_explicit,
    ),
    (
        r"\bThough (\w+) delegate is explicitly applied, the model graph will not be executed",
        _take_refused,
    ),
    (r"\bCreated TensorFlow Lite (.{1,60}?)\.?\s*$", _take_created),
    (
        rf"\bMemory footprint delta from the start of the tool \(MB\): init={_NUMBER} overall={_NUMBER}",
        _take_memory,
    ),
    (rf"\bOverall peak memory footprint \(MB\) via periodic monitoring: {_NUMBER}", _take_peak),
    (rf"\bPeak memory:\s+{_NUMBER} MB", _take_peak),
    (r"\bUnconsumed cmdline flags: (.+)$", _take_flags),
    (r"\bERROR: (?:\[[^\]]*\] )?(.+)$", _take_error),
    (r"\b(Unable to load external delegate from .+)$", _take_error),
)
"""Pattern of a line -> what it adds to the record."""

_LINES: Final = tuple((re.compile(pattern), take) for pattern, take in _ROWS)
