"""What the steps of `collapse.py` share: the network, the pictures, the converted files, and the cache that outlives a run."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import edge_effnet
from edge_effnet import __version__
from edge_effnet.artifacts import sha256_of_bytes, sha256_of_file, write_json
from edge_effnet.calibrate import split
from edge_effnet.convert import ConvertRequest, convert, prepare
from edge_effnet.convert.contract import tool_versions
from edge_effnet.evaluate import read_labelled_set
from edge_effnet.progress import Silent
from edge_effnet.tune.folder import key_of
from edge_effnet.tune.judge import FloatTwin, classes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from edge_effnet.calibrate import CalibrationFeed
    from edge_effnet.convert import Prepared
    from edge_effnet.evaluate import LabelledSet

    Pixels = npt.NDArray[np.uint8]

__all__ = ["AFTER", "BATCH", "BEFORE", "QAT", "Counts", "Inputs", "Workbench", "conditions"]

BEFORE: Final = "minmax-direct"
"""What is localised as "before": the ranges of `minmax`, in a file whose tensors bear the network's names."""

AFTER: Final = "ptq"
QAT: Final = "qat"


BATCH: Final = 8
_MAKING: Final = ("calibrate", "convert", "images.py", "models", "quantize")
_JUDGING: Final = ("evaluate", "verify")
"""Parts of the package that make models, and those that judge them."""
_SCRIPTS: Final = ("collapse_steps.py", "collapse_studies.py")

_TOOLS: Final = ("ai-edge-litert", "tensorflow", "tf_keras", "numpy", "pillow")


@dataclass(frozen=True)
class Counts:
    """How many pictures the steps use.

    Attributes:
        calibration: To calibrate on.
        held_out: Of the same folder, never calibrated on.
        labelled: Labelled ones that judge the ladder; None for all.
        probes: Labelled ones on which blocks are compared.
    """

    calibration: int
    held_out: int
    labelled: int | None
    probes: int


@dataclass(frozen=True)
class Inputs:
    """What is measured, and where.

    Attributes:
        model: Id of the network.
        weights: Its weights file.
        calibration: Folder of pictures without labels.
        data: Folder of labelled pictures.
        labels: Their table.
        qat: A file that `edge-effnet qat` wrote.
        qat_record: What `edge-effnet qat --json` printed.
        seed: Chooses the calibration pictures.
        counts: Numbers of pictures.
    """

    model: str
    weights: Path
    calibration: Path
    data: Path
    labels: Path | None
    qat: Path | None
    qat_record: Path | None
    seed: int
    counts: Counts


