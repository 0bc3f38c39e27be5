"""A profile of real runs: the tiny network, a real one, and what is refused."""

from __future__ import annotations

import ctypes
import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from build_model import clean
from runtimes import loopback_sshd

from edge_effnet.bench.plan import Plan
from edge_effnet.bench.profile import EXTENSION, profile_file
from edge_effnet.bench.profile_alone import operator_models
from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.inspect import read_model
from edge_effnet.progress import Silent
from edge_effnet.runtimes import Missing, worker_profile
from edge_effnet.runtimes.ssh import SSH
from edge_effnet.runtimes.targets import target
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHORT = Plan(min_runs=20, min_seconds=0.05)


def _profile(path: Path, engine: str = "xnnpack", place: str = "local", plan: Plan = SHORT) -> dict[str, Any]:
    return profile_file(path, engine, place, plan, Silent())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clean network, 7 operators."""
    path = tmp_path_factory.mktemp("profile") / "tiny.tflite"
    path.write_bytes(clean().pack())
    return path


@pytest.fixture(scope="module")
def record(tiny: Path) -> dict[str, Any]:
    """Its profile."""
    return _profile(tiny)


def test_the_record_is_as_published(record: dict[str, Any]) -> None:
    """`profile --json` has a schema, and keeps to it."""
    jsonschema.validate(json.loads(json.dumps(record)), read_schema("profile"))


def test_the_tiny_networks_operators_are_joined_by_name(record: dict[str, Any]) -> None:
    """Golden: what LiteRT 2.3.0's XNNPACK makes of it, with a reshape of its own before the dense layer."""
    if record["runtime"] != "ai-edge-litert 2.3.0":
        pytest.skip(f"the golden is of ai-edge-litert 2.3.0, here is {record['runtime']}")
    assert [(row["name"], row["op"], row["kernel"]) for row in record["operators"]] == [
        ("conv", "CONV_2D", "Convolution (NHWC, QC8) IGEMM"),
        ("swish", "LOGISTIC+MUL", "Invalid Unary Op"),
        ("depthwise", "DEPTHWISE_CONV_2D", "Convolution (NHWC, QC8) DWConv"),
        ("mean", "MEAN", "Mean (ND) Reduce"),
        ("flat", "RESHAPE", "Static Reshape (NC)"),
        ("Static Reshape (NC)", "", "Static Reshape (NC)"),
        ("logits", "FULLY_CONNECTED", "Fully Connected (NC, QS8, QC8W) GEMM"),
    ]


def test_every_operator_of_the_file_is_in_the_record_once(record: dict[str, Any], tiny: Path) -> None:
    """Sums over operators, kinds, parts and blocks are the same."""
    places = sorted(place for row in record["operators"] for place in row["op_indices"])
    assert places == [operator.index for operator in read_model(tiny).main.operators]
    for group in ("operators", "kinds", "parts", "blocks"):
        assert sum(row["us"] or 0 for row in record[group]) == pytest.approx(record["total_us"])
        assert sum(row["macs"] for row in record[group]) == record["macs"]


def test_the_peaks_are_measured(record: dict[str, Any]) -> None:
    """By convolutions and copies whose sizes and figures are in the record; the best of them counts."""
    peak = record["peak"]
    rows = peak["method"]["pointwise"]["int8"]
    assert peak["int8_gmacs_per_s"] == max(row["gmacs_per_s"] for row in rows) > 0
    assert peak["float32_gmacs_per_s"] is None
    large, small = peak["method"]["copies"]
    assert large["buffer_bytes"] >= 64 << 20 > 100 * small["buffer_bytes"]
    assert peak["gbytes_per_s"] == large["gbytes_per_s"] > 0


def test_the_plain_kernels_have_one_event_for_each_operator(tiny: Path) -> None:
    """LOGISTIC and MUL apart; each under the name of the file."""
    rows = _profile(tiny, "builtin")["operators"]
    assert [row["op"] for row in rows] == [row["kernel"] for row in rows]
    assert [row["op_indices"] for row in rows] == [[index] for index in range(7)]


