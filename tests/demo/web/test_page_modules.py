"""The page's arithmetic and its readers, under node, against what Python makes of the same."""

from __future__ import annotations

import base64
import json
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from demo.web import page_modules
from runtimes.tiny_models import colour_classifier

from edge_effnet.activation_map import ActivationMap, shown
from edge_effnet.demo.record import percentile
from edge_effnet.demo.smooth import Smoother, best
from edge_effnet.errors import DataError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.declared import ends_in_softmax
from edge_effnet.model_contract import labels_from_archive

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = page_modules.NEEDS_NODE

_RANDOM = np.random.default_rng(23)
_LABELS = ["tench", "cock", "hen", "newt", "toad", "boa"]


def _ask(folder: Path, *questions: dict[str, Any]) -> list[Any]:
    """Return the answers; none may take a second."""
    path = folder / "questions.json"
    path.write_text(json.dumps(questions))
    answers = page_modules.run("page_calls.mjs", path)
    assert max(answer["ms"] for answer in answers) < 1000
    return [answer["answer"] for answer in answers]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_percentiles_are_those_of_the_other_demos(tmp_path: Path) -> None:
    """One value, two, many, equal ones; the same doubles."""
    cases = [
        (
            list(map(float, _RANDOM.integers(0, 50, size)))
            if size % 2
            else _RANDOM.gamma(2, 5, size).tolist(),
            share,
        )
        for size in (1, 2, 3, 10, 99, 100, 101)
        for share in (0.5, 0.9, 0.01, 0.99)
    ]
    found = _ask(
        tmp_path, *({"task": "percentile", "values": values, "share": share} for values, share in cases)
    )
    assert found == [percentile(values, share) for values, share in cases]


def test_the_best_are_those_of_the_other_demos(tmp_path: Path) -> None:
    """Of equals the lowest index, none below the threshold, no more than asked for."""
    cases = []
    for _ in range(60):
        scores = _RANDOM.integers(0, 5, len(_LABELS)).astype(np.float32) / np.float32(8)
        cases.append((scores, int(_RANDOM.integers(1, 8)), float(_RANDOM.choice([0.0, 0.125, 0.3]))))
    found = _ask(
        tmp_path,
        *(
            {
                "task": "best",
                "probabilities": scores.tolist(),
                "labels": _LABELS,
                "count": count,
                "threshold": threshold,
            }
            for scores, count, threshold in cases
        ),
    )
    for answer, (scores, count, threshold) in zip(found, cases, strict=True):
        assert answer == [vars(guess) for guess in best(scores, _LABELS, count=count, threshold=threshold)]


def test_smoothing_is_that_of_the_other_demos(tmp_path: Path) -> None:
    """In float32, frame by frame, to the bit."""
    frames = _RANDOM.dirichlet(np.ones(50), 12).astype(np.float32)
    for share in (0.0, 0.5, 0.9):
        smoother = Smoother(share)
        wanted = [smoother.add(frame).tolist() for frame in frames]
        assert _ask(tmp_path, {"task": "smooth", "frames": frames.tolist(), "share": share}) == [wanted]


def test_probabilities_are_those_of_the_other_demos(tmp_path: Path) -> None:
    """Within float32's last places: the two languages' exponentials may round apart."""
    codes = _RANDOM.integers(0, 256, 1000)
    (reals,) = _ask(
        tmp_path, {"task": "dequantise", "codes": codes.tolist(), "scale": 0.0502646677, "zeroPoint": 75}
    )
    wanted = (np.float32(0.0502646677) * (codes - 75).astype(np.float32)).astype(np.float32)
    assert np.array_equal(np.array(reals, np.float32), wanted)
    (found,) = _ask(tmp_path, {"task": "softmax", "logits": wanted.tolist()})
    powers = np.exp(wanted - wanted.max())
    assert np.allclose(found, powers / powers.sum(), rtol=1e-5, atol=0)
    assert int(np.argmax(found)) == int(wanted.argmax())


