"""The demonstration's weights: ``python -m edge_effnet.train.demo -o edge_effnet/_demo/b0_shapes10.npz``.

EfficientNet-B0 from random weights on the synthetic set ``shapes10-v1``, drawn while it is used. The result is float16,
and a record beside it says how it was made and how often it is right.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet import __version__
from edge_effnet.artifacts import check_output, sha256_of_file, write_json
from edge_effnet.errors import EdgeEffnetError
from edge_effnet.models import build
from edge_effnet.models.formats_npz import save_npz
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.progress import Silent
from edge_effnet.train.demo_plan import DEMO_PLAN
from edge_effnet.train.demo_task import DemoTask, count_right
from edge_effnet.train.loop import run
from edge_effnet.train.records import RunPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.models import BuiltModel
    from edge_effnet.progress import Reporter
    from edge_effnet.train.demo_plan import Plan
    from edge_effnet.train.records import Outcome

__all__ = ["SCHEMA_VERSION", "export", "main", "train"]

SCHEMA_VERSION: Final = 2
SET_ID: Final = "shapes10-v1"
JUDGED_PICTURES: Final = 2000
"""Pictures of the split ``val`` on which the float16 file is judged."""

_PROGRAM: Final = "python -m edge_effnet.train.demo"
_COMMAND: Final = f"{_PROGRAM} -o edge_effnet/_demo/b0_shapes10.npz"
_LIBRARIES: Final = ("tensorflow", "tf_keras", "numpy")
_LOGGER = logging.getLogger("edge_effnet.train")


class _LogReporter(Silent):
    """Passes notes on to the log."""

    def note(self, kind: str, message: str) -> None:
        """Log a note."""
        super().note(kind, message)
        _LOGGER.log(logging.WARNING if kind == "warning" else logging.INFO, message)


def train(
    plan: Plan, folder: Path, *, deadline_s: float | None = None, reporter: Reporter | None = None
) -> tuple[BuiltModel, Outcome]:
    """Carry out a plan, or go on with it where ``folder`` holds a run of it.

    Args:
        plan: What to do.
        folder: Where the run is kept, see `edge_effnet.train.folder`.
        deadline_s: Begin no epoch that would end later than this after the start.
        reporter: Hears of each step and each epoch.

    Returns:
        The network at the resolution of its last epoch, and what the run came to.
    """
    task = DemoTask(plan)
    whole = RunPlan(plan.epochs, plan.epoch_steps, plan.to_record(), batch_size=plan.batch_size)
    outcome = run(task, whole, folder, resume=True, reporter=reporter, deadline_s=deadline_s)
    return task.built, outcome


def export(
    plan: Plan, built: BuiltModel, outcome: Outcome, path: Path, *,
    pictures: int = JUDGED_PICTURES, force: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Write the weights as float16, read them back, judge them, and write the record beside them.

    Args:
        plan: The run.
        built: The network that it trained.
        outcome: What it came to.
        path: Where the ``.npz`` goes; the record gets the same name with ``.json``.
        pictures: How many of the split ``val`` judge the file.
        force: Whether to overwrite.

    Returns:
        The record.
    """
    check_output(path.with_suffix(".json"), force=force)
    save_npz(built, path, half=True, force=force)
    saved = build(plan.model_id, weights=path, num_classes=plan.classes, resolution_px=plan.resolution_px)
    right = count_right(saved, "val", pictures)
    record = _record(plan, outcome, path) | {
        "accuracy": {"split": "val", "right": right, "n": pictures, "top1": 100.0 * right / pictures}
    }
    write_json(path.with_suffix(".json"), record, force=force)
    return record


def _record(plan: Plan, outcome: Outcome, path: Path) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "file": path.name,
        "sha256": sha256_of_file(path),
        "size_bytes": path.stat().st_size,
        "model": plan.model_id,
        "resolution_px": plan.resolution_px,
        "classes": plan.classes,
        "set": SET_ID,
        "seed": plan.seed,
        "plan": plan.to_record(),
        "is_finished": outcome.stopped == "finished",
        "epochs": outcome.epochs,
        "steps": outcome.steps,
        "seconds": outcome.seconds,
        "log": list(outcome.history),
        "command": _COMMAND,
        "versions": {
            "edge-effnet": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _LIBRARIES},
        },
    }


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=_PROGRAM, description="Train the demonstration's weights.")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .npz file")
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("runs/demo-weights"), metavar="DIR",
        help="folder of the run; one that was stopped goes on from there",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, help="stop in time for this; what is there is written")
    parser.add_argument("--threads", type=int, default=0, help="threads inside one operator; 0 = all cores")
    parser.add_argument("--force", action="store_true", help="overwrite the output")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, write, and return the exit code."""
    options = _arguments(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        check_output(options.output, force=options.force)
        import_tensorflow().config.threading.set_intra_op_parallelism_threads(options.threads)
        limit_s = None if options.minutes is None else 60.0 * options.minutes
        built, outcome = train(DEMO_PLAN, options.checkpoint, deadline_s=limit_s, reporter=_LogReporter())
        record = export(DEMO_PLAN, built, outcome, options.output, force=options.force)
    except EdgeEffnetError as error:
        _LOGGER.log(logging.ERROR, "%s", error)
        return error.exit_code
    except KeyboardInterrupt:
        _LOGGER.warning("interrupted; the same command goes on after the last step")
        return 130
    accuracy = record["accuracy"]
    _LOGGER.info(
        "%s: %d bytes, %.1f %% of %d", options.output, record["size_bytes"], accuracy["top1"], accuracy["n"]
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
