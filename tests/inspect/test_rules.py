"""The integer gate: a model that breaks one rule gets exactly that rule's finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from breakages import BREAKAGES, Breakage
from build_model import CONV_WEIGHTS, INPUT_SCALE, Sketch, clean

from edge_effnet.errors import UnknownNameError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import RULES, Audit, audit

if TYPE_CHECKING:
    from edge_effnet.inspect.findings import Interface


def _audit(sketch: Sketch, io: Interface = "auto") -> Audit:
    return audit(read_model_bytes(sketch.pack()), io=io)


def _rules(sketch: Sketch, io: Interface = "auto") -> set[tuple[str, str]]:
    return {(finding.rule, finding.severity) for finding in _audit(sketch, io).findings}


def test_a_clean_model_is_full_integer_without_a_word():
    """No rule has anything to say about the reference network."""
    found = _audit(clean())
    assert found.full_integer
    assert found.findings == ()


def test_a_clean_model_runs_under_the_runtime():
    """What the audit calls clean is a model that the reference kernels accept and that gives finite codes."""
    interpreter = Interpreter(
        model_content=clean().pack(), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.ones((1, 8, 8, 3), np.int8))
    interpreter.invoke()
    assert interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).shape == (1, 5)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: f"{breakage.rule}-{breakage.what}")
def test_one_breakage_gives_exactly_one_kind_of_finding(breakage: Breakage):
    """The finding has the rule, the severity, the operator and the tensor, a reason and a fix."""
    sketch = clean()
    breakage.apply(sketch)
    found = _audit(sketch)
    assert {(f.rule, f.severity) for f in found.findings} == {(breakage.rule, breakage.severity)}
    first = found.findings[0]
    assert (first.op, first.tensor) == (breakage.op, breakage.tensor)
    assert breakage.says in first.reason
    assert first.fix
    assert found.full_integer == (breakage.severity != "error")


def test_every_rule_has_a_breakage():
    """A rule that no test can trigger would be a rule that may do nothing."""
    assert {rule.__name__ for rule in RULES} == {breakage.rule for breakage in BREAKAGES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_says_what_it_stands_for(rule: object):
    """The docstring is the rule in one sentence."""
    assert (rule.__doc__ or "").endswith(".")


def test_findings_name_the_place_of_the_operator():
    """The index is the operator's place in the graph; a finding about the model has none."""
    sketch = clean()
    sketch.set_version("MUL", 9)
    sketch.model.buffers.append(schema.BufferT(data=np.zeros(9, np.uint8)))
    warning, info = _audit(sketch).findings
    assert (warning.op_index, warning.op) == (2, "MUL")
    assert (info.op_index, info.op, info.tensor) == (None, "", "")


def test_errors_come_before_warnings_before_notes():
    """The first line is the worst."""
    sketch = clean()
    sketch.add_tensor("unused", [3])
    sketch.set_version("CONV_2D", 6)
    sketch.tensor("sigmoid").quantization.zeroPoint = [0]
    assert [finding.severity for finding in _audit(sketch).findings] == ["error", "warning", "info"]


def test_json_keys_of_a_finding_are_fixed():
    """Scripts read these six keys."""
    sketch = clean()
    sketch.set_version("MUL", 9)
    record = _audit(sketch).findings[0].as_json()
    assert list(record) == ["severity", "op_index", "op", "tensor", "reason", "fix"]


def _with_border(outside: str, *, scale: float = INPUT_SCALE) -> Sketch:
    """A clean int8 core behind QUANTIZE and before QUANTIZE or DEQUANTIZE."""
    sketch = clean()
    quantised = {"scale": scale, "zero": 128} if outside == "UINT8" else {}
    sketch.add_tensor("image", [1, 8, 8, 3], outside, **quantised)
    sketch.add_tensor("scores", [1, 5], outside, **quantised)
    sketch.add_operator("QUANTIZE", ["image"], ["input"])
    sketch.graph.operators.insert(0, sketch.graph.operators.pop())
    sketch.add_operator("QUANTIZE" if outside == "UINT8" else "DEQUANTIZE", ["logits"], ["scores"])
    sketch.graph.inputs, sketch.graph.outputs = [sketch.index("image")], [sketch.index("scores")]
    return sketch


@pytest.mark.parametrize(("outside", "io"), [("UINT8", "uint8"), ("UINT8", "auto"), ("FLOAT32", "float32")])
def test_conversions_at_the_border_are_notes_when_declared(outside: str, io: Interface):
    """The price of a uint8 or float interface, not a fault."""
    sketch = _with_border(outside)
    assert _rules(sketch, io) == {("conversion_operator", "info")}
    assert _audit(sketch, io).full_integer


@pytest.mark.parametrize(
    ("outside", "io"), [("UINT8", "int8"), ("FLOAT32", "int8"), ("FLOAT32", "uint8"), ("UINT8", "float32")]
)
def test_another_interface_than_declared_is_an_error(outside: str, io: Interface):
    """Inputs, outputs and the conversions behind them."""
    assert _rules(_with_border(outside), io) == {
        ("interface_type", "error"),
        ("conversion_operator", "error"),
    }


def test_a_float_interface_has_to_be_declared():
    """Without a word about it, float32 at the border fails the gate."""
    found = _audit(_with_border("FLOAT32"))
    assert not found.full_integer
    assert {f.tensor for f in found.findings if f.severity == "error"} == {"image", "scores"}
    assert "--io float32" in found.findings[0].fix


