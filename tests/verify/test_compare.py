"""verify.compare: the same pictures through everything, figures that mean what they say, nothing silent."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from verify.tiny_networks import SIDE_PX, damaged, pictures, tiny, without_a_name

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.convert.contract import record_from_factors
from edge_effnet.errors import DataError, EnvironmentFault, GateError, UnknownNameError, UsageError
from edge_effnet.images import Preprocessing
from edge_effnet.progress import Silent
from edge_effnet.runtimes import LocalModel
from edge_effnet.verify import verify
from edge_effnet.verify.stats import cosine, max_lsb, sqnr_db, top1_agreement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.bench import Bench

    from edge_effnet.verify import Verification

ALL = ("fake_quant", "xnnpack", "builtin", "reference")


def _verify(bench: Bench, **options: Any) -> Verification:
    given = {"layer_images": 0, **options}
    float_model, int8_model = (
        given.pop("float_model", bench.float_model),
        given.pop("int8_model", bench.int8_model),
    )
    return verify(float_model, int8_model, given.pop("data", bench.images), **given)


def _numbers(record: Any) -> Iterator[float]:
    values = record.values() if isinstance(record, dict) else record if isinstance(record, list) else ()
    for value in values:
        yield from _numbers(value)
    if isinstance(record, float):
        yield record


def test_every_figure_is_what_its_definition_says(bench: Bench) -> None:
    """SQNR, cosine and agreement against the float logits; LSB between codes of the engine and of its judge."""
    found = _verify(bench, engines=["builtin", "reference"], reference_images=6, seed=0)
    order = found.subjects["data"]
    assert (order["count"], order["seed"]) == (6, 0)
    models = [LocalModel(path) for path in (bench.float_model,)]
    engines = {name: LocalModel(bench.int8_model, name) for name in ("builtin", "reference")}
    wanted = np.stack([models[0].logits(picture) for picture in pictures(6)])
    got = {
        name: np.stack([model.logits(picture) for picture in pictures(6)]) for name, model in engines.items()
    }
    codes = {
        name: np.stack([model.run_pixels(picture) for picture in pictures(6)])
        for name, model in engines.items()
    }
    for engine in found.engines:
        assert engine.sqnr_db == pytest.approx(sqnr_db(wanted, got[engine.name]))
        assert engine.cosine == pytest.approx(cosine(wanted, got[engine.name]))
        assert engine.top1_agreement == top1_agreement(wanted, got[engine.name])
        assert engine.lsb is not None
        assert engine.lsb.max_lsb == max_lsb(codes["builtin"], codes["reference"])
        assert engine.judged_by == ("reference" if engine.name == "builtin" else "builtin")


def test_engines_of_a_sound_file_agree(bench: Bench) -> None:
    """The network on six pictures: every engine within one step of the reference, and near the float model."""
    found = _verify(bench)
    assert [engine.name for engine in found.engines] == list(ALL)
    assert [engine.judged_by for engine in found.engines] == ["reference"] * 3 + ["fake_quant"]
    for engine in found.engines:
        assert engine.lsb is not None
        assert engine.lsb.max_lsb <= 1
        assert engine.sqnr_db > 25
        assert engine.top1_agreement == 100.0
    assert len(found.pairs) == 6


@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_an_interface_changes_no_figure(bench: Bench, io: str) -> None:
    """Codes are counted on the int8 output, whatever type the file gives out."""
    plain = _verify(bench, engines=["fake_quant", "builtin"])
    other = _verify(bench, engines=["fake_quant", "builtin"], int8_model=bench.int8(io=io))
    for one, two in zip(plain.engines, other.engines, strict=True):
        assert two.sqnr_db == pytest.approx(one.sqnr_db, abs=1e-3)
        assert one.lsb is not None
        assert two.lsb is not None
        assert two.lsb.max_lsb == one.lsb.max_lsb


def test_the_reference_engine_has_its_own_limit_which_is_shown(bench: Bench) -> None:
    """It is slow, so it is given the first few pictures only; its n says so, and so does a note."""
    found = _verify(bench, reference_images=2)
    assert {engine.name: engine.n for engine in found.engines} == {
        "fake_quant": 6, "xnnpack": 6, "builtin": 6, "reference": 2,
    }  # fmt: skip
    assert found.engines[0].lsb is not None
    assert found.engines[0].lsb.n == 2
    assert "reference was given 2 of 6 images" in found.notes


def test_a_file_against_itself_is_perfect_and_the_record_stays_finite(bench: Bench) -> None:
    """Infinite decibels are null in JSON; nothing else is lost."""
    found = _verify(bench, float_model=bench.int8_model, engines=["xnnpack"], layer_images=1)
    assert found.engines[0].sqnr_db == math.inf
    record = json.loads(json.dumps(found.to_record(), allow_nan=False))
    assert record["engines"]["xnnpack"]["sqnr_db"] is None
    assert record["engines"]["xnnpack"]["cosine"] == pytest.approx(1.0)
    assert all(math.isfinite(value) for value in _numbers(record))
    found.require(min_agreement=100, min_sqnr_db=100)


def test_a_graph_that_cannot_be_rebuilt_is_missing_with_its_reason(bench: Bench) -> None:
    """The other engines run as ever."""
    path = bench.write("nameless.tflite", without_a_name(bench.int8_model.read_bytes(), "block1a_add"))
    found = _verify(bench, int8_model=path)
    assert [engine.name for engine in found.engines] == list(ALL[1:])
    assert "the same name, or none" in found.missing["fake_quant"].reason
    assert found.to_record()["missing"]["fake_quant"]["reason"] == found.missing["fake_quant"].reason
    with pytest.raises(EnvironmentFault, match="none of the engines"):
        _verify(bench, int8_model=path, engines=["fake_quant"])


def test_gates_judge_the_engines_that_saw_every_picture(bench: Bench) -> None:
    """A gate that is met passes, one that is not names the engines and their values."""
    ruined = bench.int8(damaged(tiny(), "stem_conv", lambda codes: codes // 8))
    found = _verify(bench, int8_model=ruined, engines=["builtin", "reference"], reference_images=1)
    sqnr = found.engines[0].sqnr_db
    found.require(min_sqnr_db=sqnr - 0.1, min_agreement=found.engines[0].top1_agreement)
    with pytest.raises(GateError, match=r"SQNR .*below") as error:
        found.require(min_sqnr_db=sqnr + 0.1)
    assert "builtin" in str(error.value.got)
    assert "reference" not in str(error.value.got)
    whole, part = found.engines
    replace(found, engines=(whole, replace(part, sqnr_db=sqnr - 9))).require(min_sqnr_db=sqnr - 0.1)
    alone = _verify(bench, int8_model=ruined, engines=["reference"], reference_images=1)
    with pytest.raises(GateError, match="SQNR"):
        alone.require(min_sqnr_db=1000.0)


def test_pictures_are_made_as_the_contract_says(bench: Bench) -> None:
    """Another crop is another picture, and the record names the preprocessing."""
    cropped = bench.int8(preprocessing=Preprocessing(SIDE_PX, 0.5).to_record())
    one, two = _verify(bench, engines=["xnnpack"]), _verify(bench, engines=["xnnpack"], int8_model=cropped)
    assert "0.5" in two.subjects["data"]["preprocessing"]
    assert one.engines[0].sqnr_db != two.engines[0].sqnr_db


def test_what_was_assumed_or_left_out_is_noted(bench: Bench) -> None:
    """No contract, an unreadable picture, a picture that was calibrated on, random weights: each has its sentence."""
    (bench.images / "broken.png").write_bytes(b"no picture")
    used = [sha256_of_file(bench.images / "0.png")]
    known = bench.int8(calibration={"files_sha256": used}, weights={"kind": "random"})
    reporter = Silent()
    found = _verify(bench, int8_model=known, engines=["xnnpack"], reporter=reporter)
    assert found.n == 6
    assert found.skipped[0][0] == "broken.png"
    for words in (
        "1 of 6 images were used to calibrate",
        "random weights",
        "broken.png was left out",
        "no LSB",
    ):
        assert any(words in note for note in found.notes), words
        assert any(words in message for _, message in reporter.notes), words
    bare = bench.write("bare.tflite", tiny().int8_file())
    assert any("no preprocessing contract" in note for note in _verify(bench, int8_model=bare).notes)


def test_a_softmax_on_one_side_is_noted(bench: Bench) -> None:
    """Probabilities against logits have an SQNR that means nothing."""
    mixed = bench.write("mixed.tflite", tiny("mixed").int8_file())
    notes = _verify(bench, int8_model=mixed, engines=["xnnpack"]).notes
    assert any("softmax" in note for note in notes)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"engines": ["xnpack"]}, UnknownNameError, "xnnpack"),
        ({"engines": []}, UsageError, "no engine"),
        ({"limit": 0}, UsageError, "too small"),
        ({"float_model": "nowhere.tflite"}, DataError, "nowhere.tflite"),
        ({"int8_model": "nowhere.tflite"}, DataError, "nowhere.tflite"),
        ({"data": "nowhere"}, DataError, "nowhere"),
        ({"data": "synthetic-v99"}, UnknownNameError, "synthetic-v1"),
        ({"float_model": "keras:"}, UsageError, "needs an id"),
        ({"float_model": "keras:b99"}, UnknownNameError, "b99"),
    ],
)
def test_what_cannot_be_verified_is_refused_by_its_kind(
    bench: Bench, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Usage, unknown names and missing data are told apart, and each names what was given."""
    with pytest.raises(error) as caught:
        _verify(bench, **options)
    assert words in str(caught.value)


