"""A model that this package wrote declares its interface; the audit believes it where the user says nothing."""

from __future__ import annotations

import json

import pytest
from build_model import Sketch, clean

from edge_effnet.convert.contract import CONTRACT_NAME as WRITTEN_NAME
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit
from edge_effnet.inspect.declared import CONTRACT_NAME, declared_interface


def _contract(source: object, output: object) -> bytes:
    return json.dumps({"io": {"input": {"dtype": source}, "output": {"dtype": output}}}).encode()


def _declared(blob: bytes | None) -> str:
    sketch = clean()
    if blob is not None:
        sketch.add_metadata(CONTRACT_NAME, blob)
    return declared_interface(read_model_bytes(sketch.pack()))


def _float_border() -> Sketch:
    sketch = clean()
    sketch.add_tensor("image", [1, 8, 8, 3], "FLOAT32")
    sketch.add_tensor("scores", [1, 5], "FLOAT32")
    sketch.add_operator("QUANTIZE", ["image"], ["input"])
    sketch.graph.operators.insert(0, sketch.graph.operators.pop())
    sketch.add_operator("DEQUANTIZE", ["logits"], ["scores"])
    sketch.graph.inputs, sketch.graph.outputs = [sketch.index("image")], [sketch.index("scores")]
    return sketch


def test_the_name_is_the_one_that_convert_writes():
    """Two stages, one name."""
    assert CONTRACT_NAME == WRITTEN_NAME


@pytest.mark.parametrize("name", ["int8", "uint8", "float32"])
def test_the_contract_inside_the_file_declares_the_interface(name: str):
    """Input and output agree."""
    assert _declared(_contract(name, name)) == name


@pytest.mark.parametrize(
    "blob",
    [
        None, b"\xff\xfe", b"{}", b"[]", b"7", b'{"io": null}', _contract("int8", "float32"), _contract("int4", "int4"),
        _contract([], []), b"[" * 100_000, b" " * (4 << 20) + _contract("int8", "int8"),
    ],
    ids=range(11),
)  # fmt: skip
def test_without_a_readable_contract_nothing_is_declared(blob: bytes | None):
    """None, noise, another form, sides that differ, an unknown type, hostile nesting and size."""
    assert _declared(blob) == "auto"


def test_a_declared_float_interface_passes_and_an_undeclared_one_does_not():
    """The conversions at the border are notes once the file declares them."""
    sketch = _float_border()
    assert not audit(read_model_bytes(sketch.pack())).full_integer
    sketch.add_metadata(CONTRACT_NAME, _contract("float32", "float32"))
    found = audit(read_model_bytes(sketch.pack()))
    assert found.full_integer
    assert found.interface == "float32"
    assert {finding.severity for finding in found.findings} == {"info"}


def test_a_file_that_is_not_what_it_declares_fails():
    """An interface changed behind the contract's back."""
    sketch = clean()
    sketch.add_metadata(CONTRACT_NAME, _contract("uint8", "uint8"))
    assert not audit(read_model_bytes(sketch.pack())).full_integer


def test_what_the_user_declares_comes_first():
    """An explicit word overrides the file's."""
    sketch = clean()
    sketch.add_metadata(CONTRACT_NAME, _contract("uint8", "uint8"))
    assert audit(read_model_bytes(sketch.pack()), io="int8").full_integer
