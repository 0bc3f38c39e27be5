"""The targets ``arm64:CORE``: a worker on an emulated core. Outputs and instruction counts, never milliseconds."""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EdgeEffnetError, EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.runtimes.arm64.cores import CORES, Core, core_of
from edge_effnet.runtimes.arm64.counts import LIBRARY, MODULE, STOPS, Counts, counts_from_windows
from edge_effnet.runtimes.arm64.elf import symbol_addresses
from edge_effnet.runtimes.arm64.installed import FIX, Installation, default_folder
from edge_effnet.runtimes.arm64.windows import window_from_line
from edge_effnet.runtimes.base import Missing
from edge_effnet.runtimes.connection import WORKER, Connection

if TYPE_CHECKING:
    from edge_effnet.runtimes.base import Probe
    from edge_effnet.runtimes.connection import RemoteModel
    from edge_effnet.runtimes.targets import Timing

__all__ = ["Arm64Target", "arm64", "count_inference", "count_operators"]

_ENGINES: Final = ("xnnpack", "builtin", "reference")
_RUNS: Final = 3
"""Inferences that are counted."""

_PATIENCE_S: Final = 600.0
_WORKER_COUNT: Final = Path(__file__).with_name("worker_count.py")


@dataclass(frozen=True)
class Arm64Target:
    """An emulated core.

    Attributes:
        name: ``arm64:CORE``.
        core: The core.
        installation: Where the emulated environment lies; None is under the user's cache.
    """

    name: str
    core: Core
    installation: Installation | None = None
    timing: Timing = field(default="none", init=False)

    def probe(self) -> Probe:
        """Say whether the emulated environment is installed; never raises."""
        try:
            return self._place().probe()
        except EdgeEffnetError as error:
            return Missing(error.message, error.hint or FIX)

    def connect(self, engine: str = "xnnpack") -> Connection:
        """Start a worker on the core; see `edge_effnet.runtimes.targets.WorkerTarget`.

        Raises:
            UnknownNameError: The engine is not one of LiteRT's.
            EnvironmentFault: The emulated environment is missing or does not start.
        """
        if engine not in _ENGINES:
            raise UnknownNameError(f"engine at {self.name}", engine, _ENGINES)
        place = self._place()
        if isinstance(state := place.probe(), Missing):
            raise EnvironmentFault(f"{self.name} is missing: {state.reason}", hint=state.fix)
        if isinstance(place.probe_counting(), Missing):
            return Connection(place.argv(self.core, str(WORKER)), where=self.name, hint=f"{FIX} --force")
        return self._connect_counting(place)

    def count(self, model: RemoteModel, *, threads: int = 1) -> Counts:
        """Count the instructions of an inference of a model that `connect`'s worker has loaded.

        Args:
            model: Loaded at this target.
            threads: The threads that it was loaded with.

        Raises:
            EnvironmentFault: The plug-in is missing.
            UsageError: More than one thread.
        """
        if isinstance(state := self._place().probe_counting(), Missing):
            raise EnvironmentFault(f"{self.name} cannot count: {state.reason}", hint=state.fix)
        if threads != 1:
            raise UsageError("instructions are counted on one thread", got=threads, allowed="--threads 1")
        reply, _ = model.connection.ask("count", timeout_s=_PATIENCE_S, id=model.name, runs=1 + _RUNS)
        # In the first, memory is still being had: it is not counted.
        windows = [window_from_line(line) for line in reply["lines"][1:]]
        facts = model.facts
        return counts_from_windows(windows, delegated=facts["delegated_ops"], total=facts["total_ops"])

    def count_instructions(self, model: RemoteModel, *, threads: int = 1) -> tuple[int, int]:
        """Return the instructions of one inference, and their spread; see `count`."""
        counts = self.count(model, threads=threads)
        return counts.instructions, counts.spread

    def _place(self) -> Installation:
        return self.installation or Installation(default_folder())

    def _connect_counting(self, place: Installation) -> Connection:
        addresses = _addresses(place.packages / "ai_edge_litert" / LIBRARY)
        handle, name = tempfile.mkstemp(prefix="edge-effnet-", suffix=".counts")
        os.close(handle)
        counts = Path(name)
        try:
            argv = place.argv(self.core, str(WORKER), counts=counts)
            connection = Connection(argv, where=self.name, hint=f"{FIX} --force")
            try:
                connection.extend(_WORKER_COUNT)
                connection.ask("count_open", module=MODULE, library=LIBRARY, addresses=addresses, counts=name)
            except BaseException:
                connection.close()
                raise
        finally:
            counts.unlink(missing_ok=True)
        return connection


@lru_cache(maxsize=4)
def _addresses(library: Path) -> tuple[int, ...]:
    return tuple(symbol_addresses(library, STOPS).values())


def arm64(name: str) -> Arm64Target:
    """Return an emulated core as a target.

    Raises:
        UsageError: The core is not named.
        UnknownNameError: There is no such core.
    """
    core = name.partition(":")[2]
    if not core:
        raise UsageError(
            "the core is not named", got=name, allowed=", ".join(f"arm64:{row}" for row in CORES)
        )
    return Arm64Target(name, core_of(core))


def count_inference(model: Path, core: str, engine: str = "xnnpack") -> Counts:
    """Count the instructions of one inference on one thread of an emulated core.

    The input is noise from a fixed seed; the count of an int8 network depends on it hardly at all.

    Args:
        model: A .tflite file.
        core: A name of `CORES`.
        engine: ``xnnpack``, ``builtin`` or ``reference``.

    Raises:
        UnknownNameError: There is no such core or engine.
        EnvironmentFault: The emulated environment or its plug-in is missing.
        DataError: The model cannot be read or loaded.
    """
    where = arm64(f"arm64:{core}")
    with closing(where.connect(engine)) as connection:
        return where.count(connection.load(model, engine, timeout_s=_PATIENCE_S))


def count_operators(model: Path, core: str) -> list[int]:
    """Return the instructions of each operator of XNNPACK, in the order of execution; see `count_inference`.

    Raises:
        EnvironmentFault: The operators cannot be told apart, or counting is missing.
    """
    counts = count_inference(model, core)
    if counts.operators is None:
        raise EnvironmentFault(
            "the operators cannot be told apart",
            got=counts.reason,
            hint="convert the model with a static batch (the default)",
        )
    return list(counts.operators)