def test_figures_are_of_the_last_frames(tmp_path: Path) -> None:
    """A hundred of them; and a rate counts what came in its window."""
    values = _RANDOM.gamma(2, 5, 250).tolist()
    ticks = [[100.0 * place, place] for place in range(90)]
    summary, rate = _ask(
        tmp_path, {"task": "recent", "values": values, "size": 100}, {"task": "rate", "ticks": ticks}
    )
    assert summary == {"p50": percentile(values[-100:], 0.5), "p90": percentile(values[-100:], 0.9), "n": 100}
    assert rate == pytest.approx(10.0)


def _models() -> dict[str, bytes]:
    contract = {"labels": ["red", "green", "blue"]}
    return {
        **{io: colour_classifier(io=io, contract=contract).to_bytes() for io in ("int8", "uint8", "float32")},
        "softmax": _softmax(),
    }


def _softmax() -> bytes:
    model = colour_classifier()
    model.operator = 25
    return model.to_bytes()


def _facts_of(content: bytes) -> dict[str, Any]:
    """Return what the page's reader has to say of a file, from `edge_effnet.inspect`."""
    model = read_model_bytes(content)
    graph = model.subgraphs[0]
    quantised = [one.quantisation for one in graph.tensors]
    return {
        "tensors": [
            {
                "name": one.name,
                "type": one.type,
                "shape": list(one.shape),
                "size": one.size_bytes,
                "quantisation": None
                if q is None
                else {"scales": q.scales.tolist(), "zeroPoints": q.zero_points.tolist(), "axis": q.axis},
            }
            for one, q in zip(graph.tensors, quantised, strict=True)
        ],
        "metadata": {name: _base64(value) for name, value in model.metadata.items()},
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "outputNames": dict(model.signatures[0].outputs) if model.signatures else {},
        "endsInSoftmax": ends_in_softmax(model),
    }


@pytest.mark.parametrize("kind", ["int8", "uint8", "float32", "softmax"])
def test_a_model_is_read_as_inspect_reads_it(tmp_path: Path, kind: str) -> None:
    """Tensors, scales, metadata, what is in and out, and whether it ends in a softmax."""
    content = _models()[kind]
    assert _ask(tmp_path, {"task": "read", "file": _base64(content)}) == [_facts_of(content)]


def test_real_models_are_read_as_inspect_reads_them(tmp_path: Path, shared: Path) -> None:
    """Hundreds of tensors, scales per channel, signatures, models of other tools."""
    paths = [*sorted((shared / "data").glob("*/*.tflite"))]
    if not paths:
        pytest.skip(f"no models under {shared}")
    for path in paths:
        content = path.read_bytes()
        assert _ask(tmp_path, {"task": "read", "file": _base64(content)}) == [_facts_of(content)], path.name


def test_damaged_files_are_refused_in_a_sentence_and_at_once(tmp_path: Path) -> None:
    """Cut anywhere, any byte changed, any word made huge: an explanation or a model, never a crash, never a wait."""
    content = _models()["int8"]
    files = [content[:size] for size in range(0, len(content), 7)]
    for place in range(0, len(content) - 4, 3):
        word = struct.pack(
            "<I", int(_RANDOM.choice([0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, len(content), 1 << 20, 0]))
        )
        files.append(content[:place] + word + content[place + 4 :])
    answers = _ask(tmp_path, *({"task": "read", "file": _base64(one)} for one in files))
    refused = [answer["error"] for answer in answers if "error" in answer]
    assert not [text for text in refused if text.startswith("NOT EXPLAINED")]
    assert len(refused) > len(files) // 4
    assert any("cannot hold them" in text for text in refused)  # a length beyond the end is not cut to fit
    for answer, one in zip(answers, files, strict=True):  # what both take for a model they read alike
        if "error" not in answer and answer["endsInSoftmax"] is False:
            try:
                wanted = _facts_of(one)
            except DataError:
                continue  # the page reads less, so it notices less
            if _has_numbers_only(wanted):
                assert answer == wanted


