"""Every wording of the compiler becomes the same record; what is no log is an error, never a crash."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING

import pytest
from compiler_logs import TABLE, block, success
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_effnet.edgetpu.log import merged, read_log
from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

SHEET = "facts/edgetpu_compiler_v16_logs.txt"


def _sections(shared: Path) -> list[str]:
    """Return the sheet's logs, one by one."""
    text = (shared / SHEET).read_text(encoding="utf-8")
    sections = re.split(r"^(?:#.*|---)$", text, flags=re.MULTILINE)
    return [section.strip() for section in sections if section.strip()]


def test_the_sheets_summary_is_read_whole(shared: Path) -> None:
    """Version, time, sizes in bytes, counts."""
    log = read_log(_sections(shared)[0])
    (model,) = log.models
    assert (log.version, log.elapsed_ms, log.timeout_s, log.succeeded) == ("16.0.384591198", 3438, 180, True)
    assert log.complaints == ()
    assert model.input == "yolov5s-int8.tflite"
    assert model.output == "yolov5s-int8_edgetpu.tflite"
    assert model.on_chip_used_bytes == round(6.89 * 2**20)
    assert model.on_chip_remaining_bytes == 1024
    assert model.off_chip_bytes == 175 * 1024
    assert (model.operations, model.tpu_operations, model.cpu_operations, model.subgraphs) == (229, 222, 7, 1)


def test_every_section_of_the_sheet_is_understood(shared: Path) -> None:
    """The summary succeeds; the table has rows; every failure has a cause; the search counts its tries."""
    sections = _sections(shared)
    assert len(sections) == 8
    logs = [read_log(section) for section in sections if not section.startswith("Searching")]
    assert [log.succeeded for log in logs] == [True, *[False] * 6]
    assert [row.status[:6] for row in logs[1].models[0].operators] == ["Mapped", "Operat"]
    for log in logs[2:]:
        assert any(complaint.cause and complaint.fix for complaint in log.complaints)
    assert read_log(f"Edge TPU Compiler version 16.0\n{sections[-1]}").segments == 1


@pytest.mark.parametrize("version", [2, 14, 15, 16])
def test_wordings_of_all_versions_give_one_record(version: int) -> None:
    """Older ones say "available" and do not say that they succeeded at the end."""
    log = read_log(success(version=version, cached="1.50KiB"))
    (model,) = log.models
    assert log.succeeded
    assert model.on_chip_used_bytes == 1536
    assert model.steps["on_chip_used_bytes"] == pytest.approx(10.24)
    field = "on_chip_remaining_bytes" if version >= 16 else "on_chip_available_bytes"
    assert getattr(model, field) == round(7.5 * 2**20)
    assert model.mapped == 7


def test_a_table_in_the_output_belongs_to_its_model() -> None:
    """With -s it stands on stdout; rows of one operator may differ in status."""
    table = TABLE.replace(
        "RESHAPE                        1          Mapped to Edge TPU",
        "RESHAPE                        1          More than one subgraph is not supported",
    )
    (model,) = read_log(success(table=table)).models
    assert len(model.operators) == 7
    assert model.mapped == 6


def test_models_compiled_together_have_a_part_each() -> None:
    """The blocks repeat, and their tables come in files."""
    text = (
        "Edge TPU Compiler version 16.0.1\nModels compiled successfully in 2000 ms.\n\n"
        + block("a", "1.00MiB", "0.00B", 7)
        + "\n"
        + block("b", "2.00MiB", "3.00KiB", 7)
        + "Compilation succeeded!\n"
    )
    tables = [read_log(f"Input: /x/{name}.tflite\nOutput: {name}_edgetpu.tflite\n{TABLE}") for name in "ba"]
    log = merged(read_log(text), tables)
    assert [model.on_chip_used_bytes for model in log.models] == [2**20, 2**21]
    assert [len(model.operators) for model in log.models] == [7, 7]


def test_a_search_that_ends_well_has_succeeded() -> None:
    """Failures before the success are kept, and do not count as the outcome."""
    before = (
        "ERROR: Restored original execution plan after delegate application failure.\nCompilation failed: x\n"
    )
    log = read_log(
        f"Searching for valid delegate with step 1\nTry to compile segment with 9 ops\n{before}{success()}"
    )
    assert log.succeeded
    assert log.segments == 1
    assert len(log.complaints) == 2


def test_the_last_word_counts() -> None:
    """A compiler that says at the end that it failed has failed."""
    assert not read_log(success().replace("Compilation succeeded!", "Compilation failed!")).succeeded


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing in it"),
        ("Hello, world\n", "nothing in it"),
        (success(cached="lots"), "a size such as"),
        (success(cached="1.2.3MiB"), "a size such as"),
        (success().replace("operations: 7", "operations: seven"), "a number"),
        (success().replace("operations: 7", "operations: " + "9" * 40), "a number"),
        (success(cpu=2).replace("run on CPU: 2", "run on CPU: 3"), "both sides"),
        (success(operations=9, table=TABLE), "the table"),
        ("\n" * 300_000, "far too long"),
    ],
)
def test_a_malformed_log_says_what_is_wrong(text: str, says: str) -> None:
    """Exit code 4 in the end."""
    with pytest.raises(DataError, match=says):
        read_log(text)


_LINES = st.sampled_from(success(cpu=2, table=TABLE).splitlines())
_NOISE = st.text(max_size=60)


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINES | _NOISE | st.tuples(_LINES, _NOISE).map("".join), max_size=30))
@example(["Operator Count Status", "A 1 x", "Operator Count Status"])
def test_no_text_crashes_the_reader(lines: list[str]) -> None:
    """Lines of a log in any order, with any noise between and in them."""
    with contextlib.suppress(DataError):
        json.dumps(read_log("\n".join(lines)).as_json())