def test_an_int8_model_is_not_a_uint8_model():
    """A declared uint8 interface is checked too."""
    assert _rules(clean(), "uint8") == {("interface_type", "error")}


def test_float_arithmetic_behind_a_float_interface_is_an_error():
    """Declaring float32 at the border excuses the border only."""
    sketch = _with_border("FLOAT32")
    sketch.add_tensor("inner", [1, 8, 8, 3], "FLOAT32")
    sketch.add_operator("RELU", ["image"], ["inner"])
    sketch.graph.operators.insert(0, sketch.graph.operators.pop())
    sketch.replace_input("QUANTIZE", 0, "inner")
    assert ("float_tensor", "error") in _rules(sketch, "float32")
    assert ("conversion_operator", "error") in _rules(sketch, "float32")


def test_an_index_as_output_is_no_fault():
    """ARG_MAX gives a wide integer because it gives a place."""
    sketch = clean()
    sketch.add_tensor("axis", [], "INT32", data=1)
    sketch.add_tensor("class", [1], "INT32")
    sketch.add_operator("ARG_MAX", ["logits", "axis"], ["class"], version=2, options=schema.ArgMaxOptionsT())
    sketch.graph.outputs = [sketch.index("class")]
    assert _audit(sketch).findings == ()


def test_packing_8_bit_data_is_no_shape_arithmetic():
    """PACK is a residue of open sizes only when it makes a shape."""
    sketch = clean()
    sketch.add_tensor("pair", [2, 1, 5], scale=0.1, zero=-4)
    sketch.add_operator(
        "PACK", ["logits", "logits"], ["pair"], version=2, options=schema.PackOptionsT(valuesCount=2)
    )
    sketch.graph.outputs = [sketch.index("pair")]
    assert _audit(sketch).findings == ()


def test_a_softmax_is_seen_through_the_conversion_of_the_interface():
    """SOFTMAX, then QUANTIZE to uint8: still 256 steps."""
    sketch = clean()
    sketch.add_tensor("scores", [1, 5], scale=1 / 256, zero=-128)
    sketch.add_tensor("bytes", [1, 5], "UINT8", scale=1 / 256)
    sketch.add_operator("SOFTMAX", ["logits"], ["scores"], version=2)
    sketch.add_operator("QUANTIZE", ["scores"], ["bytes"])
    sketch.graph.outputs = [sketch.index("bytes")]
    assert ("softmax_output", "warning") in _rules(sketch)


def test_a_softmax_inside_the_graph_is_no_matter():
    """Only what the caller ranks by is worth a warning."""
    sketch = clean()
    sketch.add_tensor("scores", [1, 4], scale=1 / 256, zero=-128)
    sketch.add_operator("SOFTMAX", ["flat"], ["scores"], version=2)
    sketch.graph.operators.insert(6, sketch.graph.operators.pop())
    sketch.replace_input("FULLY_CONNECTED", 0, "scores")
    sketch.tensor("dense/b").quantization.scale = [0.02 / 256]
    assert _audit(sketch).findings == ()


def test_joining_is_judged_for_every_input():
    """The int8 kernel copies codes; the uint8 kernel rescales them."""
    sketch = clean()
    sketch.add_tensor("other", [1, 5], scale=0.2, zero=-4, data=[1, 2, 3, 4, 5])
    sketch.add_tensor("joined", [1, 10], scale=0.1, zero=-4)
    sketch.add_operator("CONCATENATION", ["logits", "other"], ["joined"], version=2)
    sketch.graph.outputs = [sketch.index("joined")]
    assert _rules(sketch) == {("carried_scale", "error")}
    sketch.tensor("other").quantization.scale = [0.1]
    assert _rules(sketch) == set()


def test_a_scale_that_is_off_by_rounding_is_accepted():
    """Products of float32 differ in the last bits between tools."""
    sketch = clean()
    sketch.tensor("conv/b").quantization.scale = [INPUT_SCALE * scale * (1 + 3e-7) for scale in CONV_WEIGHTS]
    assert _audit(sketch).findings == ()


def test_a_bias_below_half_of_the_range_is_accepted():
    """2^29 is where the exporter stops."""
    sketch = clean()
    sketch.set_data("conv/b", np.int32([2**29, -(2**29), 0, 1]))
    assert _audit(sketch).findings == ()


def test_an_unknown_interface_is_a_usage_error():
    """A mistyped choice is named, with the list."""
    with pytest.raises(UnknownNameError, match="uint8"):
        _audit(clean(), "unit8")


@pytest.mark.parametrize("what", ["scale", "joined"])
def test_the_kernels_refuse_what_the_audit_refuses(what: str):
    """Evidence for two rules from the runtime itself: it does not prepare these models."""
    sketch = clean()
    if what == "scale":
        sketch.tensor("sigmoid").quantization.scale = [0.004]
    else:
        sketch.tensor("conv/w").quantization.zeroPoint = [1, 2, 3, 4]
    interpreter = Interpreter(
        model_content=sketch.pack(), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    with pytest.raises(RuntimeError, match="failed to prepare"):
        interpreter.allocate_tensors()
    assert not _audit(sketch).full_integer
