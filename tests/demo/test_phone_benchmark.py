"""What the app's benchmark writes is a record of `bench`: `report` and `compare` read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest

from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from demo.jvm_core import JvmCore


@pytest.fixture
def measured(jvm: JvmCore, colours: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that lets the app's own code write a record, of times that are invented."""
    model = colours()

    def write(name: str, slower: float = 1.0) -> Path:
        jvm.ask("benchmark-json", tmp_path / name, model, str(slower))
        return tmp_path / name

    return write


def test_the_record_keeps_to_the_schema_and_names_its_conditions(measured: Callable[..., Path]) -> None:
    """A figure of a phone carries the phone, its runtime, its threads and its temperature."""
    record = json.loads(measured("phone.json").read_text())
    jsonschema.Draft202012Validator(read_schema("bench")).validate(record)
    text = json.dumps(record)
    assert all(word in text for word in ("thermal", "threads", "samples", "sha256"))


def test_report_reads_it(measured: Callable[..., Path], tmp_path: Path) -> None:
    """With a page in which the phone's median stands."""
    path = measured("phone.json")
    assert run(["report", str(path), "-o", str(tmp_path / "report")]) == 0
    pages = [page.read_text() for page in (tmp_path / "report").rglob("*.html")]
    median = json.loads(path.read_text())["results"][0]["median_ms"]
    assert any(f"{median:.2f}" in page for page in pages)


def test_compare_tells_a_slower_phone(
    measured: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two records of the app are two runs like any other."""
    first, second = measured("a.json"), measured("b.json", 1.3)
    assert run(["compare", str(first), str(second)]) == 0
    assert "1.300" in capsys.readouterr().out
