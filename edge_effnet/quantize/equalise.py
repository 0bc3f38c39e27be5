"""Scale outlier channels down through swish, so that they stop setting the range of all the others.

``s * swish(x / s)`` is close to ``swish(x)`` when most of a channel's values lie far from swish's knee, where swish is
linear (or zero). The divisor goes into the weights before, the factor into the weights after: it costs nothing at
inference. Each channel takes the factor that minimises its own error, approximation plus clipping plus rounding, for a
common largest value T; and T is the one with the smallest weighted sum over the channels. Pure numpy.

References:
    Cross-layer equalisation for ReLU: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
    Correction", 2019. Here the activation is not homogeneous, so the factor is chosen by the error that it makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_effnet.quantize.ranges import swish

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["choose_factors"]

_RATIO: Final = 2.0 ** (1.0 / 3.0)
_STEPS: Final = 13
FACTORS: Final = _RATIO ** np.arange(_STEPS)
"""1 to 16. Factors and ceilings lie on one geometric lattice, so that all their products do."""
_PROBABILITIES: Final = np.unique(
    np.concatenate([np.linspace(0.0, 1.0, 160), 1.0 - np.geomspace(1e-1, 1e-4, 40)])
)
_CEILINGS: Final = 16
_LEVELS: Final = 255.0
_PRE_LOW: Final = 4.0
_POST_LOW: Final = 0.28
"""Depth of swish's minimum (-0.278), and a usual low end before it: they only set the size of a rounding step."""


def _quantiles(values: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Return ``(points, channels)`` quantiles and the ``(points, 1)`` share of values that each stands for."""
    ordered = np.sort(values, axis=0)
    index = np.rint(_PROBABILITIES * (len(ordered) - 1)).astype(np.intp)
    share = np.gradient(_PROBABILITIES)
    return ordered[index].astype(np.float64), (share / share.sum())[:, None]


def _approximation(points: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Return, per factor and channel, the error of the scaled swish and the mean square of its slope."""
    wanted = swish(points)
    errors, slopes = [], []
    for factor in FACTORS:
        scaled = points / factor
        gate = 1.0 / (1.0 + np.exp(-np.clip(scaled, -60.0, 60.0)))
        errors.append((share * (factor * scaled * gate - wanted) ** 2).sum(axis=0))
        slopes.append((share * (gate * (1.0 + scaled * (1.0 - gate))) ** 2).sum(axis=0))
    return np.array(errors), np.array(slopes)


def choose_factors(values: npt.NDArray[np.float32], importance: Floats) -> npt.NDArray[np.float32]:
    """Return the divisor of every channel, 1 where it is best left alone.

    Args:
        values: ``(rows, channels)``, what goes into the swish.
        importance: ``(channels,)``, how much an error in each channel matters.
    """
    points, share = _quantiles(values)
    wanted = np.maximum(swish(points), 0.0)
    approximation, slope = _approximation(points, share)
    lattice = max(float(points.max()), 1.0) * _RATIO ** np.arange(1.0 - _CEILINGS, _STEPS)
    clipped = np.array([(share * np.maximum(wanted - limit, 0.0) ** 2).sum(axis=0) for limit in lattice])
    best = (np.inf, np.ones(points.shape[1]))
    for position, ceiling in enumerate(lattice[:_CEILINGS]):
        before, after = (ceiling + _PRE_LOW) / _LEVELS, (ceiling + _POST_LOW) / _LEVELS
        rounding = FACTORS[:, None] ** 2 / 12.0 * (before**2 * slope + after**2)
        costs = approximation + clipped[position : position + _STEPS] + rounding
        chosen = costs.argmin(axis=0)
        total = float((importance * costs[chosen, np.arange(costs.shape[1])]).sum())
        if total < best[0]:
            best = (total, FACTORS[chosen])
    return best[1].astype(np.float32)
