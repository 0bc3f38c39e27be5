"""One run of a benchmark tool that measures by itself and tells statistics only, in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.errors import EdgeEffnetError

__all__ = ["Delegation", "Figures", "ToolJob", "ToolMeasurement", "ToolOperator", "ToolRun"]


@dataclass(frozen=True)
class Figures:
    """Statistics of single inferences, in milliseconds; None where the tool does not tell.

    Attributes:
        count: Inferences.
        mean: Arithmetic mean.
        first: The first of them.
        least: The shortest.
        most: The longest.
        deviation: Standard deviation.
        p5: 5th percentile.
        median: Median.
        p95: 95th percentile.
    """

    count: int
    mean: float
    first: float | None = None
    least: float | None = None
    most: float | None = None
    deviation: float | None = None
    p5: float | None = None
    median: float | None = None
    p95: float | None = None


@dataclass(frozen=True)
class Delegation:
    """What a delegate took of a graph.

    Attributes:
        name: Its own name, such as ``TfLiteXNNPackDelegate``.
        extent: ``none``, ``some`` or ``all``.
        delegated: Operators that it took; None where the tool only gives the extent.
        total: Operators of the graph.
        partitions: Pieces that it runs.
    """

    name: str
    extent: str
    delegated: int | None = None
    total: int | None = None
    partitions: int | None = None

    @classmethod
    def counted(cls, name: str, delegated: int, total: int, partitions: int) -> Delegation:
        """Return one whose extent follows from the counts."""
        extent = "none" if delegated == 0 else "all" if delegated == total else "some"
        return cls(name, extent, delegated, total, partitions)


@dataclass(frozen=True)
class ToolOperator:
    """One operator of the tool's profile.

    Attributes:
        index: Its place in the run order.
        name: The tensor that it makes, or the delegate's name for it.
        kind: Its type.
        mean_ms: Mean time in one inference.
    """

    index: int
    name: str
    kind: str
    mean_ms: float


@dataclass
class ToolRun:
    """One run of the tool.

    Attributes:
        model: The file's path, as the tool was told.
        threads: Threads that it used; None where it does not say.
        init_ms: Loading and preparing.
        first_ms: The first inference.
        warm_up: Statistics of the warm-up.
        measured: Statistics of the measurement; None for a run that failed.
        memory_mb: ``init`` and ``overall`` (growth since the tool's start), ``peak`` (largest resident size), in MiB.
        delegations: What delegates took.
        created: Delegates that said they were made.
        unknown_flags: Flags that this build of the tool does not know.
        errors: What it complained about.
        operators: The profile, in run order; empty where none was asked for.
    """

    model: str | None = None
    threads: int | None = None
    init_ms: float | None = None
    first_ms: float | None = None
    warm_up: Figures | None = None
    measured: Figures | None = None
    memory_mb: dict[str, float] = field(default_factory=dict)
    delegations: list[Delegation] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    unknown_flags: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    operators: list[ToolOperator] = field(default_factory=list)


@dataclass(frozen=True)
class ToolJob:
    """What a tool is to measure.

    Attributes:
        model: The .tflite file here.
        engine: What runs it, as the command line says it.
        library: A delegate's library there; None for none.
        options: What the delegate is told.
    """

    model: Path
    engine: str
    library: str | None = None
    options: tuple[tuple[str, str], ...] = ()


@dataclass
class ToolMeasurement:
    """What a tool measured of one job.

    Attributes:
        job: Of what.
        status: ``ok``; ``not_delegated`` (the delegate was made and took nothing); ``missing`` (the tool lacks the engine
            or an operator, or does not start); ``failed`` (the model cannot be run).
        error: Why it is missing or failed.
        runs: Every invocation that measured, in order.
        delegation: What the engine's delegate took; None where the tool does not tell.
        profile: The invocation that tells operators, if one was asked for.
        cpus: Cores that it was kept on; empty where none were chosen.
        device: The device's record.
        source: What else there is to know: the tool, its flags, how warm the device was.
    """

    job: ToolJob
    status: str = "ok"
    error: EdgeEffnetError | None = None
    runs: list[ToolRun] = field(default_factory=list)
    delegation: Delegation | None = None
    profile: ToolRun | None = None
    cpus: tuple[int, ...] = ()
    device: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
