"""Against Google's own compiler, where there is one: what was predicted comes true."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from edge_effnet.cli.main import run
from edge_effnet.process import find_program

if TYPE_CHECKING:
    from pathlib import Path

needs_compiler = pytest.mark.skipif(
    find_program("edgetpu_compiler", "EDGETPU_COMPILER") is None,
    reason="edgetpu_compiler is not here (EDGETPU_COMPILER names it)",
)


@needs_compiler
@pytest.mark.shared
@pytest.mark.parametrize("name", ["mobilenet_v1_0.25_128_quant", "mobilenet_v1_0.75_192_quant"])
def test_the_compiler_does_what_was_predicted(
    name: str, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Log and file agree, every operator is mapped, parameters within 1 %."""
    model = shared / f"data/edgetpu/{name}.tflite"
    assert run(["edgetpu", "compile", str(model), "-o", str(tmp_path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    rows = {row["what"]: row for row in record["agreement"]["rows"]}
    assert record["agreement"]["consistent"]
    assert rows["mapped_ops"]["predicted"] == rows["mapped_ops"]["log"]
    assert abs(rows["parameter_bytes"]["prediction_error_percent"]) < 1