class Workbench:
    """Everything that is measured, each piece once.

    Args:
        inputs: What is asked for.
        cache: Folder for models and records.
    """

    def __init__(self, inputs: Inputs, cache: Path) -> None:
        self.inputs, self.cache = inputs, cache
        cache.mkdir(parents=True, exist_ok=True)
        self._made: dict[str, dict[str, Any]] = {}
        self._say = sys.stderr.write

    @cached_property
    def prepared(self) -> Prepared:
        """The float network with the calibration pictures and the held-out ones."""
        counts = self.inputs.counts
        return prepare(self._request(BEFORE, counts.calibration + counts.held_out), Silent())

    @cached_property
    def feeds(self) -> tuple[CalibrationFeed, CalibrationFeed]:
        """The calibration pictures, and pictures of the same folder that were held out."""
        feed = self.prepared.feed
        assert feed is not None  # noqa: S101 - an integer conversion has one
        used, held_out = split(feed, min(self.inputs.counts.held_out / feed.count, 0.5))
        return used, held_out or used

    @cached_property
    def held_out(self) -> Pixels:
        """Pixels of the held-out pictures."""
        return np.concatenate(list(self.feeds[1].batches(BATCH)))

    @cached_property
    def held_out_logits(self) -> npt.NDArray[np.float32]:
        """What the float network makes of them, ``(pictures, classes)``."""
        return self.prepared.built.predict_logits(self.held_out)

    @cached_property
    def labelled(self) -> LabelledSet:
        """The labelled pictures."""
        read = read_labelled_set(self.inputs.data, self.inputs.labels, classes_of(self.prepared))
        return read.limited(self.inputs.counts.labelled)

    @cached_property
    def names(self) -> list[str]:
        """Names of the labelled pictures."""
        return [picture.name for picture in self.labelled.pictures]

    @cached_property
    def twin(self) -> FloatTwin:
        """The float network, whose logits are kept in the cache."""
        known = self._key({"labelled": self.names}, makes_model=True)
        return FloatTwin(self.prepared, f"keras:{self.inputs.model}", self.cache / f"float-{known[:12]}.npz")

    @cached_property
    def common(self) -> dict[str, Any]:
        """What every record depends on."""
        return {
            "model": self.inputs.model,
            "weights": sha256_of_file(self.inputs.weights),
            "calibration": self.feeds[0].to_record(),
            "held_out": self.feeds[1].to_record(),
            "seed": self.inputs.seed,
        }

    def _key(self, more: dict[str, Any], *, makes_model: bool) -> str:
        """Return the fingerprint of a step: its inputs, and the code that its result comes from."""
        sources = _MAKING if makes_model else (*_MAKING, *_JUDGING)
        return key_of(self.common, {"sources": _sources_sha256(sources)}, more)

    def step(
        self, name: str, more: dict[str, Any], measure: Callable[[], Any], model: Path | None = None
    ) -> Any:
        """Return what a step found, measured now unless the cache has it for the same inputs (and the model it made)."""
        path, key = (
            self.cache / f"{name}.json",
            self._key({"step": name, **more}, makes_model=model is not None),
        )
        if path.is_file():
            known = json.loads(path.read_text(encoding="utf-8"))
            if known["key"] == key and (model is None or _has_hash(model, known["found"]["sha256"])):
                self._say(f"{name}: known\n")
                return known["found"]
        start, busy = time.perf_counter(), time.process_time()
        found = measure()
        wall, cpu = time.perf_counter() - start, time.process_time() - busy
        self._say(f"{name}: {wall:.0f} s, {cpu:.0f} s of processor\n")
        write_json(path, {"key": key, "found": found, "seconds": wall, "processor_seconds": cpu}, force=True)
        return found

    def _request(self, recipe: str, samples: int, output: Path | None = None) -> ConvertRequest:
        inputs = self.inputs
        path = output or self.cache / "unused.tflite"
        return ConvertRequest(
            inputs.model, str(inputs.weights), calibration=str(inputs.calibration), calibration_samples=samples,
            recipe=recipe, seed=inputs.seed, output=path, force=True,
        )  # fmt: skip

    def file(self, name: str) -> Path:
        """Where the model of a recipe is; `make` makes it."""
        if name == QAT:
            assert self.inputs.qat is not None  # noqa: S101 - asked for only where there is one
            return self.inputs.qat
        return self.cache / name / "model.tflite"

    def make(self, name: str) -> dict[str, Any]:
        """Convert by a recipe; return hash, wall time and processor time of the whole conversion."""
        if name not in self._made:
            self._made[name] = self._qat() if name == QAT else self._convert(name)
        return self._made[name]

    def _convert(self, name: str) -> dict[str, Any]:
        path = self.file(name)

        def measure() -> dict[str, Any]:
            path.parent.mkdir(exist_ok=True)
            start, busy = time.perf_counter(), time.process_time()
            made = convert(self._request(name, self.feeds[0].count, path), Silent())
            seconds = {
                "seconds": time.perf_counter() - start,
                "processor_seconds": time.process_time() - busy,
            }
            return {"sha256": made.record["sha256"], **seconds}

        return dict(self.step(f"convert-{name}", {}, measure, path))

    def _qat(self) -> dict[str, Any]:
        """Describe the trained file; its times are in what the verb printed."""
        record = self.inputs.qat_record
        said = json.loads(record.read_text(encoding="utf-8")) if record else {}
        digest = sha256_of_file(self.file(QAT))
        if said and said["sha256"] != digest:
            sys.exit(f"{record} is not about {self.file(QAT)}: another sha256")
        known = {"seconds": said.get("seconds"), "processor_seconds": None, "steps": said.get("steps")}
        return {"sha256": digest, **known}


def conditions(bench: Workbench) -> dict[str, Any]:
    """Return what a reader needs to get the same numbers; no path of this machine."""
    inputs, (used, held_out) = bench.inputs, bench.feeds
    known = bench.common
    return {
        "model": inputs.model,
        "resolution_px": bench.prepared.built.resolution_px,
        "weights": {"file": inputs.weights.name, "sha256": known["weights"]},
        "calibration": used.to_record(),
        "held_out": held_out.count,
        "labelled": {"folder": inputs.data.name, "n": len(bench.labelled)},
        "seed": inputs.seed,
        "versions": {
            "edge-effnet": __version__,
            **tool_versions(_TOOLS),
            "python": platform.python_version(),
        },
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
        },
    }


def _has_hash(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of_file(path) == sha256


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@cache
def _sources_sha256(parts: tuple[str, ...]) -> str:
    """Fingerprint of the code of parts of the package, and of the studies where it judges."""
    package, here = Path(edge_effnet.__file__).parent, Path(__file__).parent
    files = [path for name in parts for path in _python_files(package / name)]
    files += [here / name for name in _SCRIPTS if set(_JUDGING) <= set(parts)]
    return sha256_of_bytes("".join(sha256_of_file(path) for path in files).encode())


def _python_files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]
