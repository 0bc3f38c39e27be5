"""The latency model: physics that must hold whatever the constants are, and its error where the answer was published."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from dataclasses import replace
from statistics import median

import jsonschema
import pytest
from build_model import Sketch, clean
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.cli.main import run
from edge_effnet.edgetpu.catalogue import largest_fitting_px
from edge_effnet.edgetpu.estimate import (
    LINKS,
    Constants,
    activation_bytes,
    constants_for,
    fitted,
    layer_time,
    layer_times,
    steps,
    total_ms,
)
from edge_effnet.edgetpu.layers import variant_layers
from edge_effnet.edgetpu.outlook import outlook_of_variant
from edge_effnet.edgetpu.validation import held_out, published_layers, ratio_interval, validation
from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.inspect.edgetpu_layers import ACTIVATION_MEMORY_BYTES, EdgeLayer
from edge_effnet.schemas import read_schema
from edge_effnet.variants import VARIANTS

SIZES = st.integers(1, 300)
PLAIN = Constants(2.0, 8.0, 20.0, 0.3, 5000.0, 1.0, {"usb3": 400.0, "usb2": 40.0, "pcie": 300.0})


def conv(side: int = 14, fan_in: int = 64, channels: int = 64, taps: int = 3, **changes: int) -> EdgeLayer:
    """Return a convolution that keeps its map's size."""
    macs = side * side * taps * taps * fan_in * channels
    layer = EdgeLayer(
        0, "CONV_2D", "conv", (side, side, fan_in), (side, side, channels), (taps, taps), fan_in=fan_in, weighted=True, macs=macs,
        input_bytes=side * side * fan_in, output_bytes=side * side * channels,
    )  # fmt: skip
    return replace(layer, **changes)


@given(SIZES, SIZES, SIZES, st.sampled_from((1, 3, 5)))
def test_more_work_never_takes_fewer_steps(side: int, fan_in: int, channels: int, taps: int):
    """In every direction: larger map, more inputs, more outputs, larger kernel."""
    one = conv(side, fan_in, channels, taps)
    for more in (
        conv(side + 1, fan_in, channels, taps), conv(side, fan_in + 1, channels, taps),
        conv(side, fan_in, channels + 1, taps), conv(side, fan_in, channels, taps + 2),
    ):  # fmt: skip
        assert more.macs > one.macs
        assert steps(more) >= steps(one)
        assert layer_time(more, PLAIN, 500, 400).ms >= layer_time(one, PLAIN, 500, 400).ms


@given(SIZES, SIZES, SIZES)
def test_no_tile_does_more_per_step_than_it_has_multipliers(side: int, fan_in: int, channels: int):
    """16 tiles x 64 cells x 4 inputs: a step is at most 4,096 multiply-accumulates."""
    assert conv(side, fan_in, channels).macs <= 4096 * steps(conv(side, fan_in, channels))


def test_steps_are_those_of_the_compilers_own_estimate():
    """Compiler 1.0 on one convolution 7x7, 32 to 32 channels, 128 px: two cycles for each of these."""
    assert steps(conv(128, 32, 32, 7)) == 32 * 32 * 49 * 8
    assert steps(replace(conv(128, 64, 64, 3), op="DEPTHWISE_CONV_2D", fan_in=1)) == 32 * 32 * 9
    assert steps(replace(conv(), weighted=False)) == 0


@given(st.floats(1, 999), st.floats(1, 999), st.sampled_from(sorted(VARIANTS)))
def test_a_faster_clock_never_takes_longer(first: float, second: float, model: str):
    """And never less than what is moved over the link takes."""
    slow, fast = sorted((first, second))
    layers = variant_layers(model)
    times = [total_ms(layer_times(layers, PLAIN, clock_mhz=clock)) for clock in (slow, fast)]
    assert times[1] <= times[0] * (1 + 1e-12)
    assert times[1] >= PLAIN.invoke_ms


@given(st.floats(1, 1e4), st.floats(1, 1e4), st.integers(0, 10**8), st.integers(0, 10**8))
def test_a_faster_link_never_takes_longer(first: float, second: float, streamed: int, live: int):
    """For one layer with parameters to stream and activations to spill."""
    slow, fast = sorted((first, second))
    layer = conv(streamed_bytes=streamed, tile_bytes=live)
    assert layer_time(layer, PLAIN, 500, fast).ms <= layer_time(layer, PLAIN, 500, slow).ms


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"channels": 512, "fan_in": 512}, "compute"),
        ({"side": 64, "taps": 1, "fan_in": 8, "channels": 8}, "activations"),
        ({"streamed_bytes": 10**7}, "parameter streaming"),
        ({"tile_bytes": ACTIVATION_MEMORY_BYTES}, "activation spill"),
    ],
)
def test_the_limit_is_what_takes_longest(changes: dict[str, int], limit: str):
    """One layer for each of the four."""
    assert layer_time(conv(**changes), PLAIN, 500, 400).limit == limit


def test_the_layers_add_up_to_the_estimate_and_ends_are_there():
    """What is moved before and after is a row like any other."""
    found = outlook_of_variant("lite0", clock_mhz=250, link="pcie")
    assert found.as_json()["estimate_ms"] == pytest.approx(math.fsum(time.ms for time in found.times))
    assert [time.name for time in found.times[:3]] == ["invoke", "instructions", "input"]
    assert found.times[-1].name == "output"
    assert found.low_ms < found.estimate_ms < found.high_ms