def test_an_engine_without_a_profiler_runs_each_operator_alone(tiny: Path) -> None:
    """And says so: LiteRT's own profiler would give the plain kernels' times under the name of the reference kernels."""
    record = _profile(tiny, "reference")
    jsonschema.validate(json.loads(json.dumps(record)), read_schema("profile"))
    assert record["means"] == "alone"
    assert record["watched_us"] is None
    assert "cut out of the file" in record["method"]
    assert [row["op_indices"] for row in record["operators"]] == [[index] for index in range(7)]
    assert all(row["us"] > 0 for row in record["operators"])


def test_the_plain_kernels_on_two_threads_run_alone(tiny: Path) -> None:
    """LiteRT's profiler would run them on one, and the sum would be of another run than the whole."""
    record = _profile(tiny, "builtin", plan=Plan(threads=2, min_runs=6, min_seconds=0.05))
    assert record["means"] == "alone"
    assert record["threads"] == 2


def _outputs(content: bytes, values: dict[int, Any], operator: Any) -> dict[int, Any]:
    """Run one operator on the tensors of the whole; return what it writes."""
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    read = [index for index in dict.fromkeys(operator.inputs) if index in values]
    for row, index in zip(interpreter.get_input_details(), read, strict=True):
        interpreter.set_tensor(row["index"], values[index])
    interpreter.invoke()
    rows = zip(interpreter.get_output_details(), operator.outputs, strict=True)
    return {index: interpreter.get_tensor(row["index"]) for row, index in rows}


