"""Files that other tools wrote: complete int8 networks and what the Edge TPU compiler makes of them."""

from __future__ import annotations

import csv
import time
from typing import TYPE_CHECKING

import pytest

from edge_effnet.inspect import read_model
from edge_effnet.inspect.audit import audit
from edge_effnet.inspect.summary import Inspection, inspect_file

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.shared

MOBILENET_V2_MACS_1000 = 300_774_272
"""MobileNetV2 1.0 at 224 px with 1000 classes (Sandler et al. 2018 round it to 300 M); these files have 1001."""


@pytest.fixture(scope="module")
def int8(shared: Path) -> Inspection:
    """MobileNetV2, int8 per channel, behind a uint8 interface."""
    return inspect_file(shared / "data/weights/mobilenet_v2_ptq_int8.tflite")


@pytest.fixture(scope="module")
def uint8(shared: Path) -> Inspection:
    """MobileNetV2, uint8, the scheme of 2018."""
    return inspect_file(shared / "data/weights/mobilenet_v2_qat_uint8.tflite")


def test_mobilenet_v2_has_the_published_multiply_accumulates(int8: Inspection, uint8: Inspection):
    """One class more than published is 1,280 products more; all of them in 8 bits."""
    for found in (int8, uint8):
        assert found.cost.macs == MOBILENET_V2_MACS_1000 + 1280
        assert found.cost.int8_macs == found.cost.macs


def test_an_int8_network_behind_a_uint8_interface_is_full_integer(int8: Inspection):
    """Two conversions at the border are notes; its softmax is a warning."""
    assert int8.audit.full_integer
    assert [(f.rule, f.severity) for f in int8.audit.findings] == [
        ("softmax_output", "warning"),
        ("conversion_operator", "info"),
        ("conversion_operator", "info"),
    ]
    assert int8.cost.operators == {
        "CONV_2D": 36, "DEPTHWISE_CONV_2D": 17, "ADD": 10, "QUANTIZE": 2, "MEAN": 1, "RESHAPE": 1, "SOFTMAX": 1,
    }  # fmt: skip


def test_a_uint8_network_is_full_integer_with_a_note(uint8: Inspection):
    """Old, but integers from end to end."""
    assert uint8.audit.full_integer
    assert {(f.rule, f.severity) for f in uint8.audit.findings} == {
        ("softmax_output", "warning"),
        ("uint8_weights", "info"),
    }


def test_metadata_of_other_tools_is_read(int8: Inspection):
    """Name -> bytes; the associated files behind it do not disturb."""
    assert set(int8.model.metadata) == {"min_runtime_version", "TFLITE_METADATA"}
    assert int8.model.metadata["min_runtime_version"].rstrip(b"\0") == b"1.14.0"


_NOT_INTEGER_OUTSIDE = {
    "deeplabv3_mnv2_dm05_pascal_quant_edgetpu.tflite",  # a change of scale between operators on the CPU
    "keras_lstm_mnist_ptq_edgetpu.tflite",  # int16 between its two parts
}


def test_compiled_files_are_read_and_what_cannot_be_audited_is_said(shared: Path):
    """The custom operator of the Edge TPU compiler is a warning that says so; what is left outside of it is audited."""
    with (shared / "data/edgetpu/expected.csv").open() as stream:
        expected = {row["file"]: row for row in csv.DictReader(stream)}
    files = sorted((shared / "data/edgetpu").glob("*_edgetpu.tflite"))
    assert files
    for file in files:
        model = read_model(file)
        row = expected[file.name]
        kinds = [operator.kind for operator in model.main.operators]
        assert kinds.count("custom") == int(row["n_tpu_ops"])
        assert kinds.count("builtin") == int(row["cpu_ops"])
        assert model.size_bytes == int(row["size"])
        found = audit(model)
        compiled = [finding for finding in found.findings if "compiled for the Edge TPU" in finding.reason]
        assert {finding.severity for finding in compiled} == {"warning"}
        assert found.full_integer == (file.name not in _NOT_INTEGER_OUTSIDE)


def test_uncompiled_twins_are_full_integer(shared: Path):
    """What was compiled was full integer before."""
    files = sorted((shared / "data/edgetpu").glob("*_quant.tflite"))
    assert files
    assert all(audit(read_model(file)).full_integer for file in files)


def test_four_megabytes_are_inspected_in_less_than_a_second(shared: Path):
    """Reading, auditing, hashing and counting together."""
    start = time.process_time()
    inspect_file(shared / "data/weights/mobilenet_v2_ptq_int8.tflite")
    assert time.process_time() - start < 1
