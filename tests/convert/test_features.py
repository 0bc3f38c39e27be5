"""`convert --with-features`: one output more, and nothing else changed."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from flat import RESOLUTION_PX
from tiny_graphs import pictures

from edge_effnet.activation_map import activation_map_of_model
from edge_effnet.convert.edgetpu import for_edgetpu
from edge_effnet.convert.features import find_feature_map
from edge_effnet.convert.request import ConvertRequest
from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.errors import UsageError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit
from edge_effnet.model_contract import Explain, find_contract
from edge_effnet.models.fold import fold_normalisation
from edge_effnet.models.freeze import freeze
from edge_effnet.quantize.scheme import QMAX, QMIN
from edge_effnet.runtimes.litert import LocalModel
from edge_effnet.schemas import read_schema
from edge_effnet.verify.rebuild import rebuild

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.convert import ConvertResult
    from edge_effnet.models import BuiltModel
    from edge_effnet.quantize.scheme import QuantizedGraph

IO = ("int8", "uint8", "float32")


@pytest.mark.parametrize("io", IO)
@pytest.mark.parametrize("edgetpu", [False, True])
def test_scores_stay_the_same_and_the_mean_of_the_map_is_the_logit(
    io: str, edgetpu: bool, quantized_model: Callable[[str], QuantizedGraph]
) -> None:
    """For every interface and for the Edge TPU's operators; the logit within its step, since the mean is rounded."""
    quantized = quantized_model("edgetpu-s")
    quantized = for_edgetpu(quantized) if edgetpu else quantized
    found = find_feature_map(quantized.graph)
    content = tflite_from_quantized(quantized, io=io, also=[found.tensor])
    plain, model = LocalModel(tflite_from_quantized(quantized, io=io)), LocalModel(content)
    maps = activation_map_of_model(read_model_bytes(content), Explain(1, found.to_record()["weights"]))
    tensor = next(
        one for one in read_model_bytes(content).main.tensors if one.name == f"{found.classifier}/bias"
    )
    assert tensor.quantisation is not None
    bias = np.ravel(tensor.data()) * tensor.quantisation.scales  # type: ignore[arg-type]
    for picture in pictures(4, RESOLUTION_PX["edgetpu-s"], seed=5):
        scores, features = model.run_all(model.input_from_pixels(picture))
        assert np.array_equal(scores, plain.run_pixels(picture))
        logits = model.output.reals(scores).reshape(-1)
        means = np.array([maps.scores(features, index).mean() for index in range(len(logits))])
        grid = quantized.grids[quantized.graph.output_name]
        low, high = (
            (code - grid.zero_point) * grid.scale for code in (QMIN, QMAX)
        )  # random weights overflow it
        assert np.abs(np.clip(means + bias, low, high) - logits).max() <= 3 * grid.scale


@pytest.mark.parametrize("io", IO)
def test_a_file_with_features_is_full_integer_and_can_be_rebuilt(
    io: str, quantized_model: Callable[[str], QuantizedGraph]
) -> None:
    """The audit and `verify` take it as they take the file without."""
    quantized = quantized_model("lite0")
    found = find_feature_map(quantized.graph)
    model = read_model_bytes(tflite_from_quantized(quantized, io=io, also=[found.tensor]))
    assert audit(model, io=io).full_integer  # type: ignore[arg-type]
    rebuilt = rebuild(model).quantized.graph
    assert [node.name for node in rebuilt.nodes] == [node.name for node in quantized.graph.nodes]


def test_contract_and_golden_vectors_tell_of_the_map(conversion: Callable[..., ConvertResult]) -> None:
    """A reader in any language finds the output, the weights, and a map to be tested against."""
    result = conversion(with_features=True)
    beside = json.loads(result.contract_path.read_text())
    jsonschema.Draft202012Validator(read_schema("contract")).validate(beside)
    content = result.path.read_bytes()
    model = read_model_bytes(content)
    contract = find_contract(result.path, content, model.metadata)
    assert contract is not None
    assert contract.explain == Explain(1, beside["explain"]["weights"])
    assert (
        activation_map_of_model(model, contract.explain).weights.shape[0]
        == model.main.output_tensors[0].shape[1]
    )
    for row in beside["golden"]:
        heat = np.frombuffer(zlib.decompress(base64.b64decode(row["map_zlib_base64"])), "<f4")
        assert heat.reshape(row["map_shape"]).shape == model.main.output_tensors[1].shape[1:3]
        assert heat.max() in (0.0, 1.0)


def test_without_the_option_nothing_is_said_of_a_map(conversion: Callable[..., ConvertResult]) -> None:
    """The default export stays byte for byte what it was: one output, no key."""
    result = conversion()
    beside = json.loads(result.contract_path.read_text())
    assert "explain" not in beside
    assert not any("map_shape" in row for row in beside["golden"])
    assert len(read_model_bytes(result.path.read_bytes()).main.outputs) == 1


@pytest.mark.parametrize("options", [{"precision": "fp16"}, {"recipe": "minmax"}])
def test_what_has_no_feature_map_to_give_is_refused_at_once(options: dict[str, Any]) -> None:
    """Before anything is built."""
    with pytest.raises(UsageError, match=r"with-features|recipe"):
        ConvertRequest("lite0", with_features=True, **options)


def test_a_network_with_two_dense_layers_has_no_map(built_model: Callable[[str, int], BuiltModel]) -> None:
    """VGG's classifier looks at places one by one: a map of its last layer would explain nothing."""
    built = built_model("vgg16", 32)
    graph = fold_normalisation(freeze(built.keras, built.normalisation, name="vgg16"))
    with pytest.raises(UsageError, match="no class activation map"):
        find_feature_map(graph)
