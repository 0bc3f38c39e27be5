"""Engines that run inside a worker, by the words of the command line: a name, or a delegate with its options."""

from __future__ import annotations

import weakref
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl

from edge_effnet.errors import EdgeEffnetError, EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.edgetpu import device_options, library, load_compiled, probe_device
from edge_effnet.runtimes.targets import target
from edge_effnet.runtimes.worker import ENGINES

if TYPE_CHECKING:
    from edge_effnet.runtimes.base import Probe
    from edge_effnet.runtimes.connection import Connection, RemoteModel
    from edge_effnet.runtimes.targets import WorkerTarget

__all__ = ["EDGETPU", "TFLITE_RUNTIME", "WorkerEngine", "engine_words", "worker_engine"]

PHONE_ENGINES: Final = ("gpu", "nnapi")
"""Engines that only `benchmark_model` on a phone has; see `edge_effnet.runtimes.adb_tool`."""

_FIXES: Final = {
    "tflite-runtime": "edge-effnet doctor --install tflite-runtime, or point EDGE_EFFNET_TFLITE_PYTHON to an environment that has it",
}


@dataclass(frozen=True)
class WorkerEngine:
    """What runs a model inside a worker.

    Attributes:
        name: As the command line says it: ``xnnpack``, ``edgetpu:usb:0``, ``delegate:PATH?option=value``.
        kernels: A row of the worker's table of engines: what runs the operators that no delegate takes.
        library: A delegate's library; None for none.
        options: What the delegate is told.
        place: The target whose worker it uses.
        accelerator: What only one process at a time can hold; None where it shares nothing.
    """

    name: str
    kernels: str
    library: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    place: str = "local"
    accelerator: str | None = None

    @property
    def delegates(self) -> list[dict[str, Any]]:
        """The delegates as a worker is asked for them."""
        return [{"path": self.library, "options": dict(self.options)}] if self.library else []

    def probe(self) -> Probe:
        """Ask a worker; see `edge_effnet.runtimes.base.Engine`."""
        try:
            with closing(self._connect()) as connection:
                if self.accelerator is not None:
                    return Available(probe_device(connection, self.kernels, self.delegates))
                reply, _ = connection.ask("probe", engine=self.kernels, delegates=self.delegates)
                return Available(reply["runtime"])
        except EdgeEffnetError as error:
            return Missing(error.message, _FIXES.get(self.name, error.hint or ""))

    def load(self, model: Path | bytes, threads: int = 1) -> RemoteModel:
        """Load a model in a worker of its own, which ends with the model."""
        connection = self._connect()
        try:
            loaded = self.load_on(connection, model, threads)
        except BaseException:
            connection.close()
            raise
        weakref.finalize(loaded, connection.close)
        return loaded

    def _connect(self) -> Connection:
        return cast("WorkerTarget", target(self.place)).connect(self.kernels)

    def load_on(
        self, connection: Connection, model: Path | bytes, threads: int = 1, *, timeout_s: float = 120.0
    ) -> RemoteModel:
        """Load a model in a worker that runs already; see `Connection.load`."""
        if self.name in PHONE_ENGINES:
            raise EnvironmentFault(
                f"the engine {self.name} runs on phones only",
                got=connection.where,
                hint=f"--target adb, or an engine such as {', '.join(ENGINES)}",
            )
        load = connection.load if self.accelerator is None else partial(load_compiled, connection)
        return load(model, self.kernels, threads, delegates=self.delegates, timeout_s=timeout_s)


TFLITE_RUNTIME = WorkerEngine("tflite-runtime", "tflite-runtime")
EDGETPU = WorkerEngine("edgetpu", "delegate", library(), accelerator="edgetpu")


def engine_words() -> tuple[str, ...]:
    """Return what may be asked for, for messages."""
    return (
        *(name for name in ENGINES if name != "delegate"),
        *(f"{name} (adb)" for name in PHONE_ENGINES),
        "edgetpu[:DEVICE]",
        "delegate:PATH[?KEY=VALUE&...]",
    )


def worker_engine(name: str) -> WorkerEngine:
    """Return the engine of that name.

    Raises:
        UnknownNameError: There is no such engine.
        UsageError: A delegate without a path, or with options that are no options.
    """
    word, colon, rest = name.partition(":")
    if word == "edgetpu":
        return WorkerEngine(name, "delegate", library(), device_options(rest), accelerator=name)
    if word == "delegate":
        return _delegate(name, rest)
    if name in PHONE_ENGINES:
        return WorkerEngine(name, name)
    if colon or word not in ENGINES:
        raise UnknownNameError("engine", name, engine_words())
    return WorkerEngine(name, name)


def _delegate(name: str, rest: str) -> WorkerEngine:
    path, _, query = rest.partition("?")
    try:
        options = tuple(parse_qsl(query, strict_parsing=True)) if query else ()
    except ValueError:
        options = None
    if not path or options is None:
        raise UsageError(
            "not a delegate", got=name, allowed="delegate:PATH or delegate:PATH?KEY=VALUE&KEY=VALUE"
        )
    # A bare name is left to the system's search for libraries; a path must not depend on the worker's folder.
    # Its links are not followed: on a board they are others.
    return WorkerEngine(name, "delegate", str(Path(path).absolute()) if "/" in path else path, options)
