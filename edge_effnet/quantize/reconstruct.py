"""Refit a layer's weights on what it really gets: ridge regression from its quantised input to its float output.

Rounding and clipping before a layer leave errors that are partly linear in the layer's input; a small change of its
weights takes them back. It is closed form, needs no labels and no gradient. How far to go is decided on images that the
fit did not see, "not at all" included, so that a layer with few samples is not overfitted. Pure numpy and scipy.

References:
    Layer-wise least squares on calibration data: Hubara et al., "Accurate Post Training Quantization With Small
    Calibration Sets", 2021; Frantar and Alistarh, "Optimal Brain Compression", 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import linalg

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

__all__ = ["Refit", "refit"]

STRENGTHS: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridge strengths tried, relative to the mean energy of an input."""

HELD_OUT: Final = 0.25
"""Share of the rows, the last ones, on which a strength is judged."""


@dataclass(frozen=True)
class Refit:
    """New weights, and what was chosen: ``strength`` is None for a bias alone, ``kept`` is true for no change at all."""

    kernel: Floats
    bias: Floats
    strength: float | None
    kept: bool


@dataclass(frozen=True)
class _Moments:
    """Centred second moments of rows, and their means."""

    gram: npt.NDArray[np.float64]
    cross: npt.NDArray[np.float64]
    input_mean: Floats
    error_mean: Floats


def _moments(inputs: Floats, errors: Floats) -> _Moments:
    input_mean, error_mean = inputs.mean(axis=0), errors.mean(axis=0)
    centred = inputs - input_mean
    return _Moments((centred.T @ centred).astype(np.float64), (centred.T @ (errors - error_mean)).astype(np.float64), input_mean, error_mean)


def _solve(moments: _Moments, strength: float) -> tuple[Floats, Floats]:
    """Return the change of the kernel and of the bias."""
    size = len(moments.gram)
    ridge = max(strength * float(np.trace(moments.gram)) / size, 1e-12)
    damped = moments.gram.copy()
    damped.flat[:: size + 1] += ridge
    factor = linalg.cho_factor(damped, lower=True, overwrite_a=True, check_finite=False)
    change = linalg.cho_solve(factor, moments.cross, check_finite=False).astype(np.float32)
    return change, (moments.error_mean - moments.input_mean @ change).astype(np.float32)


def _loss(errors: Floats) -> float:
    return float(np.mean(np.square(errors, dtype=np.float64)))


def refit(inputs: Floats, wanted: Floats, kernel: Floats, bias: Floats) -> Refit:
    """Refit ``inputs @ kernel + bias`` towards ``wanted``.

    Args:
        inputs: ``(rows, fan_in)``, the quantised input as real values, rows ordered by image.
        wanted: ``(rows, out)``, the float network's pre-activation at the same places.
        kernel: ``(fan_in, out)``.
        bias: ``(out,)``.
    """
    errors = wanted - (inputs @ kernel + bias)
    cut = int(len(inputs) * (1.0 - HELD_OUT))
    seen, (new_inputs, new_errors) = _moments(inputs[:cut], errors[:cut]), (inputs[cut:], errors[cut:])
    scores: dict[float | None, float] = {None: _loss(new_errors - seen.error_mean)}
    for strength in STRENGTHS:
        change, shift = _solve(seen, strength)
        scores[strength] = _loss(new_errors - new_inputs @ change - shift)
    best = min(scores, key=lambda key: scores[key])
    if scores[best] >= _loss(new_errors):
        return Refit(kernel, bias, None, kept=True)
    if best is None:
        return Refit(kernel, bias + errors.mean(axis=0), None, kept=False)
    change, shift = _solve(_moments(inputs, errors), best)
    return Refit(kernel + change, bias + shift, best, kept=False)
