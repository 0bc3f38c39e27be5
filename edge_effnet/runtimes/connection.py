"""The near end of a worker: one process here or elsewhere, asked one thing at a time, each with a time limit."""

from __future__ import annotations

import contextlib
import queue
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault
from edge_effnet.process import start_program, stop_program
from edge_effnet.runtimes.base import TensorSpec
from edge_effnet.runtimes.complaints import explained
from edge_effnet.runtimes.tensors import check_input, check_outputs, check_value, input_from_pixels
from edge_effnet.runtimes.worker import PROTOCOL, read_message, write_message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_effnet.runtimes.base import Floats, Tensor

__all__ = ["WORKER", "Connection", "RemoteModel"]

WORKER: Final = Path(__file__).with_name("worker.py")
PATIENCE_S: Final = 120.0
"""How long an answer may take where nothing else is said: an emulated core loads a model in a few seconds."""

_BYTES_PER_S: Final = 100_000
"""Slowest link that is waited for when a model travels."""

_STDERR_TAIL: Final = 400


class Connection:
    """One worker process; close it, or use `contextlib.closing`.

    Args:
        argv: What starts it: a program that speaks as `edge_effnet.runtimes.worker` does.
        where: The target's name, for messages.
        env: Variables set on top of this process's own.
        shares_files: Whether the worker sees this machine's files, so that models need not travel.
        hint: What to do when it does not start or breaks off.

    Raises:
        EnvironmentFault: It cannot be started, or is of another version.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        where: str,
        env: Mapping[str, str] | None = None,
        shares_files: bool = True,
        hint: str | None = None,
    ) -> None:
        self.where = where
        self._shares_files = shares_files
        self._hint = hint
        self._models = 0
        self._extensions: set[Path] = set()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        try:
            self._program = start_program(argv, env=env, stderr=self._stderr)
        except EnvironmentFault:
            self._stderr.close()
            raise
        self._replies: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        try:
            self.hello = self._greet()
        except BaseException:
            self.close()
            raise

    def _greet(self) -> dict[str, Any]:
        hello, _ = self.ask("hello")
        if hello["protocol"] != PROTOCOL:
            raise EnvironmentFault(
                f"the worker at {self.where} is of another version", got=hello["protocol"], allowed=PROTOCOL
            )
        return hello

    def close(self) -> None:
        """End the worker; a second time does nothing."""
        with contextlib.suppress(OSError):
            if self._program.stdin is not None:
                self._program.stdin.close()
        stop_program(self._program)
        self._reader.join()
        self._stderr.close()

    def ask(
        self, action: str, *blobs: bytes, timeout_s: float = PATIENCE_S, **fields: Any
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Ask for one thing and wait for the answer.

        Args:
            action: What: a row of the worker's `ACTIONS`.
            blobs: Bytes that go with it.
            timeout_s: Seconds that the answer may take; after that the worker is ended.
            fields: What else the request says.

        Raises:
            EnvironmentFault: The worker has gone, is silent, lacks a runtime or a delegate, or its disk is full.
            DataError: It refuses the model.
        """
        try:
            assert self._program.stdin is not None  # noqa: S101 - start_program gives pipes
            write_message(self._program.stdin, {"do": action, **fields}, list(blobs))
            reply = self._replies.get(timeout=timeout_s)
        except (OSError, ValueError):
            reply = None
        except queue.Empty:
            self.close()
            raise EnvironmentFault(
                f"{self.where} did not answer within {timeout_s:g} s",
                got=action,
                hint="is the device busy or hanging? nothing of this run is kept",
            ) from None
        if reply is None:
            # Its stdin may stay writable for a moment after its stdout has ended: the next one must not wait either.
            self._replies.put(None)
            raise EnvironmentFault(
                f"the connection to the worker at {self.where} broke off",
                got=self._last_words(),
                hint=self._hint,
            )
        if not reply.get("ok"):
            raise self._refusal(reply.get("error") or {}, fields)
        return reply, reply["blobs"]

    def extend(self, extension: Path) -> None:
        """Teach the worker the requests of a file such as `worker_host.py`; a second time does nothing."""
        if extension not in self._extensions:
            self.ask("extend", extension.read_bytes(), name=extension.name)
            self._extensions.add(extension)

    def host(self) -> dict[str, Any]:
        """Return what machine the worker runs on; see `edge_effnet.runtimes.worker_host`."""
        self.extend(WORKER.with_name("worker_host.py"))
        facts: dict[str, Any] = self.ask("host")[0]["host"]
        return facts

    def load(
        self,
        model: Path | bytes,
        engine: str = "xnnpack",
        threads: int = 1,
        *,
        delegates: Sequence[Mapping[str, Any]] = (),
        timeout_s: float = PATIENCE_S,
    ) -> RemoteModel:
        """Load a model and run it once.

        Args:
            model: Path of a .tflite file, or its content.
            engine: A row of the worker's `ENGINES`.
            threads: Threads inside one run.
            delegates: What else runs operators: ``path`` of a library there, and ``options``.
            timeout_s: Seconds that it may take.

        Raises:
            DataError: The file cannot be read, or the runtime refuses it.
            EnvironmentFault: The runtime, an operator or a delegate is missing there.
        """
        place = self._bring(model)
        self._models += 1
        name = f"m{self._models}"
        request = {"id": name, "engine": engine, "threads": threads, "delegates": list(delegates), **place}
        facts, _ = self.ask("load", timeout_s=timeout_s, **request)
        return RemoteModel(self, name, facts)

    def _bring(self, model: Path | bytes) -> dict[str, str]:
        """Return where the worker finds a model: a path that both see, or a hash that it has kept."""
        if isinstance(model, Path) and self._shares_files:
            return {"path": str(model.resolve())}
        try:
            content = model if isinstance(model, bytes) else model.read_bytes()
        except OSError as error:
            raise DataError(f"the model cannot be read: {error.strerror}", got=model) from error
        sha256 = sha256_of_bytes(content)
        if not self.ask("has", sha256=sha256)[0]["has"]:
            self.ask("put", content, sha256=sha256, timeout_s=PATIENCE_S + len(content) / _BYTES_PER_S)
        return {"sha256": sha256}

    def _listen(self) -> None:
        """Pass replies on until the worker has gone; None stands for its end."""
        assert self._program.stdout is not None  # noqa: S101 - start_program gives pipes
        with contextlib.suppress(OSError, ValueError, EOFError):
            while (reply := read_message(self._program.stdout)) is not None:
                self._replies.put(reply)
        self._replies.put(None)

    def _refusal(self, error: dict[str, Any], fields: dict[str, Any]) -> EdgeEffnetError:
        kind, message = error.get("kind"), str(error.get("message"))
        if kind == "model":
            return explained(
                message, str(fields.get("path", "the model")), f"{fields.get('engine')} at {self.where}"
            )
        return EnvironmentFault(f"{self.where}: {message}", hint=_FIXES.get(str(kind), self._hint))

    def _last_words(self) -> str | None:
        """Return the end of what the worker wrote on stderr."""
        self._program.poll()
        with contextlib.suppress(OSError, ValueError):
            self._stderr.seek(0)
            return self._stderr.read().decode(errors="replace").strip()[-_STDERR_TAIL:] or None
        return None


