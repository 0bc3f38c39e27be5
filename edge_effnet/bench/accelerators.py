"""What models share that run on one accelerator: its process, and the cache for their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_effnet.bench.measure import Measurement

__all__ = ["note_sharing"]


def note_sharing(measurements: Sequence[Measurement]) -> None:
    """Add to `accelerator` of each what its file holds, and how it shares the device with the others.

    ``models`` counts those in the process; ``compiled_together`` says whether they have one token, so that their parameters
    lie in the cache side by side (null for one model alone).
    """
    loaded = [each for each in measurements if each.facts.get("accelerator") is not None]
    containers = {each.contender.model: _facts(each.contender.model) for each in loaded}
    for each in loaded:
        place = each.contender.target.name
        beside = {other.contender.model for other in loaded if other.contender.target.name == place}
        tokens = {containers[model].get("token") for model in beside}
        each.facts["accelerator"].update(
            containers[each.contender.model],
            models=len(beside),
            compiled_together=None if len(beside) == 1 else len(tokens) == 1 and None not in tokens,
        )


def _facts(model: Path) -> dict[str, Any]:
    """Return the container's figures; nothing where it cannot be read, since the device has taken it all the same."""
    from edge_effnet.inspect.container import read_container

    try:
        container = read_container(model)
    except DataError:
        return {}
    columns = container.columns()
    return {
        "cached_bytes": columns["cached_params"],
        "streamed_bytes": columns["streamed_params"],
        "min_runtime": columns["min_rt"],
        "cpu_operators": list(container.cpu_ops),
        "token": f"{container.packages[0].run.token:016x}",
    }
