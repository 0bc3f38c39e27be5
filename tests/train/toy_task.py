"""A task for the loop without TensorFlow: a straight line through seeded points, by gradient descent with momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

EPOCH_STEPS = 5
FINGERPRINT = {"model": "line", "seed": 7, "batch_size": 4}


class Line:
    """``y = 3 x - 1`` from noisy points; ``on_step`` is called before each step with the step's number."""

    def __init__(self, on_step: Callable[[int], object] = lambda step: None) -> None:
        self.weights = np.zeros(2)
        self.speed = np.zeros(2, np.float32)
        self.judged: list[float] = []
        self._on_step = on_step

    def batches(self, epoch: int, start: int) -> Iterator[np.ndarray]:
        """Points that follow from the epoch and the step."""
        for step in range(start, EPOCH_STEPS):
            yield np.random.default_rng([7, epoch, step]).uniform(-1, 1, (4, 2))

    def step(self, batch: np.ndarray, step: int) -> dict[str, float]:
        """One step of gradient descent."""
        self._on_step(step)
        inputs = np.stack([batch[:, 0], np.ones(4)], axis=1)
        error = inputs @ self.weights - (3 * batch[:, 0] - 1 + 0.01 * batch[:, 1])
        self.speed = (0.5 * self.speed + inputs.T @ error / 4).astype(np.float32)
        self.weights = self.weights - 0.3 * self.speed
        return {"loss": float(np.mean(error**2)), "rate": 0.3}

    def judge(self, epoch: int) -> dict[str, float]:
        """Distance from the line; or what `judged` holds for the epoch."""
        if self.judged:
            return {"val_top1": self.judged[epoch]}
        return {"val_top1": float(-np.abs(self.weights - [3, -1]).max())}

    def state(self) -> dict[str, Any]:
        """Both vectors."""
        return {"weights": self.weights.copy(), "optimizer/speed": self.speed.copy()}

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Both vectors."""
        self.weights, self.speed = arrays["weights"].copy(), arrays["optimizer/speed"].copy()


class Listener(Silent):
    """Keeps notes and how far the bar went."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def advance(self, steps: int = 1) -> None:
        """Count."""
        self.steps += steps
