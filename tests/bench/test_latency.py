"""Times of several models in turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtimes.tiny_models import TinyModel, colour_classifier

from edge_effnet.bench.latency import Latency, LatencyReport, measure_latency
from edge_effnet.errors import EnvironmentFault, UsageError

TIMES = st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=50)


@given(TIMES)
def test_the_median_lies_between_the_quartiles_and_both_between_the_extremes(times: list[float]):
    """Whatever the times are; every call is kept."""
    found = Latency("a.tflite", tuple(times))
    low, high = found.quartiles_ms
    slack = 1e-9 * max(times)  # interpolation rounds
    assert min(times) - slack <= low <= found.median_ms + slack
    assert found.median_ms <= high + slack <= max(times) + 2 * slack
    assert found.to_record()["runs"] == len(times)


def test_one_slow_call_does_not_move_the_figure():
    """A median, not a mean."""
    assert Latency("a.tflite", (1.0,) * 99 + (1000.0,)).median_ms == 1.0


def test_the_speed_up_is_the_first_over_the_last():
    """Twice as fast is 2."""
    report = LatencyReport((Latency("float", (4.0, 4.0)), Latency("int8", (2.0, 2.0))), {})
    assert report.to_record()["speed_up"] == 2.0


@pytest.mark.parametrize(("paths", "runs"), [([], 10), ([Path("a.tflite")], 0)])
def test_nothing_to_time_is_refused(paths: list[Path], runs: int):
    """Before a model is loaded."""
    with pytest.raises(UsageError, match="nothing to time"):
        measure_latency(paths, runs=runs)


def test_models_are_timed_in_turns_under_stated_conditions(tmp_path: Path):
    """Both have their runs; engine, version, threads and load are in the conditions."""
    paths = [tmp_path / "a.tflite", tmp_path / "b.tflite"]
    for path in paths:
        path.write_bytes(colour_classifier().to_bytes())
    report = measure_latency(paths, runs=25)
    assert [model.path for model in report.models] == [str(path) for path in paths]
    assert min(len(model.milliseconds) for model in report.models) >= 25
    assert report.conditions["engine_version"].startswith("ai-edge-litert ")


def test_a_model_that_cannot_be_timed_is_an_error(tmp_path: Path):
    """A median of nothing is not zero."""
    good, odd = tmp_path / "a.tflite", tmp_path / "odd.tflite"
    good.write_bytes(colour_classifier().to_bytes())
    odd.write_bytes(TinyModel(np.ones((2, 48), int), operator=32, custom="MyCustomThing").to_bytes())
    with pytest.raises(EnvironmentFault, match="MyCustomThing"):
        measure_latency([good, odd], runs=5)
