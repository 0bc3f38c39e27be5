"""Build, calibrate, convert, audit, evaluate, time: every stage on the embedded default, each as its own command does it."""

from __future__ import annotations

import contextlib
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import write_bytes, write_json
from edge_effnet.bench.latency import measure_latency
from edge_effnet.calibrate.shapes import CLASS_NAMES
from edge_effnet.convert import ConvertRequest, convert
from edge_effnet.errors import EnvironmentFault, OutputExistsError, UsageError
from edge_effnet.evaluate import candidate_from_tflite, evaluate
from edge_effnet.inspect.summary import inspect_file
from edge_effnet.progress import Silent
from edge_effnet.quickstart.assets import MODEL_ID, SET_ID, demo_record, demo_weights
from edge_effnet.quickstart.pictures import RenderedSplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.bench.latency import LatencyReport
    from edge_effnet.evaluate import Evaluation
    from edge_effnet.inspect.summary import Inspection
    from edge_effnet.progress import Reporter

__all__ = ["SCHEMA_VERSION", "Quickstart", "QuickstartRequest", "run_quickstart"]

SCHEMA_VERSION: Final = 1
ENGINE: Final = "xnnpack"

_FOLDERS: Final = {"float32": "float32", "w8a8": "."}
"""Precision -> where its files go: each folder keeps one ``contract.json``. The reference comes first."""

_LABELS, _RECORD = "labels.txt", "quickstart.json"
_WEIGHTS_KEYS: Final = (
    "file",
    "sha256",
    "size_bytes",
    "seed",
    "steps",
    "seconds",
    "accuracy",
    "command",
    "versions",
)


@dataclass(frozen=True)
class QuickstartRequest:
    """What to do.

    Attributes:
        folder: Where everything is written; made where it is missing.
        pictures: Test pictures, drawn from the seed; none of them was trained or calibrated on.
        calibration_samples: Training pictures to calibrate on.
        runs: Timed calls of each model.
        force: Write into a folder that holds something.
    """

    folder: Path = Path("runs/quickstart")
    pictures: int = 2000
    calibration_samples: int = 200
    runs: int = 200
    force: bool = False

    def __post_init__(self) -> None:
        if min(self.pictures, self.calibration_samples, self.runs) < 1:
            raise UsageError(
                "a number is too small",
                got=f"pictures {self.pictures}, calibration {self.calibration_samples}, runs {self.runs}",
                allowed="1 or more",
            )


@dataclass(frozen=True)
class Quickstart:
    """What came out.

    Attributes:
        folder: Where it lies.
        conversions: ``float32`` and ``w8a8`` -> the record of ``convert --json``.
        inspection: The audit of the int8 model.
        evaluation: The float model first, the int8 model second.
        latency: In the same order.
        seconds: Wall time of each stage.
    """

    folder: Path
    conversions: dict[str, dict[str, Any]]
    inspection: Inspection
    evaluation: Evaluation
    latency: LatencyReport
    seconds: dict[str, float]

    @property
    def next_commands(self) -> tuple[str, ...]:
        """What a reader is likely to want now."""
        path = shlex.quote(str(self.inspection.path))
        return (
            f"edge-effnet inspect {path}",
            f"edge-effnet convert --model {MODEL_ID} --int8 --weights imagenet --calibration DIR",
            f"edge-effnet eval keras:{MODEL_ID} {MODEL_ID}_224_w8a8.tflite --data DIR --labels CSV",
        )

    def to_record(self) -> dict[str, Any]:
        """Return the record of ``quickstart --json``, which is also written into the folder."""
        trained = demo_record()
        return {
            "schema_version": SCHEMA_VERSION,
            "folder": str(self.folder),
            "model": MODEL_ID,
            "resolution_px": trained["resolution_px"],
            "set": {"id": SET_ID, "classes": list(CLASS_NAMES), "split": "test"},
            "weights": {key: trained[key] for key in _WEIGHTS_KEYS},
            "convert": self.conversions,
            "inspect": self.inspection.as_json(layers=0),
            "eval": self.evaluation.to_record(),
            "latency": self.latency.to_record(),
            "seconds": {**self.seconds, "total": sum(self.seconds.values())},
            "next": list(self.next_commands),
        }


def run_quickstart(request: QuickstartRequest, reporter: Reporter | None = None) -> Quickstart:
    """Run the whole line.

    Args:
        request: What to do.
        reporter: Hears of every stage.

    Raises:
        OutputExistsError: The folder holds something, and force is false.
        GateError: The int8 model is not full integer.
        EnvironmentFault: TensorFlow is missing, or the folder cannot be made.
    """
    reporter = Silent() if reporter is None else reporter
    _make_folders(request)
    seconds: dict[str, float] = {}
    with _timed(seconds, "convert"):
        conversions = _convert_all(request, reporter)
    paths = [Path(conversions[precision]["path"]) for precision in _FOLDERS]
    with _timed(seconds, "inspect"):
        inspection = inspect_file(paths[-1])
        inspection.require_full_integer()
    with _timed(seconds, "evaluate"):
        candidates = [candidate_from_tflite(path, ENGINE) for path in paths]
        pictures = RenderedSplit("test", request.pictures)
        evaluation = evaluate(candidates, pictures, reporter=reporter)
    with _timed(seconds, "time"), reporter.stage("time"):
        latency = measure_latency(paths, runs=request.runs, engine_name=ENGINE)
    found = Quickstart(request.folder, conversions, inspection, evaluation, latency, seconds)
    write_json(request.folder / _RECORD, found.to_record(), force=request.force)
    return found


@contextlib.contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


def _make_folders(request: QuickstartRequest) -> None:
    folder = request.folder
    if folder.exists() and not folder.is_dir():
        raise UsageError("the output is not a folder", got=folder, hint="give a folder with -o")
    if folder.is_dir() and any(folder.iterdir()) and not request.force:
        raise OutputExistsError(folder)
    try:
        for name in _FOLDERS.values():
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(
            f"the folder cannot be made: {error.strerror}", got=folder, hint="choose another -o"
        ) from error


def _convert_all(request: QuickstartRequest, reporter: Reporter) -> dict[str, dict[str, Any]]:
    """Convert once for every precision; return the records."""
    labels = request.folder / _LABELS
    write_bytes(labels, "".join(f"{name}\n" for name in CLASS_NAMES).encode(), force=request.force)
    resolution_px, records = int(demo_record()["resolution_px"]), {}
    with demo_weights() as weights:
        for precision, place in _FOLDERS.items():
            asked = ConvertRequest(
                model=MODEL_ID,
                weights=str(weights),
                precision=precision,
                calibration=SET_ID if precision == "w8a8" else None,
                calibration_samples=request.calibration_samples,
                output=request.folder / place / f"{MODEL_ID}_{resolution_px}_{precision}.tflite",
                force=request.force,
                num_classes=len(CLASS_NAMES),
                resolution_px=resolution_px,
                labels=labels,
            )
            reporter.seconds.clear()  # each record has the times of its own conversion
            records[precision] = convert(asked, reporter).record
    return records
