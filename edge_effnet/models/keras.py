"""The one place that imports TensorFlow and tf_keras: late, quietly, and with a clear error where they are missing."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["import_keras", "import_tensorflow", "import_tfmot"]


@functools.cache
def import_tensorflow() -> Any:
    """Return the module ``tensorflow``.

    Raises:
        EnvironmentFault: It is not installed, or its installation is broken.
    """
    return _imported("tensorflow")


@functools.cache
def import_keras() -> Any:
    """Return the module ``tf_keras``, which is Keras 2.

    Raises:
        EnvironmentFault: It is not installed, or its installation is broken.
    """
    import_tensorflow()
    return _imported("tf_keras")


@functools.cache
def import_tfmot() -> Any:
    """Return ``tensorflow_model_optimization.quantization.keras``, working on Keras 2.

    Raises:
        EnvironmentFault: It is not installed, or its installation is broken.
    """
    import_keras()
    return _imported("tensorflow_model_optimization").quantization.keras


def _imported(name: str) -> Any:
    # tf.keras is then Keras 2 for every library that uses it, tensorflow-model-optimization among them.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet():
            module = importlib.import_module(name)
    except ImportError as error:
        raise EnvironmentFault(
            f"{name} cannot be imported", got=error, hint="pip install 'edge-effnet[convert]'"
        ) from error
    for logger in ("tensorflow", "absl"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    return module


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide what an import says: TensorFlow's C++ code writes to descriptor 2 before it knows of any log level."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # a process without a standard error has nothing to hide
        yield
        return
    with open(os.devnull, "wb") as sink, warnings.catch_warnings():  # noqa: PTH123 - no Path to a device
        warnings.simplefilter("ignore")
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
