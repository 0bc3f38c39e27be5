"""Times every operator of a model, with the profiler behind LiteRT's C API: an extension of `worker.py`, and as self-contained.

The wheel's libLiteRt.so exports the C API; it has no Python face, so it is called through ctypes. It is internal enough
that another version may have changed it: a version that was not tested is tried, what comes back is checked before a
pointer in it is followed, and whatever is amiss becomes a reason in the reply (``missing``), never a wrong number. What a
check cannot catch ends this process, not the one that asked.

References:
    google-ai-edge/LiteRT litert/c/litert_profiler_event.h (record of an event), litert/c/litert_compiled_model.h;
    google/XNNPACK src/runtime.c, xnn_get_elapsed_time (an operator's microseconds are cut, not rounded).
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import pathlib
import tempfile
import threading
import time
from ctypes import byref, c_char_p, c_int, c_int32, c_size_t, c_uint64, c_void_p
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TESTED = ("2.2.0", "2.3.0")
"""Versions of ai-edge-litert that this was tested with."""

KERNEL_MODES = {"xnnpack": "delegate", "builtin": "builtin"}
"""Engine -> LiteRT's name for the same kernels.

It has a mode ``reference`` too, but 2.3.0 then runs the plain kernels (a ninth of the time that the reference kernels
take on Lite0), so that engine has no profiler.
"""

_CPU = 1
"""LiteRT's bit for the hardware that is wanted."""

_INTERPRETER_OPERATOR, _DELEGATE_OPERATOR = 2, 8
"""Types of the events that are operators."""

_SOURCES = 3
"""LiteRT itself, the interpreter, a delegate."""

_ALIGNMENT_BYTES = 64
"""Of the memory that tensors may lie in."""

_TYPE_BYTES = 256
"""Room for LiteRT's description of a tensor's type, 72 bytes in 2.3.0; it is passed on and never looked into."""

_ROOM = 8
"""How many times as large as expected an event may be before it is written beyond the memory that is set aside."""

_SENTINEL = 0xA5


class Event(ctypes.Structure):
    """What the profiler says of one event."""

    _fields_ = (
        ("tag", c_char_p),
        ("type", c_int32),
        ("start_us", c_uint64),
        ("elapsed_us", c_uint64),
        ("memory_before", c_size_t * 3),
        ("memory_after", c_size_t * 3),
        ("index", c_uint64),
        ("more", c_uint64),
        ("source", c_int32),
    )


class Unavailable(Exception):  # noqa: N818 - it becomes a reason in a reply
    """The profiler cannot be used here."""


def _noop(_: Any) -> None:
    """Free nothing: this module keeps what it lends."""


_DELETER = ctypes.CFUNCTYPE(None, c_void_p)(_noop)


