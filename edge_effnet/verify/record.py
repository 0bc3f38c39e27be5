"""What a verification found, the record that ``verify --json`` prints, and the gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import GateError
from edge_effnet.verify.figures import DIVERGENCE_RULE, ROUNDING_RULE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge_effnet.runtimes import Missing
    from edge_effnet.verify.figures import (
        BlockResult,
        BlockSensitivity,
        EngineResult,
        LayerResult,
        OperatorResult,
        PairResult,
    )

__all__ = ["SCHEMA_VERSION", "Located", "Verification"]

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Located:
    """Where the error arises.

    Attributes:
        n: Pictures.
        engine: What ran both files.
        layers: In the order in which they run.
        blocks: The worst first.
        operators: One row per operator kind.
        notes: Why something is empty.
    """

    n: int = 0
    engine: str = ""
    layers: tuple[LayerResult, ...] = ()
    blocks: tuple[BlockResult, ...] = ()
    operators: tuple[OperatorResult, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def first_divergence(self) -> LayerResult | None:
        """The first layer for which `DIVERGENCE_RULE` holds."""
        return next((layer for layer in self.layers if layer.diverges), None)

    def worst_layers(self, count: int) -> tuple[LayerResult, ...]:
        """Return the layers with the most noise of their own (or in all, where that is not known), worst first."""
        judged = [layer for layer in self.layers if not layer.before_activation]
        return tuple(sorted(judged, key=_noisiness)[:count])


def _noisiness(layer: LayerResult) -> float:
    return layer.sqnr_db if layer.own_sqnr_db is None else layer.own_sqnr_db


@dataclass(frozen=True)
class Verification:
    """Everything that was found; `to_record` is what ``--json`` prints.

    Attributes:
        subjects: The float model, the int8 model and the pictures, as records.
        n: Pictures.
        engines: In the order in which they were asked for.
        missing: Engines that do not run, with reason and fix.
        pairs: Every pair of engines, in LSB.
        located: Where the error arises.
        sensitivity: What each block costs alone, in the order in which they run; empty where it was not asked for.
        notes: What was assumed or must be known.
        skipped: Pictures that could not be read, with the reason.
        versions: Of the libraries.
        seconds: Wall time of each stage.
    """

    subjects: dict[str, dict[str, Any]]
    n: int
    engines: tuple[EngineResult, ...]
    missing: Mapping[str, Missing]
    pairs: tuple[PairResult, ...]
    located: Located
    notes: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    versions: dict[str, str]
    seconds: dict[str, float]
    sensitivity: tuple[BlockSensitivity, ...] = ()

    def require(self, *, min_agreement: float | None = None, min_sqnr_db: float | None = None) -> None:
        """Judge every engine that was given all the pictures (all engines where none was).

        Raises:
            GateError: An engine's top-1 agreement (percent) or SQNR (dB) is below the gate.
        """
        judged = tuple(engine for engine in self.engines if engine.n == self.n) or self.engines
        _gate("top-1 agreement", "%", min_agreement, judged, lambda engine: engine.top1_agreement)
        _gate("SQNR", "dB", min_sqnr_db, judged, lambda engine: engine.sqnr_db)

    def to_record(self) -> dict[str, Any]:
        """Return the record of ``verify --json``; every number is finite or null."""
        located, first = self.located, self.located.first_divergence
        return {
            "schema_version": SCHEMA_VERSION,
            **self.subjects,
            "n": self.n,
            "engines": {engine.name: engine.to_record() for engine in self.engines},
            "missing": {
                name: {"reason": state.reason, "fix": state.fix} for name, state in self.missing.items()
            },
            "lsb_pairs": [pair.to_record() for pair in self.pairs],
            "operators": [operator.to_record() for operator in located.operators],
            "layers": [layer.to_record() for layer in located.layers],
            "layers_n": located.n,
            "layers_engine": located.engine,
            "first_divergence": None if first is None else first.to_record(),
            "divergence_rule": DIVERGENCE_RULE,
            "rounding_rule": ROUNDING_RULE,
            "blocks": [block.to_record() for block in located.blocks],
            "sensitivity": [block.to_record() for block in self.sensitivity],
            "notes": [*self.notes, *located.notes],
            "skipped": [{"file": file, "reason": reason} for file, reason in self.skipped],
            "versions": self.versions,
            "seconds": self.seconds,
        }


def _gate(
    what: str,
    unit: str,
    least: float | None,
    engines: tuple[EngineResult, ...],
    value_of: Callable[[EngineResult], float],
) -> None:
    if least is None:
        return
    below = {engine.name: value_of(engine) for engine in engines if not value_of(engine) >= least}
    if below:
        raise GateError(
            f"the {what} with the float model is below the gate",
            got=", ".join(f"{name} {value:.2f} {unit}" for name, value in below.items()),
            allowed=f"{least:g} {unit} or more",
            hint="see the worst blocks; try more calibration images or another --recipe",
        )