def test_an_unknown_engine_is_refused_before_anything_is_read(bench: Bench) -> None:
    """A mistyped name costs no time."""
    with pytest.raises(UnknownNameError):
        _verify(bench, engines=["xnpack"], float_model="nowhere.tflite", int8_model="nowhere.tflite")


def test_models_for_other_pictures_or_classes_are_refused(bench: Bench) -> None:
    """They would not be the same network."""
    from runtimes.tiny_models import colour_classifier

    small = bench.write("small.tflite", colour_classifier(io="float32").to_bytes())
    with pytest.raises(DataError, match="different sizes"):
        _verify(bench, float_model=small)
    three = bench.write("three.tflite", colour_classifier(io="float32", size_px=SIDE_PX).to_bytes())
    with pytest.raises(DataError, match="numbers of classes"):
        _verify(bench, float_model=three)


def test_channel_factors_of_another_network_are_refused(bench: Bench) -> None:
    """One per channel of a tensor that is there, or the layers would be compared wrongly."""
    for name, count in (("avg_pool", 15), ("nowhere", 16)):
        path = bench.int8(channel_factors=record_from_factors({name: np.full(count, 2.0, np.float32)}))
        with pytest.raises(DataError, match="do not fit"):
            _verify(bench, int8_model=path)


@pytest.mark.parametrize(
    "contract",
    [
        b"{",
        b"[]",
        b'{"channel_factors": {"stem_conv": "AAAA"}}',
        b'{"channel_factors": 3}',
        b'{"preprocessing": {"resolution_px": "many"}}',
        b'{"preprocessing": ["square"]}',
        b'{"calibration": {"files_sha256": 7}}',
        b'{"weights": "random"}',
    ],
)
def test_a_contract_that_cannot_be_understood_is_refused(bench: Bench, contract: bytes) -> None:
    """A damaged contract is never taken for none."""
    path = bench.write("odd.tflite", tiny().int8_file(edge_effnet_contract=contract))
    with pytest.raises(DataError):
        _verify(bench, int8_model=path)


