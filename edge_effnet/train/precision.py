"""Mixed precision: bfloat16 arithmetic on float32 weights, where a GPU has it.

bfloat16 has the range of float32, so that gradients need no scaling; NVIDIA GPUs have it from compute capability 8.0 on.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import UnknownNameError
from edge_effnet.models.keras import import_keras, import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PRECISIONS", "choose_precision", "precision_of_layers"]

PRECISIONS: Final = ("auto", "float32", "mixed")
_MIXED: Final = "mixed_bfloat16"
_LEAST_CAPABILITY: Final = (8, 0)


def choose_precision(name: str = "auto") -> tuple[str, str | None]:
    """Choose what layers compute with.

    Args:
        name: ``auto`` is ``mixed`` where every GPU has bfloat16, and there is one.

    Returns:
        Keras' name of the policy, and a note where ``mixed`` was asked for and is not there.

    Raises:
        UnknownNameError: There is no such precision.
    """
    if name not in PRECISIONS:
        raise UnknownNameError("precision of training", name, PRECISIONS)
    if name == "float32":
        return name, None
    if _device_has_it():
        return _MIXED, None
    note = "mixed precision was asked for and no GPU here has bfloat16: training is in float32"
    return "float32", note if name == "mixed" else None


def _device_has_it() -> bool:
    config = import_tensorflow().config
    gpus = config.list_physical_devices("GPU")
    capabilities = [
        config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus
    ]
    return bool(capabilities) and min(capabilities) >= _LEAST_CAPABILITY


@contextlib.contextmanager
def precision_of_layers(policy: str) -> Iterator[None]:
    """Let layers that are made inside compute with a policy of Keras."""
    mixed = import_keras().mixed_precision
    before = mixed.global_policy()
    mixed.set_global_policy(policy)
    try:
        yield
    finally:
        mixed.set_global_policy(before)
