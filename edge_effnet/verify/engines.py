"""What computes the int8 file: the fake-quant graph rebuilt from it, and every engine that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_effnet.convert.contract import tool_versions
from edge_effnet.errors import EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.quantize.exact import kernel_runner
from edge_effnet.quantize.execute import quantized_function
from edge_effnet.runtimes import Available, Missing, engine, engine_names
from edge_effnet.verify.rebuild import rebuild
from edge_effnet.verify.rows import NotRebuildable
from edge_effnet.verify.subjects import batched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from edge_effnet.verify.rebuild import Rebuilt
    from edge_effnet.verify.subjects import IntegerModel

    Pixels = npt.NDArray[np.uint8]
    Logits = Callable[[Pixels], npt.NDArray[np.float32]]

__all__ = ["FAKE_QUANT", "REFERENCE", "Runner", "check_names", "open_runners", "rebuilt_or_missing"]

FAKE_QUANT: Final = "fake_quant"
REFERENCE: Final = "reference"
DEFAULT_ENGINES: Final = (FAKE_QUANT, "xnnpack", "builtin", REFERENCE)


@dataclass(frozen=True)
class Runner:
    """Something that computes the int8 file.

    Attributes:
        name: ``fake_quant``, or an engine's name.
        library: Name and version of what does the work.
        logits: ``(n, height, width, 3) uint8`` pixels -> ``(n, classes)`` real values on the output's grid.
        limit: Largest number of pictures that it is given; None for all.
    """

    name: str
    library: str
    logits: Logits
    limit: int | None = None


def check_names(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the engines that are asked for, each once; None asks for the usual ones.

    Raises:
        UnknownNameError: There is no engine of that name.
        UsageError: The list is empty.
    """
    if names is None:
        return DEFAULT_ENGINES
    allowed = (FAKE_QUANT, *engine_names())
    for name in names:
        if name not in allowed:
            raise UnknownNameError("engine", name, allowed)
    if not names:
        raise UsageError("no engine is asked for", allowed=", ".join(allowed))
    return tuple(dict.fromkeys(names))


def rebuilt_or_missing(subject: IntegerModel) -> Rebuilt | Missing:
    """Rebuild the fake-quant graph of a file, or say why it cannot be computed here."""
    try:
        import_tensorflow()
        return rebuild(subject.model)
    except NotRebuildable as error:
        return Missing(error.message, "the other engines need no fake-quant graph")
    except EnvironmentFault as error:
        return Missing(error.message, error.hint or "")


def open_runners(
    names: Sequence[str], subject: IntegerModel, rebuilt: Rebuilt | Missing, *, reference_images: int
) -> tuple[tuple[Runner, ...], dict[str, Missing]]:
    """Load a file on every engine that can run it.

    Returns:
        What runs, and what does not with its reason.

    Raises:
        DataError: The file is no model that any engine could run.
        EnvironmentFault: Nothing runs.
    """
    runners: list[Runner] = []
    missing: dict[str, Missing] = {}
    for name in names:
        found = _fake_quant(rebuilt) if name == FAKE_QUANT else _engine(name, subject, reference_images)
        if isinstance(found, Missing):
            missing[name] = found
        else:
            runners.append(found)
    if not runners:
        reasons = "; ".join(f"{name}: {state.reason}" for name, state in missing.items())
        raise EnvironmentFault("none of the engines runs this model", got=reasons)
    return tuple(runners), missing


def _engine(name: str, subject: IntegerModel, reference_images: int) -> Runner | Missing:
    try:
        found = engine(name)
        model = found.load(subject.content)
    except EnvironmentFault as error:
        return Missing(error.message, error.hint or "")
    state = found.probe()
    library = state.version if isinstance(state, Available) else ""
    return Runner(name, library, batched(model), reference_images if name == REFERENCE else None)


def _fake_quant(rebuilt: Rebuilt | Missing) -> Runner | Missing:
    if isinstance(rebuilt, Missing):
        return rebuilt
    tf = import_tensorflow()
    output = rebuilt.quantized.graph.output_name
    run = quantized_function(rebuilt.quantized, keep=(output,), runner=kernel_runner)

    def logits(pixels: Pixels) -> npt.NDArray[np.float32]:
        values = run(tf.constant(rebuilt.input_values(pixels)))[output]
        return np.asarray(values).reshape(len(pixels), -1)

    return Runner(FAKE_QUANT, f"tensorflow {tool_versions(['tensorflow'])['tensorflow']}", logits)
