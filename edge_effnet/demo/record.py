"""What a demo leaves behind as JSON: one object a frame, and a summary."""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
from dataclasses import asdict, dataclass, field
from typing import IO, TYPE_CHECKING, Any

from edge_effnet.artifacts import check_output
from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from edge_effnet.demo.smooth import Guess

__all__ = ["STEPS", "FrameRecord", "Times", "frame_log", "percentile", "write_line"]


@dataclass(frozen=True)
class FrameRecord:
    """One frame and what it took, in milliseconds."""

    frame: int
    time_s: float
    top: Sequence[Guess]
    capture_ms: float
    preprocess_ms: float
    inference_ms: float
    draw_ms: float

    def to_record(self) -> dict[str, Any]:
        """Return the line of the log."""
        rounded = {key: round(value, 4) for key, value in vars(self).items() if isinstance(value, float)}
        top = [{**asdict(guess), "score": round(guess.score, 5)} for guess in self.top]
        return {"frame": self.frame, **rounded, "top": top}


STEPS = ("capture", "preprocess", "inference", "draw")


@dataclass
class Times:
    """The times of all frames so far, by step, in milliseconds."""

    steps: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})

    def add(self, record: FrameRecord) -> None:
        """Count one frame."""
        for step, values in self.steps.items():
            values.append(getattr(record, f"{step}_ms"))

    def to_record(self) -> dict[str, float]:
        """Return the median and the 90th percentile of each step."""
        return {
            f"{step}_{name}_ms": round(percentile(values, share), 4)
            for step, values in self.steps.items()
            for name, share in (("p50", 0.5), ("p90", 0.9))
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile, between neighbours on a line; of one value that value."""
    if len(values) == 1:
        return values[0]
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[round(100 * share) - 1]


@contextlib.contextmanager
def frame_log(path: Path | None, *, force: bool) -> Iterator[IO[str] | None]:
    """Yield where lines go: a file, stdout for ``-``, or None. Lines are written at once: a log is read while it grows.

    Raises:
        OutputExistsError: The file is there and ``force`` is false.
        EnvironmentFault: It cannot be written.
    """
    if path is None:
        yield None
    elif str(path) == "-":
        yield sys.stdout
    else:
        check_output(path, force=force)
        try:
            stream = path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise EnvironmentFault(f"the log cannot be written: {error.strerror}", got=path) from error
        with stream:
            yield stream


def write_line(stream: IO[str] | None, record: dict[str, Any]) -> None:
    """Write one object on a line of its own."""
    if stream is not None:
        stream.write(json.dumps(record) + "\n")
        stream.flush()
