"""The plan of a benchmark: how long, how often, with what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from edge_effnet.errors import UsageError
from edge_effnet.runtimes.targets import BenchRequest

__all__ = ["Plan", "cpus_from_text"]

ROUNDS: Final = 20
"""Turns that the time of a contender is spread over: enough rounds to resample, long enough to be warm in each."""


DAY_S: Final = 86_400.0
_CORES: Final = re.compile(r"\s*([0-9]{1,4})\s*(?:-\s*([0-9]{1,4})\s*)?")


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        threads: Threads inside one inference.
        min_seconds: Measured time of each contender, at least.
        min_runs: Measured inferences of each contender, at least.
        max_warm_up_s: Time after which a contender that is not stable yet is measured all the same.
        cpus: Cores to stay on; empty for wherever the system puts it.
        timeout_s: How long one answer may take.
    """

    threads: int = 1
    min_seconds: float = 3.0
    min_runs: int = 100
    max_warm_up_s: float = 3.0
    cpus: tuple[int, ...] = ()
    timeout_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        for name, value, least, most in (
            ("--threads", self.threads, 1, 1024),
            ("--min-runs", self.min_runs, 1, 10_000_000),
            ("--min-seconds", self.min_seconds, 0, DAY_S),
            ("--timeout", self.timeout_s, 1, DAY_S),
        ):
            if not least <= value <= most:
                raise UsageError(f"{name} is out of range", got=value, allowed=f"{least} to {most:g}")

    @property
    def burst_seconds(self) -> float:
        """Measured time of one turn."""
        return self.min_seconds / ROUNDS

    def request(self) -> BenchRequest:
        """Return the plan as a target is asked that measures by itself."""
        return BenchRequest(self.threads, self.min_seconds, self.min_runs, self.cpus, self.timeout_s)

    @property
    def burst_runs(self) -> int:
        """Inferences of one turn, at least."""
        return -(-self.min_runs // ROUNDS)


def cpus_from_text(text: str | None) -> tuple[int, ...]:
    """Return the cores of a list such as ``0,2-3``; none for None.

    Raises:
        UsageError: It is no such list.
    """
    cores: list[int] = []
    for part in text.split(",") if text is not None else ():
        match = _CORES.fullmatch(part)
        found = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
        if not found:
            raise UsageError("not a list of cores", got=text, allowed="such as 0 or 0,2-3, up to 9999")
        cores += found
    return tuple(dict.fromkeys(cores))
