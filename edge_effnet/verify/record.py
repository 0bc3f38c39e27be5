"""What a verification found, the record that ``verify --json`` prints, and the gates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import GateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge_effnet.runtimes import Missing

__all__ = [
    "DIVERGENCE_RULE",
    "FALL_DB",
    "LOW_DB",
    "SCHEMA_VERSION",
    "BlockResult",
    "EngineResult",
    "LayerResult",
    "Located",
    "OperatorResult",
    "PairResult",
    "Verification",
]

SCHEMA_VERSION: Final = 1

FALL_DB: Final = 6.0
"""Twice the noise amplitude: the layer adds at least as much noise as it was given."""

LOW_DB: Final = 20.0
"""Noise of a tenth of the signal's amplitude: below it a fall matters."""

DIVERGENCE_RULE: Final = (
    f"the first layer whose SQNR is below {LOW_DB:g} dB and more than {FALL_DB:g} dB below every layer that feeds it"
    " (layers whose result goes into a swish are not judged: what is clipped there has no effect)"
)


def _finite(value: float | None) -> float | None:
    """Return a number that JSON has; infinity (no noise at all, or nothing but noise) becomes null."""
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class PairResult:
    """How far two engines' output codes are apart.

    Attributes:
        engines: Both names.
        n: Pictures that both were given.
        max_lsb: Largest difference, in steps of the output's grid.
        mean_lsb: Mean difference.
        within_1_lsb: Share of outputs at most one step apart, percent.
    """

    engines: tuple[str, str]
    n: int
    max_lsb: int
    mean_lsb: float
    within_1_lsb: float

    def to_record(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            "engines": list(self.engines),
            "n": self.n,
            "max_lsb": self.max_lsb,
            "mean_lsb": self.mean_lsb,
            "within_1_lsb": self.within_1_lsb,
        }


@dataclass(frozen=True)
class EngineResult:
    """One engine against the float network, and in LSB against another engine.

    Attributes:
        name: The engine.
        library: What does the work.
        n: Pictures that it was given.
        sqnr_db: Of all logits, signal from the float network.
        cosine: Between all logits of both.
        top1_agreement: Pictures on which both put the same class first, percent; ties go to the lowest index.
        lsb: Its codes against those of the engine that it is judged by; None where there is none.
        seconds: Wall time on all its pictures.
    """

    name: str
    library: str
    n: int
    sqnr_db: float
    cosine: float
    top1_agreement: float
    lsb: PairResult | None
    seconds: float

    @property
    def judged_by(self) -> str | None:
        """The other engine of `lsb`."""
        return None if self.lsb is None else next(name for name in self.lsb.engines if name != self.name)

    def to_record(self) -> dict[str, Any]:
        """Return the fields; a number that is not finite is null."""
        lsb = self.lsb
        return {
            "n": self.n,
            "sqnr_db": _finite(self.sqnr_db),
            "cosine": _finite(self.cosine),
            "max_lsb": None if lsb is None else lsb.max_lsb,
            "mean_lsb": None if lsb is None else lsb.mean_lsb,
            "within_1_lsb": None if lsb is None else lsb.within_1_lsb,
            "lsb_against": self.judged_by,
            "lsb_n": None if lsb is None else lsb.n,
            "top1_agreement": self.top1_agreement,
            "library": self.library,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class LayerResult:
    """One layer of the int8 file against the same layer of the float network.

    Attributes:
        name: The Keras layer.
        block: ``stem``, ``block2a`` … or ``head``; empty where the name does not say.
        part: ``expand``, ``depthwise``, ``se``, ``project``, ``residual`` …
        sqnr_db: With all the noise that came from before.
        own_sqnr_db: Given the float network's values: the noise of this layer alone; None without a fake-quant graph.
        fed_sqnr_db: The lowest SQNR of the layers that feed it; infinite where it reads the picture.
        before_activation: Whether it goes into a swish, so that clipping there is no error.
    """

    name: str
    block: str
    part: str
    sqnr_db: float
    own_sqnr_db: float | None
    fed_sqnr_db: float
    before_activation: bool

    @property
    def diverges(self) -> bool:
        """Whether `DIVERGENCE_RULE` holds for it."""
        low = self.sqnr_db < LOW_DB and self.fed_sqnr_db - self.sqnr_db > FALL_DB
        return low and not self.before_activation

    def to_record(self) -> dict[str, Any]:
        """Return the fields; a number that is not finite is null."""
        return {
            "name": self.name,
            "block": self.block,
            "part": self.part,
            "sqnr_db": _finite(self.sqnr_db),
            "own_sqnr_db": _finite(self.own_sqnr_db),
            "fed_sqnr_db": _finite(self.fed_sqnr_db),
            "before_activation": self.before_activation,
        }


@dataclass(frozen=True)
class BlockResult:
    """One block: ``sqnr_db`` at its output, ``own_sqnr_db`` given the float network's input, and its worst layer."""

    name: str
    sqnr_db: float
    own_sqnr_db: float | None
    worst: LayerResult

    def to_record(self) -> dict[str, Any]:
        """Return the fields; a number that is not finite is null."""
        return {
            "name": self.name,
            "sqnr_db": _finite(self.sqnr_db),
            "own_sqnr_db": _finite(self.own_sqnr_db),
            "worst_layer": self.worst.name,
            "worst_part": self.worst.part,
        }


@dataclass(frozen=True)
class OperatorResult:
    """The int8 kernels of one operator kind against the fake-quant graph, both given the same codes."""

    kind: str
    operators: int
    values: int
    max_lsb: int
    mean_lsb: float
    within_1_lsb: float

    def to_record(self) -> dict[str, Any]:
        """Return the fields."""
        return dict(vars(self))


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
            "blocks": [block.to_record() for block in located.blocks],
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
