"""The figures that a verification is made of: one frozen record per engine, pair, layer, block and operator kind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

__all__ = [
    "DIVERGENCE_RULE",
    "FALL_DB",
    "LOW_DB",
    "ROUNDING_RULE",
    "BlockResult",
    "BlockSensitivity",
    "EngineResult",
    "LayerResult",
    "OperatorResult",
    "PairResult",
]

FALL_DB: Final = 6.0
"""Twice the noise amplitude: the layer adds at least as much noise as it was given."""

LOW_DB: Final = 20.0
"""Noise of a tenth of the signal's amplitude: below it a fall matters."""

DIVERGENCE_RULE: Final = (
    f"the first layer whose SQNR is below {LOW_DB:g} dB and more than {FALL_DB:g} dB below every layer that feeds it"
    " (layers whose result goes into a swish are not judged: what is clipped there has no effect)"
)

ROUNDING_RULE: Final = (
    "fake_quant, operators, own_sqnr_db and sensitivity round as the reference kernels do, bit for bit; xnnpack and builtin"
    " round some operators otherwise, by one step"
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
        equal: Share of outputs that are the same code, percent.
    """

    engines: tuple[str, str]
    n: int
    max_lsb: int
    mean_lsb: float
    within_1_lsb: float
    equal: float

    def to_record(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            "engines": list(self.engines),
            "n": self.n,
            "max_lsb": self.max_lsb,
            "mean_lsb": self.mean_lsb,
            "within_1_lsb": self.within_1_lsb,
            "equal": self.equal,
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
            "equal": None if lsb is None else lsb.equal,
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
    """The int8 kernels that an engine has for one operator kind against the fake-quant graph, given the same codes."""

    engine: str
    kind: str
    operators: int
    values: int
    max_lsb: int
    mean_lsb: float
    within_1_lsb: float
    equal: float

    def to_record(self) -> dict[str, Any]:
        """Return the fields."""
        return dict(vars(self))


@dataclass(frozen=True)
class BlockSensitivity:
    """What the logits lose if one block alone is quantised.

    Attributes:
        name: The block.
        sqnr_db: Of the logits, signal from the float network.
        top1_agreement: Pictures on which both put the same class first, percent.
        n: Pictures.
        rank: 1 for the block that costs the most.
    """

    name: str
    sqnr_db: float
    top1_agreement: float
    n: int
    rank: int

    @property
    def noise_percent(self) -> float:
        """Power of the noise in the logits over the power of the float network's logits, percent."""
        return float(100.0 * 10.0 ** (-self.sqnr_db / 10.0))

    def to_record(self) -> dict[str, Any]:
        """Return the fields; a number that is not finite is null."""
        return {**vars(self), "sqnr_db": _finite(self.sqnr_db)}