@pytest.mark.parametrize("model", ["b0", "lite4", "v2-s"])
def test_what_is_unknown_widens_the_interval(model: str):
    """Operators of no published model, and activations beyond the chip's memory."""
    below, above = ratio_interval()
    found = outlook_of_variant(model)
    assert found.high_ms > above * found.estimate_ms
    assert found.low_ms <= below * found.estimate_ms
    assert found.notes


def test_refused_questions_say_what_is_allowed():
    """Links and clocks that do not exist, and nothing to estimate."""
    layers = variant_layers("lite0")
    with pytest.raises(UnknownNameError, match="link"):
        layer_times(layers, PLAIN, link="usb4")
    for clock in (0, -1, 1001, math.nan):
        with pytest.raises(UsageError, match="clock"):
            layer_times(layers, PLAIN, clock_mhz=clock)
    with pytest.raises(UsageError, match="nothing would run"):
        layer_times([], PLAIN)


def test_no_model_is_judged_by_a_fit_that_saw_it():
    """Each published model has constants of its own, and they differ from those of all rows."""
    names = {row["model"] for row in fitted()["rows"]}
    assert set(fitted()["without"]) == names
    assert all(constants_for(name) != constants_for() for name in names)
    assert constants_for("b0") == constants_for()


def test_the_error_on_models_left_out_meets_the_bar():
    """Median at most 15 %; the worst row is stated in docs/edgetpu-estimate.md."""
    found = validation()
    errors = [abs(row.estimate_ms / row.published_ms - 1) * 100 for row in held_out()]
    assert found["median_abs_error_pct"] == pytest.approx(median(errors))
    assert found["median_abs_error_pct"] <= 15
    assert found["max_abs_error_pct"] == pytest.approx(max(errors))
    assert median(model["median_abs_error_pct"] for model in found["models"]) <= 15
    assert found["rows"] == len(errors) == sum(model["rows"] for model in found["models"])


def test_the_rows_are_those_of_the_published_table(shared):
    """Every row of the fit stands in the table with the same figure; the table is the one that was read."""
    path = shared / "facts" / "edgetpu_published_latency.csv"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == fitted()["published_sha256"]
    with path.open(encoding="utf-8", newline="") as stream:
        published = {
            (float(row["value"]), row["source"])
            for row in csv.DictReader(stream)
            if row["metric"].startswith("latency")
        }
    assert {(row["ms"], row["source"]) for row in fitted()["rows"]} <= published
    assert {row["link"] for row in fitted()["rows"]} == set(LINKS)


def test_parameters_of_s_and_m_are_those_of_the_compilers_log():
    """6,728 and 8,571 KiB, within 2 %."""
    for model, kib in (("edgetpu-s", 6728), ("edgetpu-m", 8571)):
        total = sum(layer.parameter_bytes for layer in published_layers(model)) / 1024
        assert total == pytest.approx(kib, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--model", "b99"], 2),
        (["--model", "b0", "--link", "usb9"], 2),
        (["--model", "b0", "--clock-mhz", "0"], 2),
        (["x.tflite", "--model", "b0"], 2),
        (["x.tflite", "--resolution", "224"], 2),
        (["no_such_file.tflite"], 4),
    ],
)
def test_bad_questions_end_with_their_code(arguments: list[str], code: int):
    """2 for what was typed, 4 for the file."""
    assert run(["edgetpu", "estimate", *arguments]) == code


def test_the_document_fits_its_schema(capsys):
    """The keys that others rely on."""
    assert run(["edgetpu", "estimate", "--model", "edgetpu-m", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("edgetpu-estimate"))
    assert any(layer["limit"] == "parameter streaming" for layer in record["layers"])
    assert any("without what was published" in note for note in record["notes"])


def test_the_table_prints_error_and_interval(capsys):
    """Never a bare figure."""
    assert run(["edgetpu", "estimate", "--model", "lite0"]) == 0
    out = capsys.readouterr().out
    assert "each left out of its own fit: median" in out
    assert "interval" in out


def test_a_file_is_estimated_like_the_table(tmp_path, capsys):
    """A small network from its file, with its hash."""
    path = tmp_path / "model.tflite"
    path.write_bytes(clean().pack())
    assert run(["edgetpu", "estimate", str(path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("edgetpu-estimate"))
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["mapped_ops"] > 0
    assert {layer["kind"] for layer in record["layers"]} >= {"CONV_2D", "TRANSFER"}


def test_a_file_of_which_nothing_is_mapped_is_refused(tmp_path, capsys):
    """With the reason, and where to read more."""
    path = tmp_path / "float.tflite"
    sketch = Sketch()
    for name in ("input", "output"):
        sketch.add_tensor(name, [1, 4, 4, 8], "FLOAT32")
    sketch.add_operator("RELU", ["input"], ["output"])
    sketch.graph.inputs, sketch.graph.outputs = [0], [1]
    path.write_bytes(sketch.pack())
    assert run(["edgetpu", "estimate", str(path)]) == 4
    assert "edgetpu check" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["b0", "b4", "v2-m", "lite0"])
def test_the_largest_resolution_that_fits_fits_and_the_next_does_not(model: str):
    """3 MiB of activations."""
    fits = largest_fitting_px(model)
    own = VARIANTS[model].resolution_px

    def live(resolution_px: int) -> int:
        return max(map(activation_bytes, variant_layers(model, resolution_px)))

    assert live(fits) <= ACTIVATION_MEMORY_BYTES
    assert fits == own or live(min(fits + 8, own)) > ACTIVATION_MEMORY_BYTES
