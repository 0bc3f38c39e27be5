"""Importing TensorFlow: late, quiet, and with a way out where it is missing."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from edge_effnet.errors import EnvironmentFault
from edge_effnet.models import keras


def test_importing_models_imports_no_tensorflow() -> None:
    """The stage can be imported by `list` and `--help` without TensorFlow's seconds."""
    code = (
        "import sys, edge_effnet.models; "
        "sys.exit(any(m.split('.')[0] in {'tensorflow', 'tf_keras', 'h5py'} for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_tensorflow_says_nothing() -> None:
    """Nothing but our own words reaches the user's terminal."""
    code = "from edge_effnet.models.keras import import_keras; import_keras()"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == ""
    assert done.stderr == ""


def test_missing_tensorflow_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TensorFlow the error is exit 3 and says what to install."""

    def refuse(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(EnvironmentFault, match=r"edge-effnet\[convert\]") as caught:
        keras.import_tensorflow.__wrapped__()
    assert caught.value.exit_code == 3
