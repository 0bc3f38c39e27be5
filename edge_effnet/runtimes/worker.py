"""The worker: runs .tflite files for a process elsewhere. ONE file that needs only numpy and a TFLite runtime.

It is started as ``python worker.py`` where the model is to run (this machine, another environment, a board behind ssh,
an emulated core), so it imports nothing of this package and keeps to the syntax of Python 3.9.

A message, both ways, is one line of JSON and then the bytes that its key ``bytes`` announces, a list of lengths. A
request names in ``do`` a row of `ACTIONS`; a reply has ``ok``, and if that is false ``error{kind,message}``, where kind
is ``runtime`` (a library is missing), ``model`` (it refuses the model), ``delegate``, ``disk`` or ``request``.

When stdin ends, because the other side has gone, the process ends at once, even in the middle of an inference.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.metadata
import json
import os
import pathlib
import platform
import queue
import resource
import sys
import threading
import time
from typing import IO, Any

Request = dict[str, Any]
Reply = dict[str, Any]

PROTOCOL = 1
PACKAGES = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime"}
ENGINES: dict[str, tuple[str | None, str]] = {
    "xnnpack": ("ai_edge_litert", "AUTO"),
    "builtin": ("ai_edge_litert", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
    "reference": ("ai_edge_litert", "BUILTIN_REF"),
    "tflite-runtime": ("tflite_runtime", "AUTO"),
    "delegate": (None, "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
}
"""Engine -> (the runtime that it needs, None for any; name in that runtime's OpResolverType).

A delegate gets the plain kernels for what it leaves, so that every DELEGATE node of the graph is its own.
"""
IDLE_S = 3600.0
"""Silence after which it ends: a network that dies without a word never ends stdin."""
_LINE_LIMIT = 1 << 20
_BLOB_LIMIT = 1 << 30


class Failure(Exception):  # noqa: N818 - what the other side is told
    """Something that the other side is told: a kind of this file's docstring, and what is wrong."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_message(stream: IO[bytes]) -> dict[str, Any] | None:
    """Return the next message, its bytes in ``blobs``, or None at the end of the stream."""
    line = stream.readline(_LINE_LIMIT)
    if not line:
        return None
    fields: dict[str, Any] = json.loads(line)
    sizes = fields.get("bytes", [])
    if any(size < 0 or size > _BLOB_LIMIT for size in sizes):
        raise ValueError("a blob of an impossible size")
    return {**fields, "blobs": [_exactly(stream, size) for size in sizes]}


def _exactly(stream: IO[bytes], size: int) -> bytes:
    parts = []
    while size:
        part = stream.read(size)
        if not part:
            raise EOFError("the stream ended inside a blob")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_message(stream: IO[bytes], fields: dict[str, Any], blobs: list[bytes]) -> None:
    """Write one message and flush."""
    head = json.dumps({**fields, "bytes": [len(blob) for blob in blobs]})
    stream.write(head.encode() + b"\n" + b"".join(blobs))
    stream.flush()


class Loaded:
    """One model inside a runtime.

    Attributes:
        path: The file.
        interpreter: The runtime's interpreter, its tensors allocated.
        facts: What `load` replies.
    """

    def __init__(self, path: str, request: dict[str, Any]) -> None:
        self.path = path
        runtime, module = _runtime(request["engine"])
        delegates = [_delegate(module, row) for row in request.get("delegates", [])]
        started = time.perf_counter_ns()
        try:
            self.interpreter = module.Interpreter(
                model_path=path,
                num_threads=request["threads"],
                experimental_op_resolver_type=module.OpResolverType[ENGINES[request["engine"]][1]],
                experimental_delegates=delegates or None,
            )
            self.interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise Failure("delegate" if delegates else "model", str(error)) from error
        init_ms = (time.perf_counter_ns() - started) / 1e6
        self._inputs = self.interpreter.get_input_details()
        self._outputs = self.interpreter.get_output_details()
        total, delegated, partitions = delegation(self.interpreter)
        self.facts = {
            "runtime": _version(runtime),
            "init_ms": init_ms,
            "inputs": [_spec(row) for row in self._inputs],
            "outputs": [_spec(row) for row in self._outputs],
            "total_ops": total,
            "delegated_ops": delegated,
            "partitions": partitions,
        }

    def run(self, values: list[bytes]) -> list[bytes]:
        """Run once on raw tensors; return the raw outputs."""
        self.feed(values)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(row["index"]).tobytes() for row in self._outputs]

    def feed(self, values: list[bytes]) -> None:
        """Set the inputs: the bytes of each, or noise from a fixed seed where there are none."""
        import numpy as np

        random = np.random.default_rng(0)
        for place, row in enumerate(self._inputs):
            shape, kind = tuple(int(size) for size in row["shape"]), np.dtype(row["dtype"])
            if values:
                value = np.frombuffer(values[place], kind).reshape(shape)
            elif kind.kind == "f":
                value = (255 * random.random(shape)).astype(kind)
            else:
                limits = np.iinfo(kind)
                value = random.integers(limits.min, limits.max, shape, endpoint=True, dtype=kind)
            self.interpreter.set_tensor(row["index"], value)

    def time(self, runs: int) -> list[int]:
        """Return the nanoseconds of that many calls of `invoke`, each alone."""
        invoke, clock = self.interpreter.invoke, time.perf_counter_ns
        times: list[int] = []
        for _ in range(runs):
            started = clock()
            invoke()
            times.append(clock() - started)
        return times


