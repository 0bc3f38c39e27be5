"""Times of several models in turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import UsageError
from edge_effnet.runtimes import latency
from edge_effnet.runtimes.latency import Latency, LatencyReport, measure_latency

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
        measure_latency(paths, np.zeros((8, 8, 3), np.uint8), runs=runs)


class _Recorder:
    """An engine whose models write down when they are called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def load(self, path: Path, threads: int) -> _Recorder._Model:
        assert threads == 1
        return _Recorder._Model(path.stem, self.calls)

    def probe(self) -> None:
        return None

    class _Model:
        input = None

        def __init__(self, name: str, calls: list[str]) -> None:
            self._name, self._calls = name, calls

        def run(self, value: str) -> None:
            self._calls.append(self._name)


def test_models_take_turns(monkeypatch: pytest.MonkeyPatch):
    """What slows the machine down for a while slows all models down alike."""
    recorder = _Recorder()
    monkeypatch.setattr(latency, "engine", lambda _: recorder)
    monkeypatch.setattr(latency, "input_from_pixels", lambda pixels, spec: pixels)
    report = measure_latency([Path("a"), Path("b")], np.zeros((8, 8, 3), np.uint8), runs=5)
    assert recorder.calls == ["a", "b"] * (latency.WARM_UP_RUNS + 5)
    assert [model.to_record()["runs"] for model in report.models] == [5, 5]
