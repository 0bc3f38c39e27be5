"""Refit a layer's weights on what it really gets, towards what the float layer gives.

Rounding, clipping and scaled activations before a layer leave errors that are partly linear in the layer's input or
output; a small change of its weights takes them back. First a gain and an offset of each output, then, where there are
samples enough, ridge regression of every weight. It is closed form, needs no labels and no gradient. How far to go is
decided on images that the fit did not see, "not at all" included, so that no layer is overfitted. Pure numpy and scipy.

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
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Line = tuple[Floats, Floats]

__all__ = ["LINES", "ROWS_PER_INPUT", "Refit", "fit_line", "refit"]

STRENGTHS: Final = (1e-3, 3e-2, 1.0)
"""Ridge strengths tried, relative to the mean energy of an input."""

HELD_OUT: Final = 0.25
"""Share of the rows, the last ones, on which a choice is judged."""

ROWS_PER_INPUT: Final = 40
"""With fewer rows for each weight of an output the weights are not refitted one by one."""


def _unchanged(given: Floats, wanted: Floats) -> Line:
    del wanted
    return np.ones(given.shape[1], np.float32), np.zeros(given.shape[1], np.float32)


def _offset(given: Floats, wanted: Floats) -> Line:
    return np.ones(given.shape[1], np.float32), (wanted - given).mean(axis=0)


def _through(given: Floats, wanted: Floats, *, shared: bool) -> Line:
    given_mean, wanted_mean = given.mean(axis=0), wanted.mean(axis=0)
    covariance = ((given - given_mean) * (wanted - wanted_mean)).mean(axis=0, dtype=np.float64)
    variance = np.square(given - given_mean).mean(axis=0, dtype=np.float64)
    if shared:
        covariance, variance = (
            np.full_like(covariance, covariance.sum()),
            np.full_like(variance, variance.sum()),
        )
    gain = np.where(variance > 1e-12, covariance / np.maximum(variance, 1e-12), 1.0).astype(np.float32)
    return gain, (wanted_mean - gain * given_mean).astype(np.float32)


LINES: dict[str, Callable[[Floats, Floats], Line]] = {
    "kept": _unchanged,
    "offset": _offset,
    "shared gain": lambda given, wanted: _through(given, wanted, shared=True),
    "gain": lambda given, wanted: _through(given, wanted, shared=False),
}
"""Ways to map what a layer gives to what it should give, from the fewest parameters to the most."""


@dataclass(frozen=True)
class Refit:
    """New weights, and in words what was chosen."""

    kernel: Floats
    bias: Floats
    choice: str


def _loss(errors: Floats) -> float:
    return float(np.mean(np.square(errors, dtype=np.float64)))


def _cut(rows: int) -> int:
    return max(1, int(rows * (1.0 - HELD_OUT)))


def fit_line(given: Floats, wanted: Floats) -> tuple[Floats, Floats, str]:
    """Return gain and offset ``(out,)`` that take ``given`` to ``wanted``, and which of `LINES` they are.

    Args:
        given: ``(rows, out)``, rows ordered by image.
        wanted: ``(rows, out)``.
    """
    cut = _cut(len(given))
    losses = {}
    for name, fit in LINES.items():
        gain, offset = fit(given[:cut], wanted[:cut])
        losses[name] = _loss(wanted[cut:] - given[cut:] * gain - offset)
    best = min(losses, key=lambda name: losses[name])
    return *LINES[best](given, wanted), best


def _solve(inputs: Floats, errors: Floats, strengths: tuple[float, ...]) -> list[Line]:
    """Return, per strength, the change of kernel and bias by ridge regression of ``errors`` on ``inputs``."""
    input_mean, error_mean = inputs.mean(axis=0), errors.mean(axis=0)
    centred = inputs - input_mean
    gram = (centred.T @ centred).astype(np.float64)
    cross = (centred.T @ (errors - error_mean)).astype(np.float64)
    changes = []
    for strength in strengths:
        damped = gram.copy()
        damped.flat[:: len(gram) + 1] += max(strength * float(np.trace(gram)) / len(gram), 1e-12)
        factor = linalg.cho_factor(damped, lower=True, overwrite_a=True, check_finite=False)
        change = linalg.cho_solve(factor, cross, check_finite=False).astype(np.float32)
        changes.append((change, (error_mean - input_mean @ change).astype(np.float32)))
    return changes


def refit(inputs: Floats, wanted: Floats, kernel: Floats, bias: Floats) -> Refit:
    """Refit ``inputs @ kernel + bias`` towards ``wanted``.

    Args:
        inputs: ``(rows, fan_in)``, the quantised input as real values, rows ordered by image.
        wanted: ``(rows, out)``, the float network's pre-activation at the same places.
        kernel: ``(fan_in, out)``.
        bias: ``(out,)``.
    """
    given = inputs @ kernel + bias
    gain, offset, choice = fit_line(given, wanted)
    kernel, bias = kernel * gain, bias * gain + offset
    if len(inputs) < ROWS_PER_INPUT * inputs.shape[1]:
        return Refit(kernel, bias, choice)
    errors = wanted - (given * gain + offset)
    cut = _cut(len(inputs))
    changes = _solve(inputs[:cut], errors[:cut], STRENGTHS)
    losses = [_loss(errors[cut:] - inputs[cut:] @ change - shift) for change, shift in changes]
    best = int(np.argmin(losses))
    if losses[best] >= _loss(errors[cut:]):
        return Refit(kernel, bias, choice)
    ((change, shift),) = _solve(inputs, errors, STRENGTHS[best : best + 1])
    return Refit(kernel + change, bias + shift, f"{choice}, ridge {STRENGTHS[best]:g}")