class Api:
    """The C API: functions by name, whose status is checked."""

    def __init__(self) -> None:
        self.version = importlib.metadata.version("ai-edge-litert")
        package = importlib.util.find_spec("ai_edge_litert")
        folders = (
            [pathlib.Path(place) for place in package.submodule_search_locations or ()] if package else []
        )
        found = [path for folder in folders for path in sorted(folder.glob("libLiteRt.*"))]
        if not found:
            raise Unavailable(f"ai-edge-litert {self.version} brings no libLiteRt")
        try:
            self._library = ctypes.CDLL(str(found[0]))
        except OSError as error:
            raise Unavailable(
                f"libLiteRt of ai-edge-litert {self.version} cannot be loaded: {error}"
            ) from error

    def function(self, name: str) -> Callable[..., int]:
        """Return a function of the library, ``LiteRt`` before its name."""
        try:
            found = getattr(self._library, f"LiteRt{name}")
        except AttributeError as error:
            raise Unavailable(f"ai-edge-litert {self.version} has no function LiteRt{name}") from error
        found.restype = c_int
        return found  # type: ignore[no-any-return]

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that returns a status."""
        status = self.function(name)(*arguments)
        if status:
            raise Unavailable(f"LiteRt{name} of ai-edge-litert {self.version} failed with status {status}")

    def make(self, name: str, *arguments: Any) -> c_void_p:
        """Call a function whose last argument takes the object that it makes or finds."""
        made = c_void_p()
        self.call(name, *arguments, byref(made))
        return made


class Watched:
    """A model whose operators are timed.

    Attributes:
        events: Type, index and tag of every operator's event, in the order in which they ran.
    """

    def __init__(self, path: str, engine: str, threads: int, values: list[bytes]) -> None:
        self.api = api = Api()
        self._kept: list[Any] = []
        environment = api.make("CreateEnvironment", c_int(0), None)
        model = api.make("CreateModelFromFile", environment, c_char_p(path.encode()))
        options = api.make("CreateOptions")
        api.call("SetOptionsHardwareAccelerators", options, c_int(_CPU))
        self._add(options, "runtime_options_string", "enable_profiling = true\n")
        self._add(options, "xnnpack", f'num_threads = {threads}\nkernel_mode = "{KERNEL_MODES[engine]}"\n')
        compiled = api.make("CreateCompiledModel", environment, model, options)
        signature = api.make("GetModelSignature", model, c_size_t(0))
        inputs = [
            self._buffer(compiled, signature, "Input", place, value) for place, value in enumerate(values)
        ]
        outputs = [
            self._buffer(compiled, signature, "Output", place, None)
            for place in range(self._count(signature, "Outputs"))
        ]
        self._arguments = (
            compiled, c_size_t(0), c_size_t(len(inputs)), (c_void_p * len(inputs))(*inputs),
            c_size_t(len(outputs)), (c_void_p * len(outputs))(*outputs),
        )  # fmt: skip
        self._profiler = api.make("CompiledModelGetProfiler", compiled)
        if not self._profiler:
            raise Unavailable(f"ai-edge-litert {api.version} gave no profiler")
        self._run = api.function("RunCompiledModel")
        self.watch()
        self.events = [
            {
                "type": int(row.type),
                "index": int(row.index),
                "tag": (row.tag or b"").decode("utf-8", "replace"),
            }
            for row in self._operators()
        ]
        if not self.events:
            raise Unavailable(f"the profiler of ai-edge-litert {api.version} recorded no operator")
        self._kinds = [(row["type"], row["index"]) for row in self.events]

    def watch(self) -> int:
        """Run once under the profiler; return the nanoseconds of the whole."""
        self.api.call("ResetProfiler", self._profiler)
        self.api.call("StartProfiler", self._profiler)
        started = time.perf_counter_ns()
        status = self._run(*self._arguments)
        elapsed = time.perf_counter_ns() - started
        self.api.call("StopProfiler", self._profiler)
        if status:
            raise Unavailable(f"LiteRtRunCompiledModel failed with status {status}")
        return elapsed

    def times_us(self) -> list[int]:
        """Return the microseconds of each of `events` in the last run."""
        rows = self._operators()
        if [(row.type, row.index) for row in rows] != self._kinds:
            raise Unavailable("the profiler's events differ from run to run")
        return [int(row.elapsed_us) for row in rows]

    def _operators(self) -> list[Event]:
        """Return the operators' events of the last run, each looked over before its pointer may be followed."""
        count = c_int(0)
        self.api.call("GetNumProfilerEvents", self._profiler, byref(count))
        if not 0 <= count.value < 1 << 20:
            raise Unavailable(f"the profiler claims {count.value} events")
        size = ctypes.sizeof(Event) * count.value
        memory = (ctypes.c_uint8 * (_ROOM * (size + ctypes.sizeof(Event))))()
        ctypes.memset(memory, _SENTINEL, len(memory))
        self.api.call("GetProfilerEvents", self._profiler, c_int(count.value), byref(memory))
        rows = (Event * count.value).from_buffer(memory)
        whole = all(
            row.type > 0 and row.type & (row.type - 1) == 0 and 0 <= row.source < _SOURCES for row in rows
        )
        if not whole or set(memory[size:]) != {_SENTINEL}:
            raise Unavailable(f"ai-edge-litert {self.api.version} records events in another layout")
        return [row for row in rows if row.type in (_INTERPRETER_OPERATOR, _DELEGATE_OPERATOR)]

    def _add(self, options: c_void_p, identifier: str, text: str) -> None:
        content = ctypes.create_string_buffer(text.encode())
        self._kept.append(content)
        made = self.api.make(
            "CreateOpaqueOptions", c_char_p(identifier.encode()), ctypes.cast(content, c_void_p), _DELETER
        )
        self.api.call("AddOpaqueOptions", options, made)

    def _count(self, signature: c_void_p, side: str) -> int:
        count = c_size_t(0)
        self.api.call(f"GetNumSignature{side}", signature, byref(count))
        return count.value

    def _buffer(
        self, compiled: c_void_p, signature: c_void_p, side: str, place: int, value: bytes | None
    ) -> c_void_p:
        """Return a buffer for an input or an output, in memory of this module."""
        number = c_size_t(place)
        tensor = self.api.make(f"GetSignature{side}TensorByIndex", signature, number)
        kind = ctypes.create_string_buffer(_TYPE_BYTES)
        self.api.call("GetRankedTensorType", tensor, byref(kind))
        needs = self.api.make(f"GetCompiledModel{side}BufferRequirements", compiled, c_size_t(0), number)
        size = c_size_t(0)
        self.api.call("GetTensorBufferRequirementsBufferSize", needs, byref(size))
        memory = (ctypes.c_uint8 * (size.value + _ALIGNMENT_BYTES))()
        address = -(-ctypes.addressof(memory) // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
        if value is not None:
            if len(value) > size.value:
                raise Unavailable(f"LiteRT wants {size.value} bytes of input, the model's has {len(value)}")
            ctypes.memmove(address, value, len(value))
        self._kept += [memory, kind]
        return self.api.make(
            "CreateTensorBufferFromHostMemory", byref(kind), c_void_p(address), size, c_void_p()
        )


def _guarded(action: Callable[..., Any]) -> Callable[..., Any]:
    """Turn `Unavailable` into a reply that says why not."""

    def answer(worker: Any, request: dict[str, Any]) -> Any:
        try:
            return action(worker, request)
        except Unavailable as error:
            return {"missing": str(error), "tested": list(TESTED)}

    return answer


@_guarded
def profile_open(worker: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Prepare to watch a model that is loaded; return its operators' events."""
    loaded, engine = worker.models[request["id"]], request["engine"]
    if engine not in KERNEL_MODES:
        raise Unavailable(f"the engine {engine} has no profiler; {' and '.join(KERNEL_MODES)} have")
    loaded.feed([])
    details = loaded.interpreter.get_input_details()
    values = [loaded.interpreter.get_tensor(row["index"]).tobytes() for row in details]
    loaded.watched = Watched(loaded.path, engine, request["threads"], values)
    api = loaded.watched.api
    return {"events": loaded.watched.events, "version": api.version, "tested": api.version in TESTED}


@_guarded
def profile(worker: Any, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Run watched and unwatched in turns; return the times of both.

    The first run of a turn finds the caches full of the other's weights and is not counted.

    Returns:
        Blobs: microseconds of each operator, ``(runs, events) uint32``; nanoseconds of the whole watched run,
        ``(runs,) int64``; nanoseconds of the interpreter's `invoke`, unwatched, ``(runs,) int64``.
    """
    import numpy as np

    loaded, per_turn = worker.models[request["id"]], request["per_turn"]
    watched: Watched = loaded.watched
    operators: list[list[int]] = []
    whole_ns: list[int] = []
    plain_ns: list[int] = []
    for _ in range(request["turns"]):
        watched.watch()
        for _ in range(per_turn):
            whole_ns.append(watched.watch())
            operators.append(watched.times_us())
        plain_ns += loaded.time(1 + per_turn)[1:]
    blobs: list[Any] = [
        np.asarray(operators, np.uint32),
        np.asarray(whole_ns, np.int64),
        np.asarray(plain_ns, np.int64),
    ]
    return {"runs": len(operators)}, [blob.tobytes() for blob in blobs]


def model_speed(worker: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Time a model that is needed for a moment, as another that is loaded: same engine, same threads."""
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(request["blobs"][0])
        file.flush()
        loaded = type(worker.models[request["id"]])(file.name, request)
    loaded.feed([])
    first_ns = loaded.time(2)[1]
    return {"ns": loaded.time(min(max(int(request["seconds"] * 1e9 / first_ns), request["runs"]), 2000))}


def copy_speed(_: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Copy a buffer with all threads at once, again and again; return the bytes read and written, and the nanoseconds.

    Each thread has buffers of its own, so that a size can be chosen that stays in a core's cache.
    """
    import numpy as np

    threads, size, copies = request["threads"], request["size_bytes"], request["copies"]
    pairs = [(np.ones(size, np.uint8), np.zeros(size, np.uint8)) for _ in range(threads)]

    def work(source: Any, target: Any) -> None:
        for _ in range(copies):
            np.copyto(target, source)

    times: list[int] = []
    for _ in range(request["runs"]):
        workers = [threading.Thread(target=work, args=pair) for pair in pairs[1:]]
        started = time.perf_counter_ns()
        for each in workers:
            each.start()
        work(*pairs[0])
        for each in workers:
            each.join()
        times.append(time.perf_counter_ns() - started)
    return {"moved_bytes": 2 * size * copies * threads, "ns": times}


ACTIONS = {
    "profile_open": profile_open,
    "profile": profile,
    "model_speed": model_speed,
    "copy_speed": copy_speed,
}