def _has_numbers_only(facts: dict[str, Any]) -> bool:
    """Return whether JSON and doubles can carry them: a damaged scale may be no number, a zero point above 2**53."""
    quantised = [one["quantisation"] for one in facts["tensors"] if one["quantisation"]]
    return all(
        np.isfinite(one["scales"]).all() and max(map(abs, one["zeroPoints"])) < 1 << 53 for one in quantised
    )


def test_what_a_model_says_about_itself_is_checked(tmp_path: Path) -> None:
    """Size, filter, labels and the schema's name; a contract beside it counts where none is inside."""
    good = {"resolution_px": 4, "crop_fraction": 0.9, "resample": "lanczos"}
    labels = ["a", "b", "c"]
    cases: list[tuple[dict[str, Any] | None, str]] = [
        ({"preprocessing": good, "labels": labels}, ""),
        (None, ""),
        ({"preprocessing": {**good, "resolution_px": 8}}, "disagree"),
        ({"preprocessing": {**good, "resample": "magic"}}, "unusable"),
        ({"preprocessing": {**good, "crop_fraction": 0}}, "unusable"),
        ({"preprocessing": {**good, "schema": "edge-effnet/preprocessing/2"}}, "unusable"),
        ({"labels": labels[:2]}, "do not fit"),
        ({"labels": "abc"}, "not a list"),
        ({"explain": {"method": "cam", "features_output": 0, "weights": "w"}}, "'explain'"),
    ]
    files = [colour_classifier(io="uint8", contract=contract).to_bytes() for contract, _ in cases]
    answers = _ask(tmp_path, *({"task": "facts", "file": _base64(one)} for one in files))
    for answer, (_, words) in zip(answers, cases, strict=True):
        assert words in answer["error"] if words else "error" not in answer, answer
    assert answers[0]["preprocessing"] == good
    assert answers[0]["labels"] == labels
    assert answers[1]["labels"] == ["class 0", "class 1", "class 2"]
    assert len(answers[1]["notes"]) == 2
    beside = _base64(
        json.dumps({"labels": labels, "golden": [{}], "io": {"input": {"dtype": "int8"}}}).encode()
    )
    (answer,) = _ask(tmp_path, {"task": "facts", "file": _base64(files[1]), "sidecar": beside})
    assert (answer["labels"], len(answer["golden"]), answer["exportedDtype"]) == (labels, 1, "int8")


def test_labels_in_the_archive_behind_a_model_are_found(tmp_path: Path) -> None:
    """Packed and unpacked; of another number, they are not the classes'; damaged, they are none."""
    content = colour_classifier(io="uint8").to_bytes()
    texts = {"three": "a\nb b\r\nc\n", "two": "a\nb\n"}
    files = {}
    for name, text in texts.items():
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            path = tmp_path / f"{name}{method}"
            path.write_bytes(content)
            with zipfile.ZipFile(path, "a", method) as archive:
                archive.writestr("readme.md", "no labels here")
                archive.writestr("labels.txt", text)
            files[path.name] = path.read_bytes()
    files["none"] = content
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", b"a\nb\nc\n" + b"\n" * (8 << 20))
    bomb = bytearray(path.read_bytes())
    size = bomb.rindex(b"PK\1\2") + 24  # what the directory says of it, not what is packed
    bomb[size : size + 4] = (6).to_bytes(4, "little")
    files["bomb"] = bytes(bomb)
    files["damaged"] = files["three8"][:-30] + b"x" * 8 + files["three8"][-22:]
    found = _ask(
        tmp_path, *({"task": "labels", "file": _base64(one), "outputs": 3} for one in files.values())
    )
    wanted = [labels_from_archive(one, 3) for one in files.values()]
    assert [answer and tuple(answer) for answer in found] == wanted
    assert wanted[:2] == [("a", "b b", "c")] * 2