def test_the_probe_set_needs_no_files_and_never_changes(bench: Bench) -> None:
    """`synthetic-v1` is drawn from a seed: 16 pictures, the same fingerprint each time, others than calibration's."""
    one, two = (
        _verify(bench, data="synthetic-v1", limit=16, engines=["fake_quant", "builtin"]) for _ in range(2)
    )
    assert one.n == 16
    assert one.subjects["data"] == two.subjects["data"]
    assert one.engines[0].sqnr_db == two.engines[0].sqnr_db
    assert one.engines[0].lsb is not None
    assert one.engines[0].lsb.within_1_lsb >= 99.5
    calibrated = _verify(bench, data="synthetic-v1", limit=16, engines=["builtin"], seed=0)
    assert calibrated.subjects["data"]["sha256"] != one.subjects["data"]["sha256"]


def test_a_float_file_that_gives_nan_is_refused(bench: Bench) -> None:
    """NaN is no logit; the model is named."""
    graph = tiny().float_graph
    nodes = tuple(
        replace(node, bias=np.full_like(node.bias, np.nan)) if node.name == "predictions" else node
        for node in graph.nodes
    )
    broken = bench.write("nan.tflite", replace(tiny(), float_graph=replace(graph, nodes=nodes)).float_file())
    with pytest.raises(DataError, match="not finite"):
        _verify(bench, float_model=broken)


def test_pictures_of_any_size_and_layout_are_found(bench: Bench) -> None:
    """The folder is searched through, and labels are not needed."""
    (bench.images / "sub").mkdir()
    Image.fromarray(pictures(1, seed=9, side_px=60)[0]).save(bench.images / "sub" / "large.jpg")
    assert _verify(bench, engines=["builtin"]).n == 7
