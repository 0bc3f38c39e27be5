"""The operators of every variant's int8 file, against a golden file."""

from __future__ import annotations

import importlib.metadata
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.inspect import read_model_bytes
from edge_effnet.models.fold import fold_normalisation
from edge_effnet.models.freeze import freeze
from edge_effnet.quantize.scheme import quantize_graph
from edge_effnet.variants import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel

GOLDEN = Path(__file__).parent.parent / "golden" / "op_census.json"
SIDE_PX = {"v2-b0": 75}
"""The side that other tests build a variant at, so that it is built once; 64 px where it is not here."""

FAST = ("b0", "edgetpu-s", "lite0", "v2-b0")
"""One of each family; building all of them takes minutes."""

_BORDER = {"QUANTIZE", "DEQUANTIZE"}


def _golden() -> dict[str, Any]:
    found: dict[str, Any] = (
        json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {"variants": {}}
    )
    return found


def _update(model_id: str, found: dict[str, int]) -> None:
    """Write one variant's census into the golden file, in the order of the table."""
    known = {**_golden()["variants"], model_id: found}
    tools = {name: importlib.metadata.version(name) for name in ("tf_keras", "ai-edge-litert")}
    made = "pytest tests/verify/test_op_census.py -m 'slow or not slow' --update-golden; int8, random weights"
    record = {
        "made": made,
        "tools": tools,
        "variants": {name: known[name] for name in VARIANTS if name in known},
    }
    GOLDEN.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _census(built: BuiltModel) -> dict[str, int]:
    """Count the operators of the int8 file; ranges do not matter, so each tensor gets the same."""
    folded = fold_normalisation(freeze(built.keras, built.normalisation, name=built.id))
    quantized = quantize_graph(folded, dict.fromkeys(folded.shapes, (-1.0, 1.0)))
    operators = read_model_bytes(tflite_from_quantized(quantized)).main.operators
    return dict(sorted(Counter(operator.builtin for operator in operators).items()))


@pytest.mark.parametrize(
    "model_id", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in VARIANTS]
)
def test_the_operators_of_a_variant_are_those_of_the_golden_file(
    model_id: str, built_model: Callable[[str, int], BuiltModel], request: pytest.FixtureRequest
) -> None:
    """Not one more or less than the network has, and none that converts between number types."""
    if model_id in FAST:
        built = built_model(model_id, SIDE_PX.get(model_id, 64))
    else:  # not kept: the large ones take a gigabyte
        from edge_effnet.models import build

        built = build(model_id, resolution_px=64, num_classes=10)
    found = _census(built)
    if request.config.getoption("--update-golden"):
        _update(model_id, found)
    assert found == _golden()["variants"][model_id]
    assert not _BORDER & set(found)


def test_the_golden_file_knows_every_variant_and_no_conversion_of_numbers() -> None:
    """No variant is left out, whatever part of the tests is run."""
    census = _golden()["variants"]
    assert list(census) == list(VARIANTS)
    assert not _BORDER & {name for operators in census.values() for name in operators}