def test_more_classes_than_any_model_has_are_refused(tmp_path: Path) -> None:
    """A name for each of them would fill the worker's memory; what the server refuses may come from elsewhere."""
    from ai_edge_litert import schema_py_generated as schema

    content = bytearray(colour_classifier(io="uint8").to_bytes())
    shape = schema.Model.GetRootAs(content, 0).Subgraphs(0).Tensors(2).ShapeAsNumpy()  # a view of the bytes
    shape[1] = 100_001
    (answer,) = _ask(tmp_path, {"task": "facts", "file": _base64(bytes(content))})
    assert "claims 100001 classes" in answer["error"]


def _with_features(weights: np.ndarray) -> bytes:
    """Return a model whose second output is a feature map; its operator is of no matter here."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    content = colour_classifier(io="uint8").to_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    for name, shape, kind, scale, zero in (
        ("features", [1, 3, 2, weights.shape[1]], schema.TensorType.UINT8, [0.11], [7]),
        (
            "kernel",
            [*weights.shape[:1], 1, 1, weights.shape[1]],
            schema.TensorType.INT8,
            [0.5, 0.25, 0.125],
            [0, 0, 0],
        ),
    ):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, kind, 0
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = scale, zero
        graph.tensors.append(tensor)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(weights.tobytes(), np.uint8)
    graph.tensors[-1].buffer = len(model.buffers)
    model.buffers.append(buffer)
    graph.outputs = [2, 3]
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_class_activation_maps_are_those_of_python(tmp_path: Path) -> None:
    """Scales per channel and zero points respected; what speaks against a class is not shown."""
    weights = _RANDOM.integers(-127, 128, (3, 5), dtype=np.int8)
    content = _base64(_with_features(weights))
    scales = np.array([0.5, 0.25, 0.125], np.float32)[:, None]
    maps = ActivationMap(weights.astype(np.float32) * scales, 1, 0.11, 7)
    explain = {"features": 1, "weights": "kernel"}
    for index in range(3):
        features = _RANDOM.integers(0, 256, (1, 3, 2, 5)).astype(np.uint8)
        question = {
            "task": "map",
            "file": content,
            "explain": explain,
            "features": features.reshape(-1).tolist(),
            "index": index,
        }
        (answer,) = _ask(tmp_path, question)
        wanted = maps.scores(features, index)
        assert (answer["rows"], answer["columns"]) == wanted.shape
        assert np.allclose(answer["scores"], wanted.reshape(-1), rtol=1e-5, atol=1e-3)
        assert np.allclose(answer["shown"], shown(wanted).reshape(-1), atol=1e-5)
    bad = [
        {"features": 1, "weights": "logits"},
        {"features": 1, "weights": "weights"},
        {"features": 2, "weights": "kernel"},
    ]
    answers = _ask(
        tmp_path,
        *({"task": "map", "file": content, "explain": one, "features": [], "index": 0} for one in bad),
    )
    assert all("error" in answer and "NOT EXPLAINED" not in answer["error"] for answer in answers)


def test_a_map_is_scaled_up_between_the_middles_of_its_cells(tmp_path: Path) -> None:
    """As OpenCV's INTER_LINEAR does for the other demo."""
    values = _RANDOM.random((3, 2)).astype(np.float32)
    question = {
        "task": "enlarged",
        "values": values.reshape(-1).tolist(),
        "rows": 3,
        "columns": 2,
        "size": 16,
    }
    (found,) = _ask(tmp_path, question)
    cv2 = pytest.importorskip("cv2", reason="the extra edge-effnet[camera-headless] is not installed")
    assert np.allclose(
        np.reshape(found, (16, 16)), cv2.resize(values, (16, 16), interpolation=cv2.INTER_LINEAR), atol=1e-5
    )