_FIXES: Final = {
    "runtime": "pip install ai-edge-litert there, or for the engine tflite-runtime: pip install tflite-runtime 'numpy<2'",
    "delegate": "check the library's path and its own requirements (driver, device, permissions)",
    "disk": "free some space there, or point EDGE_EFFNET_CACHE to another folder",
}
"""Kind of a worker's refusal -> what to do about it."""


@dataclass(frozen=True)
class RemoteModel:
    """A model inside a worker; not for use from two threads at once.

    Attributes:
        connection: The worker.
        name: The worker's name for it.
        facts: What the worker said of it: `runtime`, `init_ms`, `first_ms`, `total_ops`, `delegated_ops`, `partitions`.
        input: What goes in, ``(1, height, width, 3)``.
        output: What comes out: the scores.
        outputs: Everything that comes out; see `edge_effnet.runtimes.tensors.check_outputs`.
    """

    connection: Connection
    name: str
    facts: dict[str, Any]
    input: TensorSpec = field(init=False)
    output: TensorSpec = field(init=False)
    outputs: tuple[TensorSpec, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Read the interface."""
        inputs, outputs = (
            tuple(TensorSpec(**{**row, "shape": tuple(row["shape"])}) for row in self.facts[kind])
            for kind in ("inputs", "outputs")
        )
        if len(inputs) != 1:
            raise DataError(f"the model has {len(inputs)} inputs; an image classifier has one")
        check_input(inputs[0])
        for name, value in (("input", inputs[0]), ("output", check_outputs(outputs)), ("outputs", outputs)):
            object.__setattr__(self, name, value)

    def run(self, value: Tensor) -> Tensor:
        """Run once on an input of exactly `input`'s type and shape; return the raw output."""
        return self.run_all(value)[0]

    def run_all(self, value: Tensor) -> tuple[Tensor, ...]:
        """Run once; return every raw output, the scores first."""
        check_value(value, self.input)
        _, blobs = self.connection.ask("run", np.ascontiguousarray(value).tobytes(), id=self.name)
        pairs = zip(blobs, self.outputs, strict=True)
        return tuple(np.frombuffer(blob, spec.dtype).reshape(spec.shape) for blob, spec in pairs)

    def run_pixels(self, pixels: Tensor) -> Tensor:
        """Run once on ``(height, width, 3) uint8`` pixels; return the raw output."""
        return self.run(input_from_pixels(pixels, self.input))

    def logits(self, pixels: Tensor) -> Floats:
        """Run once on ``(height, width, 3) uint8`` pixels; return the real output values, ``(classes,)`` float32."""
        return self.output.reals(self.run_pixels(pixels)).reshape(-1)

    def time(self, runs: int, *, timeout_s: float = PATIENCE_S) -> tuple[list[int], float | None]:
        """Time single calls of the runtime's `invoke`, nothing else.

        Returns:
            Nanoseconds of each call in order, and the microjoules that the processor counted meanwhile (null where it
            does not).
        """
        reply, _ = self.connection.ask("time", id=self.name, runs=runs, timeout_s=timeout_s)
        return reply["ns"], reply["energy_uj"]

    def peak_rss_bytes(self) -> int:
        """Return the largest resident size that the worker has had, libraries included."""
        return int(self.connection.ask("memory")[0]["peak_rss_bytes"])
