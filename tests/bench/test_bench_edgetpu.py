"""`bench` on the engine `edgetpu`: one process for all its models, first inference apart, everything visible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from compiled_models import compiled, executable, flex, package
from runtimes.delegates import compiled_delegate

from edge_effnet.bench.notices import notices_of
from edge_effnet.bench.record import EMPTY
from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema

_SHORT = ["--engine", "edgetpu", "--min-seconds", "0.05", "--min-runs", "20"]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two compiled models, which share no token's worth of difference, and the stand-in for libedgetpu."""
    monkeypatch.setenv("EDGETPU_LIBRARY", str(compiled_delegate(tmp_path)))
    monkeypatch.setenv("STAND_IN_MODE", "take")
    paths = []
    for name, token in (("a", 7), ("b", 7), ("c", 8)):
        path = tmp_path / f"{name}_edgetpu.tflite"
        content = [executable(2, 16, token=token), executable(1, 48, token=token)]
        path.write_bytes(compiled([flex(package(content))]))
        paths.append(str(path))
    return paths


def _bench(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run(["bench", *words, *_SHORT, "--json"]) == 0
    record: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("bench"))
    return record


def test_a_compiled_model_is_measured(models: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The first inference, which loads the parameters, is not in the median, and is told."""
    (result,) = _bench(models[:1], capsys)["results"]
    assert (result["status"], result["timing"]) == ("ok", "measured")
    assert (result["delegated_ops"], result["total_ops"]) == (1, 1)
    assert result["first_ms"] >= 30 > result["median_ms"]
    assert "cold_start" in {notice["code"] for notice in result["notices"]}
    accelerator = result["accelerator"]
    assert (accelerator["cached_bytes"], accelerator["streamed_bytes"]) == (48, 16)
    assert (accelerator["models"], accelerator["compiled_together"]) == (1, None)


def test_models_on_one_device_share_a_process(models: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Only one process can hold it; whether they were compiled together is told by their tokens."""
    together = _bench(models[:2], capsys)["results"]
    assert [one["accelerator"]["compiled_together"] for one in together] == [True, True]
    apart = _bench(models[1:], capsys)["results"]
    assert [one["accelerator"]["models"] for one in apart] == [2, 2]
    assert all("shared_cache" in {notice["code"] for notice in one["notices"]} for one in apart)


def test_an_uncompiled_model_and_a_cpu_stand_beside(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be measured is listed with its reason, and does not keep the others from it."""
    from runtimes.tiny_models import colour_classifier

    plain = tmp_path / "plain.tflite"
    plain.write_bytes(colour_classifier().to_bytes())
    record = _bench([models[0], str(plain), "--engine", "xnnpack"], capsys)
    found = {(Path(one["model"]).name, one["engine"]): one for one in record["results"]}
    assert "not compiled" in found["plain.tflite", "edgetpu"]["reason"]
    assert "compiled for the Edge TPU" in found["a_edgetpu.tflite", "xnnpack"]["reason"]
    assert (
        found["plain.tflite", "xnnpack"]["status"] == found["a_edgetpu.tflite", "edgetpu"]["status"] == "ok"
    )


def test_without_a_device_it_says_what_is_missing(
    models: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3."""
    monkeypatch.setenv("STAND_IN_MODE", "refuse")
    assert run(["bench", models[0], *_SHORT]) == 3
    assert "no Edge TPU is attached" in capsys.readouterr().err
    assert run(["bench", models[0], "--engine", "edgetpu:nowhere"]) == 2


@pytest.mark.parametrize(("speed", "warns"), [(480, True), (5000, False), (None, False)])
def test_a_usb2_port_is_a_notice(speed: int | None, warns: bool) -> None:
    """It works, and slowly."""
    result = {**EMPTY, "engine": "edgetpu", "accelerator": {"usb_speed_mbps": speed}}
    assert ("usb2" in {notice["code"] for notice in notices_of(result)}) is warns