@pytest.mark.parametrize("name", ["tiny", "data/weights/mobilenet_v2_ptq_int8.tflite"])
def test_the_operators_cut_out_of_a_file_are_the_file(
    name: str, tiny: Path, request: pytest.FixtureRequest
) -> None:
    """One after the other they give the output of the whole, bit for bit."""
    path = tiny if name == "tiny" else request.getfixturevalue("shared") / name
    model = read_model(path)
    whole = Interpreter(model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    whole.allocate_tensors()
    (given,) = whole.get_input_details()
    picture = np.random.default_rng(3).integers(0, 100, given["shape"]).astype(given["dtype"])
    whole.set_tensor(given["index"], picture)
    whole.invoke()
    values = {model.main.inputs[0]: picture}
    for operator, content in zip(model.main.operators, operator_models(path, model), strict=True):
        values |= _outputs(content, values, operator)
    expected = whole.get_tensor(whole.get_output_details()[0]["index"])
    assert np.array_equal(values[model.main.outputs[0]], expected)


@pytest.mark.parametrize(
    ("content", "engine", "place", "error"),
    [
        (b"", "xnnpack", "local", DataError),
        (b"\0\0\0\0TFL3" + b"x" * 400, "xnnpack", "local", DataError),
        (None, "xnnpck", "local", UnknownNameError),
        (None, "xnnpack", "lokal", UnknownNameError),
        (None, "xnnpack", "python:/nowhere", UsageError),
        (None, "xnnpack", "adb", EdgeEffnetError),
    ],
)
def test_what_cannot_be_profiled_is_refused(
    content: bytes | None, engine: str, place: str, error: type[Exception], tiny: Path, tmp_path: Path
) -> None:
    """A damaged file, names that are not there, a device without a worker."""
    path = tiny
    if content is not None:
        path = tmp_path / "bad.tflite"
        path.write_bytes(content)
    with pytest.raises(error):
        _profile(path, engine, place)


def test_a_truncated_file_is_refused(tiny: Path, tmp_path: Path) -> None:
    """Half of a model is no model."""
    path = tmp_path / "half.tflite"
    path.write_bytes(tiny.read_bytes()[:1300])
    with pytest.raises(DataError):
        _profile(path)


def test_the_parts_of_a_real_network_are_the_whole(shared: Path) -> None:
    """Within 10 %, from one run: operators under the profiler, the whole without it; at most three attempts, all recorded."""
    record = _profile(
        shared / "data/weights/mobilenet_v2_ptq_int8.tflite", plan=Plan(min_runs=60, min_seconds=1)
    )
    assert record["fits"], record["attempts"]
    assert record["whole_us"] > 500
    assert {row["part"] for row in record["operators"]} >= {
        "stem",
        "expand",
        "depthwise",
        "project",
        "add",
        "head",
    }
    assert all(row["block"] is None for row in record["operators"])
    assert not [row for row in record["operators"] if row["reason"]]


@pytest.mark.skipif(loopback_sshd.missing() is not None, reason=str(loopback_sshd.missing()))
def test_a_model_is_profiled_on_a_machine_behind_ssh(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: dict[str, Any]
) -> None:
    """The worker, its extension and the model travel; the rows are the same as here."""
    with loopback_sshd.sshd(tmp_path, sys.executable) as server:
        monkeypatch.setenv(SSH, server.command)
        there = _profile(tiny, place=server.target)
    assert [row["name"] for row in there["operators"]] == [row["name"] for row in record["operators"]]
    assert there["total_us"] > 0
    assert there["peak"]["gbytes_per_s"] > 0


# What guards the profiler: the C API may change with any version.


def _watch(tiny: Path) -> worker_profile.Watched:
    values = [np.zeros((1, 8, 8, 3), np.int8).tobytes()]
    return worker_profile.Watched(str(tiny), "xnnpack", 1, values)


def test_another_layout_of_the_events_is_noticed_before_a_pointer_is_followed(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that is smaller or larger than expected: a reason, no crash and no figures."""
    _watch(tiny)
    fields = worker_profile.Event._fields_
    for changed in (
        (*fields, ("new", ctypes.c_uint64)),
        (*fields[:2], ("new", ctypes.c_uint64), *fields[2:]),
        fields[:4],
        (("new", ctypes.c_int32), *fields),
    ):
        absent = {name: 0 for name, _ in fields if name not in dict(changed)}
        other = type("Event", (ctypes.Structure,), {"_fields_": changed, **absent})
        monkeypatch.setattr(worker_profile, "Event", other)
        with pytest.raises(worker_profile.Unavailable, match="layout"):
            _watch(tiny)


def test_a_function_that_is_gone_is_a_reason(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with the version."""
    api = worker_profile.Api.function

    def without(self: worker_profile.Api, name: str) -> Callable[..., int]:
        return api(self, "Gone" if name == "StartProfiler" else name)

    monkeypatch.setattr(worker_profile.Api, "function", without)
    with pytest.raises(worker_profile.Unavailable, match="has no function LiteRtGone"):
        _watch(tiny)


def test_a_status_that_is_not_zero_is_a_reason(tmp_path: Path) -> None:
    """Such as a file that is not there."""
    with pytest.raises(worker_profile.Unavailable, match=r"CreateModelFromFile.*status"):
        _watch(tmp_path / "nowhere.tflite")


def test_a_crash_inside_the_library_is_an_error_here(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the worker and nothing else; the message names the versions that were tested."""
    crashing = tmp_path / "worker_profile.py"
    crashing.write_text(
        "import os, signal\nACTIONS = {'profile_open': lambda *_: os.kill(os.getpid(), signal.SIGSEGV)}\n"
    )
    monkeypatch.setattr("edge_effnet.bench.profile.EXTENSION", crashing)
    with pytest.raises(EnvironmentFault, match=r"the profiler of ai-edge-litert .* failed") as refused:
        _profile(tiny)
    assert worker_profile.TESTED[-1] in str(refused.value.hint)


def test_a_reason_travels_as_a_reply() -> None:
    """The worker goes on; the near end makes an error with a fix of it."""
    worker = SimpleNamespace(models={"m1": None})
    reply = worker_profile.profile_open(worker, {"id": "m1", "engine": "reference"})
    assert "reference" in reply["missing"]
    assert reply["tested"]


def test_the_extension_is_self_contained() -> None:
    """It is sent to machines that have numpy and a runtime, and Python 3.9."""
    source = EXTENSION.read_text(encoding="utf-8")
    assert "import edge_effnet" not in source
    assert "from edge_effnet" not in source
    compile(source, "worker_profile.py", "exec")


def test_instructions_are_joined_with_the_same_operators(tiny: Path) -> None:
    """On an emulated core: counts for every operator, no times, and the operators make nearly the whole."""
    probe = target("arm64:cortex-a76").probe()
    if isinstance(probe, Missing):
        pytest.skip(f"{probe.reason}; {probe.fix}")
    record = _profile(tiny, place="arm64:cortex-a76")
    jsonschema.validate(json.loads(json.dumps(record)), read_schema("profile"))
    assert record["timing"] == "none"
    assert record["total_us"] is None
    assert all(row["us"] is None and row["instructions"] > 0 for row in record["operators"])
    assert sum(row["instructions"] for row in record["operators"]) <= record["instructions"]
