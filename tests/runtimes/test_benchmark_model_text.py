"""runtimes.benchmark_model: the tool's output, recorded from real runs and in the forms of other builds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import DataError
from edge_effnet.runtimes.benchmark_model import runs_from_text
from edge_effnet.runtimes.tool_run import Delegation, ToolRun

GOLDEN = Path(__file__).parents[1] / "golden" / "benchmark_model"


def _run(name: str) -> ToolRun:
    (run,) = runs_from_text((GOLDEN / name).read_text())
    return run


def test_a_recorded_run_is_read_whole() -> None:
    """The second line of statistics is the measurement; microseconds become milliseconds; memory stays in MiB."""
    run = _run("measured.txt")
    assert (run.model, run.threads, run.init_ms, run.first_ms) == (
        "lite0_224_w8a8.tflite",
        1,
        1.032,
        68.155,
    )
    assert run.measured is not None
    assert run.warm_up is not None
    assert (run.measured.count, run.measured.mean, run.measured.least) == (5, 64.96, 64.15)
    assert run.warm_up.count == 2
    assert run.measured.median is None, "this build prints no median, so there is none"
    assert set(run.memory_mb) == {"init", "overall", "peak"}
    assert run.unknown_flags == ["--use_xnnpack=false"]


def test_the_profile_is_that_of_the_inferences() -> None:
    """The profile of the initialisation comes first and looks the same; the table by time comes after; neither counts."""
    run = _run("profile.txt")
    assert [row.index for row in run.operators] == list(range(60))
    assert run.operators[0].kind == "CONV_2D"
    assert run.operators[0].name == "[stem_conv]:0"
    assert run.measured is not None
    assert run.measured.mean == pytest.approx(64.1496, abs=1e-6), (
        "not the sum of operators, which ends the profile in the same form"
    )
    total = sum(row.mean_ms for row in run.operators)
    assert total == pytest.approx(run.measured.mean, rel=0.02)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("not_delegated.txt", Delegation("DummyDelegate", "none", 0, 1, 0)),
        ("partly.txt", Delegation("DummyDelegate", "some", 9, 60, 9)),
        ("xnnpack.txt", Delegation("XNNPACK", "all")),
        ("xnnpack_took_nothing.txt", Delegation("XNNPACK", "none")),
        ("xnnpack_forms.txt", Delegation("TfLiteXNNPackDelegate", "some", 190, 200, 3)),
        ("block_forms.txt", Delegation("TfLiteXNNPackDelegate", "all", 7, 7, 1)),
        ("logcat_forms.txt", Delegation("NNAPI", "some")),
    ],
)
def test_what_a_delegate_took_is_read(name: str, found: Delegation) -> None:
    """Counts where the tool prints them, the extent where it prints only that."""
    assert _run(name).delegations[0] == found


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("custom_op.txt", "Invented"),
        ("op_version.txt", "FULLY_CONNECTED"),
        ("garbage.txt", "Flatbuffer"),
        ("no_library.txt", "none.so"),
        ("xnnpack_failed.txt", "failed to setup XNNPACK runtime"),
    ],
)
def test_a_run_that_failed_says_why_and_measures_nothing(name: str, word: str) -> None:
    """The tool's own complaint is kept."""
    run = _run(name)
    assert run.measured is None
    assert word in " ".join(run.errors)


def test_calls_that_failed_are_no_measurement() -> None:
    """The tool goes on when every call fails, and prints how fast they failed: 9 microseconds for a whole network."""
    text = (GOLDEN / "xnnpack_failed.txt").read_text()
    assert "count=4076 first=4874 curr=7 min=7 max=4874 avg=9.2787" in text
    (run,) = runs_from_text(text.replace("ERROR: Benchmarking failed.", ""))
    assert run.measured is None
    assert len(run.errors) == 3, "each complaint once, however often it was made"


def test_the_profile_of_a_delegate_is_read() -> None:
    """XNNPACK's own kernels, in run order."""
    run = _run("xnnpack_profile.txt")
    assert run.operators[1].kind == "Convolution (NHWC, QC8) DWConv"
    assert run.operators[1].name == "Delegate/Convolution (NHWC, QC8) DWConv:1"
    assert run.measured is not None
    assert sum(row.mean_ms for row in run.operators) == pytest.approx(run.measured.mean, rel=0.1)


def test_newer_builds_give_percentiles() -> None:
    """p5, median and p95 are read where they are printed."""
    measured = _run("xnnpack_forms.txt").measured
    assert measured is not None
    assert (measured.p5, measured.median, measured.p95, measured.count) == (7.601, 7.68, 7.9, 128)


def test_the_summary_block_is_enough() -> None:
    """LiteRT's block, and that of litert-benchmark, are read where there is no line of statistics."""
    block, litert = _run("block_forms.txt"), _run("litert_benchmark.txt")
    assert block.measured is not None
    assert (block.measured.count, block.measured.mean, block.init_ms) == (2000, 0.5, 4.5)
    assert litert.measured is not None
    assert (litert.measured.median, litert.measured.p95) == (5.6, 5.87)


def test_several_runs_in_one_file_stay_apart() -> None:
    """A log with a failed run between two good ones gives three records."""
    names = ("measured.txt", "custom_op.txt", "partly.txt")
    runs = runs_from_text("\n".join((GOLDEN / name).read_text() for name in names))
    assert [run.measured is not None for run in runs] == [True, False, True]
    assert [run.model for run in runs] == ["lite0_224_w8a8.tflite", "custom.tflite", "lite0_224_w8a8.tflite"]


@pytest.mark.parametrize("text", ["", "hello", "count=3", "INFO: STARTING!", "\0" * 100])
def test_what_is_not_from_the_tool_is_refused(text: str) -> None:
    """Nothing understood is an error, not an empty result."""
    with pytest.raises(DataError, match="no output of benchmark_model"):
        runs_from_text(text)


@pytest.mark.parametrize("figure", ["nan", "inf", "-1", "1e999", "9" * 30, "x"])
def test_a_figure_that_is_none_is_refused(figure: str) -> None:
    """No NaN, no infinity, nothing negative gets into a record."""
    with pytest.raises(DataError):
        runs_from_text(f"count=3 first={figure} curr=2 min=1 max=3 avg={figure} std=1")


@given(st.data())
def test_damaged_output_gives_records_or_an_explanation(data: st.DataObject) -> None:
    """Any cut, any byte changed, any lines swapped: a record with finite figures, or a DataError."""
    text = (
        GOLDEN / data.draw(st.sampled_from(sorted(path.name for path in GOLDEN.glob("*.txt"))))
    ).read_text()
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, len(text)))
    cut = text[:start] + data.draw(st.text(max_size=30)) + text[stop:]
    try:
        runs = runs_from_text(cut)
    except DataError:
        return
    for run in runs:
        assert run.measured is not None or run.errors
        if run.measured is not None:
            assert run.measured.count > 0
            assert 0 <= run.measured.mean < 1e15