def _runtime(engine: str) -> tuple[str, Any]:
    """Return (name, module) of the runtime that an engine needs."""
    if engine not in ENGINES:
        raise Failure("request", f"unknown engine {engine}")
    needed = ENGINES[engine][0]
    reasons = []
    for name in [needed] if needed else list(PACKAGES):
        try:
            return name, importlib.import_module(f"{name}.interpreter")
        except Exception as error:  # noqa: BLE001, PERF203 - a broken binary may raise anything
            reasons.append(f"{PACKAGES[name]} cannot be loaded: {error}")
    raise Failure("runtime", "; ".join(reasons))


def _version(runtime: str) -> str:
    return f"{PACKAGES[runtime]} {importlib.metadata.version(PACKAGES[runtime])}"


def _delegate(module: Any, row: dict[str, Any]) -> Any:
    try:
        return module.load_delegate(row["path"], row.get("options") or None)
    except (OSError, ValueError) as error:
        raise Failure("delegate", f"{row['path']}: {error}") from error


def _spec(row: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    scales = row["quantization_parameters"]["scales"]
    zeros = row["quantization_parameters"]["zero_points"]
    return {
        "name": str(row["name"]),
        "dtype": np.dtype(row["dtype"]).name,
        "shape": [int(size) for size in row["shape"]],
        "scale": float(scales[0]) if len(scales) == 1 else None,
        "zero_point": int(zeros[0]) if len(zeros) == 1 else None,
    }


def delegation(interpreter: Any) -> tuple[int | None, int | None, int | None]:
    """Return (operators of the graph, those that delegates took, the delegates' partitions).

    A delegate's node stands behind the operators that it replaced: they are found from its outputs backwards, as far as
    its inputs. The three are null where a runtime does not tell its operators.
    """
    try:
        rows = interpreter._get_ops_details()  # noqa: SLF001
    except Exception:  # noqa: BLE001 - not part of the public interface: may be gone tomorrow
        return None, None, None
    nodes = [row for row in rows if row["op_name"] != "DELEGATE"]
    maker = {int(tensor): row["index"] for row in nodes for tensor in row["outputs"]}
    inputs = {row["index"]: [int(tensor) for tensor in row["inputs"]] for row in nodes}
    taken: set[int] = set()
    partitions = [row for row in rows if row["op_name"] == "DELEGATE"]
    for row in partitions:
        edge = {int(tensor) for tensor in row["inputs"]}
        waiting = [int(tensor) for tensor in row["outputs"]]
        while waiting:
            tensor = waiting.pop()
            if tensor in edge or tensor not in maker or maker[tensor] in taken:
                continue
            taken.add(maker[tensor])
            waiting += inputs[maker[tensor]]
    return len(nodes), len(taken), len(partitions)


def energy_uj() -> dict[str, tuple[float, float]]:
    """Return the energy counters of the processor packages (RAPL), {name: (microjoules, where it wraps)}."""
    rows = {}
    for zone in sorted(pathlib.Path("/sys/class/powercap").glob("intel-rapl:?")):
        value, wrap = _number(zone / "energy_uj"), _number(zone / "max_energy_range_uj")
        if value is not None and wrap:
            rows[zone.name] = (value, wrap)
    return rows


def _number(path: pathlib.Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def _energy_between(
    before: dict[str, tuple[float, float]], after: dict[str, tuple[float, float]]
) -> float | None:
    return sum((after[name][0] - value) % wrap for name, (value, wrap) in before.items()) if before else None


class Worker:
    """What the requests act on: the models by id."""

    def __init__(self) -> None:
        self.models: dict[str, Loaded] = {}
        self.actions = {name: getattr(Worker, name) for name in ACTIONS}
        caches = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        self.folder = (
            pathlib.Path(os.environ.get("EDGE_EFFNET_CACHE") or pathlib.Path(caches) / "edge-effnet")
            / "models"
        )

    def hello(self, _: Request) -> Reply:
        """Say who answers."""
        return {"protocol": PROTOCOL, "python": platform.python_version(), "pid": os.getpid()}

    def extend(self, request: Request) -> Reply:
        """Learn more requests from a file of Python, whose `ACTIONS` are functions of the worker and a request."""
        space: dict[str, Any] = {"__name__": request["name"]}
        exec(compile(request["blobs"][0], request["name"], "exec"), space)  # noqa: S102 - from whoever started this
        self.actions.update(space["ACTIONS"])
        return {}

    def probe(self, request: Request) -> Reply:
        """Say which runtime an engine would get, having loaded it and the delegates."""
        name, module = _runtime(request["engine"])
        for row in request.get("delegates", []):
            _delegate(module, row)
        return {"runtime": _version(name)}

    def pin(self, request: Request) -> Reply:
        """Keep this process, and the threads that it starts, on some of the cores."""
        try:
            os.sched_setaffinity(0, request["cpus"])
        except (AttributeError, OSError, ValueError) as error:
            raise Failure("request", f"cannot stay on the cores {request['cpus']}: {error}") from error
        return {}

    def has(self, request: Request) -> Reply:
        """Say whether a model is here already."""
        return {"has": self._is_whole(request["sha256"])}

    def put(self, request: Request) -> Reply:
        """Keep a model under its hash, whole or not at all."""
        path, (content,) = self._path(request["sha256"]), request["blobs"]
        if hashlib.sha256(content).hexdigest() != request["sha256"]:
            raise Failure("request", "the model arrived damaged")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            try:
                part.write_bytes(content)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise Failure("disk", f"cannot keep the model in {self.folder}: {error.strerror}") from error
        return {}

    def load(self, request: Request) -> Reply:
        """Load a model that `put` has brought, or that lies at ``path``."""
        path = request.get("path") or self._path(request["sha256"])
        loaded = Loaded(str(path), request)
        loaded.feed(request["blobs"])
        started = time.perf_counter_ns()
        try:
            loaded.interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise Failure("model", str(error)) from error
        self.models[request["id"]] = loaded
        return {**loaded.facts, "first_ms": (time.perf_counter_ns() - started) / 1e6}

    def run(self, request: Request) -> tuple[Reply, list[bytes]]:
        """Run once on raw tensors."""
        return {}, self.models[request["id"]].run(request["blobs"])

    def time(self, request: Request) -> Reply:
        """Time single calls of `invoke`."""
        before = energy_uj()
        times = self.models[request["id"]].time(request["runs"])
        return {"ns": times, "energy_uj": _energy_between(before, energy_uj())}

    def memory(self, _: Request) -> Reply:
        """Say the largest resident size that this process has had."""
        unit = 1 if sys.platform == "darwin" else 1024
        return {"peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}

    def _path(self, sha256: str) -> pathlib.Path:
        if len(sha256) != 64 or not all(letter in "0123456789abcdef" for letter in sha256):
            raise Failure("request", "no sha256")
        return self.folder / f"{sha256}.tflite"

    def _is_whole(self, sha256: str) -> bool:
        try:
            content = self._path(sha256).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(content).hexdigest() == sha256


ACTIONS = ("hello", "extend", "probe", "pin", "has", "put", "load", "run", "time", "memory")


def answer(worker: Worker, request: Request) -> tuple[Reply, list[bytes]]:
    """Return (reply, blobs) to one request; what goes wrong is a reply too."""
    try:
        action = worker.actions.get(str(request.get("do")), _unknown)
        reply = action(worker, request)
    except Failure as error:
        return {"ok": False, "error": {"kind": error.kind, "message": str(error)}}, []
    except Exception as error:  # noqa: BLE001 - the other side decides what to make of it
        message = f"{type(error).__name__}: {error}"
        return {"ok": False, "error": {"kind": "request", "message": message}}, []
    fields, blobs = reply if isinstance(reply, tuple) else (reply, [])
    return {"ok": True, **fields}, blobs


def _unknown(worker: Worker, request: Request) -> Reply:
    raise Failure("request", f"unknown request {request.get('do')!r}; known: {', '.join(worker.actions)}")


def _listen(stream: IO[bytes], requests: queue.Queue[Any]) -> None:
    """Read requests until the other side has gone, then end this process whatever it is doing."""
    with contextlib.suppress(Exception):
        while (message := read_message(stream)) is not None:
            requests.put(message)
    os._exit(0)


def main() -> None:
    """Answer requests for as long as there are any."""
    requests: queue.Queue[Any] = queue.Queue()
    # What a native library prints must not fall between the messages.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    worker = Worker()
    try:
        while True:
            write_message(replies, *answer(worker, requests.get(timeout=IDLE_S)))
    except (OSError, queue.Empty):
        os._exit(0)


if __name__ == "__main__":
    if sys.path and pathlib.Path(sys.path[0]) == pathlib.Path(__file__).resolve().parent:
        del sys.path[0]  # this folder's other files are not for importing here
    main()
