"""For engines without a profiler: every operator is cut out of the file and timed alone, in turns with the whole.

An operator that runs alone finds its input in the caches, and pays for one call of its own. Beside kernels that take
milliseconds, as the reference kernels do, neither matters; how near the sum comes to the whole says whether it did.
"""

from __future__ import annotations

import copy
import struct
from typing import TYPE_CHECKING, Any, Final

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from edge_effnet.bench.profile_times import Times, middle_mean
from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.bench.plan import Plan
    from edge_effnet.inspect import Model, Operator
    from edge_effnet.runtimes.connection import RemoteModel

__all__ = ["attempt_alone", "must_run_alone", "operator_models"]

_ALONE: Final = ("reference", "tflite-runtime")
"""Engines without a profiler, which run the operators of a file one by one."""

_ROUNDS: Final = 3
_DAMAGE: Final = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError)
"""What the generated classes raise on a file that holds what the audit does not look at."""


def must_run_alone(engine: str, threads: int) -> bool:
    """Return whether there is no profiler for an engine: LiteRT's runs the plain kernels on one thread, whatever is asked for."""
    return engine in _ALONE or (engine == "builtin" and threads > 1)


def operator_models(path: Path, model: Model) -> list[bytes]:
    """Return a .tflite of each operator of a file, with its constants, in order.

    Raises:
        DataError: The file cannot be taken apart.
    """
    try:
        whole = tfl.ModelT.InitFromObj(tfl.Model.GetRootAs(path.read_bytes(), 0))
        return [_alone(whole, model, operator) for operator in model.main.operators]
    except _DAMAGE as error:
        raise DataError(f"the model cannot be taken apart: {error}", got=path) from error


def _alone(whole: Any, model: Model, operator: Operator) -> bytes:
    graph, source = model.main, whole.subgraphs[0]
    used = [index for index in dict.fromkeys((*operator.inputs, *operator.outputs)) if index >= 0]
    places = {-1: -1, **{old: new for new, old in enumerate(used)}}
    packed = tfl.ModelT()
    packed.version, packed.buffers = whole.version, [tfl.BufferT()]
    part = tfl.SubGraphT()
    part.tensors = []
    for old in used:
        tensor = copy.copy(source.tensors[old])
        tensor.buffer = 0
        if graph.tensors[old].raw.size:
            buffer = tfl.BufferT()
            buffer.data = graph.tensors[old].raw
            packed.buffers.append(buffer)
            tensor.buffer = len(packed.buffers) - 1
        part.tensors.append(tensor)
    work = copy.copy(source.operators[operator.index])
    packed.operatorCodes = [whole.operatorCodes[work.opcodeIndex]]
    work.opcodeIndex, work.intermediates = 0, None
    work.inputs = [places[index] for index in operator.inputs]
    work.outputs = [places[index] for index in operator.outputs]
    part.operators, part.outputs = [work], list(work.outputs)
    part.inputs = [
        places[index]
        for index in dict.fromkeys(operator.inputs)
        if index >= 0 and not graph.tensors[index].is_constant
    ]
    packed.subgraphs = [part]
    builder = flatbuffers.Builder(1 << 10)
    builder.Finish(packed.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def attempt_alone(loaded: RemoteModel, path: Path, model: Model, engine: str, plan: Plan) -> Times:
    """Time every operator and the whole in turns.

    Args:
        loaded: The whole, in a worker that knows ``model_speed``.
        path: Its file.
        model: What that holds.
        engine: What runs it.
        plan: How long, with what.

    Raises:
        DataError: The engine refuses an operator alone.
    """
    parts = operator_models(path, model)
    runs = -(-plan.min_runs // _ROUNDS)
    request: dict[str, Any] = {
        "id": loaded.name, "engine": engine, "threads": plan.threads, "runs": runs, "timeout_s": plan.timeout_s,
        "seconds": plan.min_seconds / _ROUNDS / (1 + len(parts)),
    }  # fmt: skip
    operators: list[list[int]] = [[] for _ in parts]
    whole: list[int] = []
    for _ in range(_ROUNDS):
        whole += loaded.time(runs, timeout_s=plan.timeout_s)[0]
        for place, content in enumerate(parts):
            operators[place] += loaded.connection.ask("model_speed", content, **request)[0]["ns"]
    figures = np.array([middle_mean(np.array(times)) / 1e3 for times in operators])
    return Times(figures, float(figures.sum()), middle_mean(np.array(whole)) / 1e3, None, len(whole))
