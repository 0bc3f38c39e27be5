"""The climb itself: one rung after the other, each made once and kept, until one meets the budget."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import ConversionError, GateError
from edge_effnet.qat.settings import settings_from
from edge_effnet.tune.folder import key_of
from edge_effnet.tune.judge import Verdict, judge
from edge_effnet.tune.record import RungResult, SkippedRung
from edge_effnet.tune.rungs import RUNG_NAMES, RUNGS, reason_to_skip

if TYPE_CHECKING:
    from edge_effnet.evaluate import LabelledPictures
    from edge_effnet.progress import Reporter
    from edge_effnet.tune.folder import RunFolder
    from edge_effnet.tune.judge import FloatTwin
    from edge_effnet.tune.request import TuneRequest
    from edge_effnet.tune.rungs import Rung
    from edge_effnet.tune.workshop import Workshop

__all__ = ["Climbed", "Ladder"]


@dataclass(frozen=True)
class Climbed:
    """What came of the rungs, before anything is timed or chosen.

    Attributes:
        rungs: Those that ended in a model, in order.
        skipped: The others, in order.
        n: Labelled pictures that judged.
        float_top1: Top-1 of the float network on them, in percent.
    """

    rungs: tuple[RungResult, ...]
    skipped: tuple[SkippedRung, ...]
    n: int
    float_top1: float


class Ladder:
    """The state of one climb.

    Args:
        request: What was asked for.
        workshop: Makes models.
        folder: Keeps them.
        twin: The float network.
        pictures: Judge every rung.
        inputs: Key of everything that all rungs depend on.
        reporter: Told of every stage.
    """

    def __init__(
        self,
        request: TuneRequest,
        workshop: Workshop,
        folder: RunFolder,
        twin: FloatTwin,
        pictures: LabelledPictures,
        inputs: str,
        reporter: Reporter,
    ) -> None:
        self._request, self._workshop, self._folder = request, workshop, folder
        self._twin, self._pictures, self._inputs, self._reporter = twin, pictures, inputs, reporter
        self._verdicts: list[Verdict] = []

    def climb(self) -> Climbed:
        """Try the rungs in order.

        Raises:
            ConversionError: None ended in a model.
        """
        rungs: list[RungResult] = []
        skipped: list[SkippedRung] = []
        for rung in RUNGS:
            reason = self._reason(rung, rungs)
            found = SkippedRung(rung.name, reason) if reason else self._tried(rung)
            (rungs if isinstance(found, RungResult) else skipped).append(found)  # type: ignore[arg-type]  # of one kind each
        if not rungs:
            reasons = "; ".join(f"{item.name}: {item.reason}" for item in skipped)
            raise ConversionError("no rung ended in a model", got=reasons)
        first = self._verdicts[0]
        return Climbed(tuple(rungs), tuple(skipped), first.n, first.float_top1)

    def _reason(self, rung: Rung, before: list[RungResult]) -> str | None:
        """Return why a rung is not tried."""
        request = self._request
        met = next((found.name for found in before if found.meets(request.max_drop)), None)
        if met is not None and not request.all_rungs:
            return f"not tried: {met} meets the budget"
        if request.until is not None and RUNG_NAMES.index(rung.name) > RUNG_NAMES.index(request.until):
            return f"not tried: --until {request.until}"
        return reason_to_skip(rung, self._workshop.situation)

    def _tried(self, rung: Rung) -> RungResult | SkippedRung:
        """Make and judge a rung unless that was done before; a rung that fails does not end the climb."""
        key = key_of({"inputs": self._inputs}, rung.to_record(), self._options(rung))
        record = self._folder.load(rung.name, key)
        if record is None:
            try:
                record = self._made(rung, key)
            except (ConversionError, GateError) as error:
                self._reporter.note("warning", f"{rung.name} failed: {error.message}")
                return SkippedRung(rung.name, f"failed: {' '.join(str(error).split())}")
            self._folder.save(rung.name, key, record)
        else:
            self._reporter.note("info", f"{rung.name}: found in {self._folder.path}")
        return self._result(rung, record)

    def _options(self, rung: Rung) -> dict[str, Any]:
        """Return what else a rung depends on."""
        training = settings_from(steps=self._request.steps, seed=self._request.seed).to_record()
        return {
            **({"training": training} if rung.distil else {}),
            **({"keep_blocks": self._request.keep_blocks} if rung.mixed else {}),
        }

    def _made(self, rung: Rung, key: str) -> dict[str, Any]:
        path = self._folder.room(rung.name, key)
        start = time.perf_counter()
        details = self._workshop.make(rung, path)
        seconds = time.perf_counter() - start
        verdict = judge(path, self._twin, self._pictures, self._reporter)
        drop, (low, high) = verdict.drop_top1, verdict.ci95
        self._reporter.note("info", f"{rung.name}: drop {drop:+.2f} [{low:+.2f}, {high:+.2f}] points")
        return {
            "sha256": sha256_of_file(path),
            "size_bytes": path.stat().st_size,
            "seconds": seconds,
            "verdict": asdict(verdict),
            "details": details,
        }

    def _result(self, rung: Rung, record: dict[str, Any]) -> RungResult:
        verdict = Verdict(**{**record["verdict"], "ci95": tuple(record["verdict"]["ci95"])})
        self._verdicts.append(verdict)
        return RungResult(
            name=rung.name,
            drop_top1=verdict.drop_top1,
            ci95=verdict.ci95,
            agreement=verdict.agreement,
            sqnr_db=verdict.sqnr_db,
            seconds=record["seconds"],
            size_bytes=record["size_bytes"],
            sha256=record["sha256"],
            full_integer=not rung.mixed,
            details=record["details"],
        )
