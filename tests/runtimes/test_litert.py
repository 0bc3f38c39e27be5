"""runtimes.litert: what the engines of this process add to the common contract."""

from __future__ import annotations

import numpy as np
import pytest
from runtimes.tiny_models import colour_classifier

from edge_effnet.errors import DataError, UnknownNameError, UsageError
from edge_effnet.runtimes import LocalModel


def test_an_unknown_engine_is_refused_before_the_file_is_read() -> None:
    """Exit 2 with the list of engines."""
    with pytest.raises(UnknownNameError, match="builtin"):
        LocalModel(b"", "buildin")


def test_intermediate_tensors_can_be_read_by_name() -> None:
    """With keep_tensors, a tensor has its real values after a run."""
    model = LocalModel(colour_classifier().to_bytes(), "reference", keep_tensors=True)
    logits = model.logits(np.full((4, 4, 3), 200, np.uint8))
    assert {"pixels", "weights", "logits"} <= set(model.tensor_names())
    assert np.array_equal(model.tensor("logits").reshape(-1), logits)
    assert np.array_equal(model.tensor("pixels"), np.full((1, 4, 4, 3), 200.0))


def test_an_unknown_tensor_gets_a_suggestion() -> None:
    """A mistyped tensor name is not a KeyError."""
    model = LocalModel(colour_classifier().to_bytes(), "builtin", keep_tensors=True)
    with pytest.raises(UnknownNameError, match="did you mean 'logits'"):
        model.tensor("logit")


def test_xnnpack_keeps_no_tensors() -> None:
    """It fuses them away, so asking is refused and not answered with old values."""
    with pytest.raises(UsageError, match="xnnpack"):
        LocalModel(colour_classifier().to_bytes(), "xnnpack", keep_tensors=True)


def test_a_file_of_another_kind_is_called_by_its_name() -> None:
    """A JPEG, an HTML page or a zip is not a model."""
    for content in (b"", b"<!doctype html>", b"PK\x03\x04" + bytes(40)):
        with pytest.raises(DataError, match=r"not a \.tflite model"):
            LocalModel(content)


def test_damaged_bytes_end_in_an_error_and_never_in_a_crash() -> None:
    """Random damage gives a model that still runs or one of our errors."""
    content = colour_classifier().to_bytes()
    random = np.random.default_rng(0)
    outcomes = {"runs": 0, "refused": 0}
    for _ in range(60):
        damaged = bytearray(content)
        for place in random.integers(8, len(content), 6):
            damaged[place] = int(random.integers(0, 256))
        try:
            LocalModel(bytes(damaged), "builtin").logits(np.zeros((4, 4, 3), np.uint8))
            outcomes["runs"] += 1
        except (DataError, UsageError):
            outcomes["refused"] += 1
        except Exception as error:
            if type(error).__module__ != "edge_effnet.errors":
                raise
    assert outcomes["refused"] > 0
