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
    Doubles = npt.NDArray[np.float64]
    Line = tuple[Doubles, Doubles]

__all__ = ["LINES", "MAX_INPUTS", "REACHES", "ROWS_PER_INPUT", "Refit", "fit_line", "refit"]

STRENGTHS: Final = (1e-3, 3e-2, 1.0)
"""Ridge strengths tried, relative to the mean energy of an input."""

HELD_OUT: Final = 0.25
"""Share of the rows, the last ones, on which a choice is judged."""

ROWS_PER_INPUT: Final = 24
"""With fewer rows for each weight of an output the weights are not refitted one by one."""

MAX_INPUTS: Final = 320
"""Nor with more weights than this in an output: the wide layers of the late blocks gain next to nothing by it (B0: less
than 0.1 dB in the logits) and take most of the time."""


@dataclass(frozen=True)
class _Moments:
    """Per output: means, variances and the covariance of what is given and what is wanted."""

    given: Doubles
    wanted: Doubles
    given_variance: Doubles
    wanted_variance: Doubles
    covariance: Doubles

    @classmethod
    def of(cls, given: Floats, wanted: Floats) -> _Moments:
        given_mean, wanted_mean = given.mean(axis=0), wanted.mean(axis=0)
        x, y = given - given_mean, wanted - wanted_mean
        products = (
            np.einsum("rc,rc->c", *pair).astype(np.float64) / len(given) for pair in ((x, x), (y, y), (x, y))
        )
        return cls(given_mean.astype(np.float64), wanted_mean.astype(np.float64), *products)

    def loss(self, line: Line) -> float:
        """Mean square error that a line leaves, over all outputs."""
        gain, offset = line
        bias = self.wanted - gain * self.given - offset
        return float(
            np.mean(
                self.wanted_variance - 2 * gain * self.covariance + gain**2 * self.given_variance + bias**2
            )
        )


def _unchanged(moments: _Moments) -> Line:
    return np.ones_like(moments.given), np.zeros_like(moments.given)


def _offset(moments: _Moments) -> Line:
    return np.ones_like(moments.given), moments.wanted - moments.given


def _through(moments: _Moments, covariance: Doubles, variance: Doubles) -> Line:
    gain = np.where(variance > 1e-12, covariance / np.maximum(variance, 1e-12), 1.0)
    return gain, moments.wanted - gain * moments.given


def _shared_gain(moments: _Moments) -> Line:
    sums = (np.full_like(part, part.sum()) for part in (moments.covariance, moments.given_variance))
    return _through(moments, *sums)


def _gain(moments: _Moments) -> Line:
    return _through(moments, moments.covariance, moments.given_variance)


LINES: dict[str, Callable[[_Moments], Line]] = {
    "kept": _unchanged,
    "offset": _offset,
    "shared gain": _shared_gain,
    "gain": _gain,
}
"""Ways to map what a layer gives to what it should give, from the fewest parameters to the most."""

REACHES: Final[dict[str, tuple[str, ...]]] = {
    "offsets": ("kept", "offset"),
    "lines": tuple(LINES),
    "weights": tuple(LINES),
}
"""How far a refit may go -> which of `LINES` it may choose; only ``weights`` goes on to the ridge regression."""


@dataclass(frozen=True)
class Refit:
    """New weights, and in words what was chosen."""

    kernel: Floats
    bias: Floats
    choice: str


def _cut(rows: int) -> int:
    return max(1, int(rows * (1.0 - HELD_OUT)))


def fit_line(given: Floats, wanted: Floats, reach: str = "weights") -> tuple[Floats, Floats, str]:
    """Return gain and offset ``(out,)`` that take ``given`` to ``wanted``, and which of `LINES` they are.

    Args:
        given: ``(rows, out)``, rows ordered by image; one alone cannot judge a line and leaves things as they are.
        wanted: ``(rows, out)``.
        reach: A key of `REACHES`.
    """
    if len(given) < 2:
        return np.ones(given.shape[1], np.float32), np.zeros(given.shape[1], np.float32), "kept"
    cut = _cut(len(given))
    seen, unseen = _Moments.of(given[:cut], wanted[:cut]), _Moments.of(given[cut:], wanted[cut:])
    losses = {name: unseen.loss(LINES[name](seen)) for name in REACHES[reach]}
    best = min(losses, key=lambda name: losses[name])
    gain, offset = LINES[best](_Moments.of(given, wanted))
    return gain.astype(np.float32), offset.astype(np.float32), best


class _Ridge:
    """Sums that ridge regression of errors on inputs and a constant needs; they add up over parts of the rows."""

    def __init__(self, inputs: Floats, errors: Floats) -> None:
        with_one = np.concatenate([inputs, np.ones((len(inputs), 1), np.float32)], axis=1)
        self.gram = (with_one.T @ with_one).astype(np.float64)
        self.cross = (with_one.T @ errors).astype(np.float64)

    def add(self, other: _Ridge) -> None:
        """Take the rows of another part in."""
        self.gram += other.gram
        self.cross += other.cross

    def solve(self, strength: float) -> tuple[Floats, Floats]:
        """Return the change of the kernel and of the bias; the constant is not held back."""
        size = len(self.gram) - 1
        damped = self.gram.copy()
        damped.flat[: size * (size + 1) : size + 2] += max(
            strength * float(np.trace(self.gram[:-1, :-1])) / size, 1e-12
        )
        factor = linalg.cho_factor(damped, lower=True, overwrite_a=True, check_finite=False)
        change = linalg.cho_solve(factor, self.cross, check_finite=False).astype(np.float32)
        return change[:-1], change[-1]


def _refit_weights(inputs: Floats, errors: Floats) -> tuple[Floats, Floats, float] | None:
    """Return the best change of kernel and bias and its strength, None where held-out rows want none."""
    cut = _cut(len(inputs))
    ridge, (new_inputs, new_errors) = _Ridge(inputs[:cut], errors[:cut]), (inputs[cut:], errors[cut:])
    losses = {0.0: float(np.mean(np.square(new_errors)))}
    for strength in STRENGTHS:
        change, shift = ridge.solve(strength)
        losses[strength] = float(np.mean(np.square(new_errors - new_inputs @ change - shift)))
    best = min(losses, key=lambda strength: losses[strength])
    if best == 0.0:
        return None
    ridge.add(_Ridge(new_inputs, new_errors))
    return *ridge.solve(best), best


def refit(inputs: Floats, wanted: Floats, kernel: Floats, bias: Floats, reach: str = "weights") -> Refit:
    """Refit ``inputs @ kernel + bias`` towards ``wanted``.

    Args:
        inputs: ``(rows, fan_in)``, the quantised input as real values, rows ordered by image.
        wanted: ``(rows, out)``, the float network's pre-activation at the same places.
        kernel: ``(fan_in, out)``.
        bias: ``(out,)``.
        reach: How far it may go, a key of `REACHES`.
    """
    given = inputs @ kernel + bias
    gain, offset, choice = fit_line(given, wanted, reach)
    kernel, bias = kernel * gain, bias * gain + offset
    if reach != "weights":
        return Refit(kernel, bias, choice)
    if inputs.shape[1] > MAX_INPUTS or len(inputs) < ROWS_PER_INPUT * inputs.shape[1]:
        return Refit(kernel, bias, choice)
    change = _refit_weights(inputs, wanted - (given * gain + offset))
    if change is None:
        return Refit(kernel, bias, choice)
    return Refit(kernel + change[0], bias + change[1], f"{choice}, ridge {change[2]:g}")
