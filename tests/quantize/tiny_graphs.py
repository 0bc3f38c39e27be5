"""Frozen graphs of a few operators, written by hand: quick to quantise, and every operator kind is in one of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.models.graph import Graph, Node
from edge_effnet.variants.spec import Normalisation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDED = Normalisation((127.0,) * 3, (1.0,) * 3)
"""What `edge_effnet.models.fold.fold_normalisation` leaves of Lite's normalisation."""


@dataclass
class Sketch:
    """A graph that grows; each method adds an operator and returns its tensor's name."""

    side_px: int = 16
    seed: int = 0
    block: str = "block1a"
    nodes: list[Node] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.shapes["input"] = (1, self.side_px, self.side_px, 3)

    def add(self, node: Node, shape: tuple[int, ...]) -> str:
        """Add an operator as it is."""
        self.nodes.append(node)
        self.shapes[node.name] = shape
        return node.name

    def _node(self, kind: Any, name: str, inputs: tuple[str, ...], **options: Any) -> Node:
        return Node(kind, name, inputs, layer=name, block=self.block, **options)

    def _map(self, source: str, kernel: int, stride: int, padding: str) -> tuple[int, int]:
        lost = 0 if padding == "same" else kernel - 1
        rows, columns = (math.ceil((side - lost) / stride) for side in self.shapes[source][1:3])
        return rows, columns

    def conv(
        self, name: str, source: str, out: int, kernel: int = 1, stride: int = 1, *,
        activation: Any = "none", padding: str = "same", gains: np.ndarray | None = None,
    ) -> str:  # fmt: skip
        """Add a convolution whose output has about the scale of its input, times ``gains`` by channel."""
        fan_in = kernel * kernel * self.shapes[source][3]
        scale = (0.02 if source == "input" else 1.0) / math.sqrt(fan_in)
        weights = self.random.normal(0.0, scale, (kernel, kernel, self.shapes[source][3], out))
        if gains is not None:
            weights = weights * gains
        node = self._node(
            "conv", name, (source,), kernel=weights.astype(np.float32), bias=self._bias(out), strides=(stride,) * 2,
            padding=padding, activation=activation,
        )  # fmt: skip
        return self.add(node, (1, *self._map(source, kernel, stride, padding), out))

    def _bias(self, out: int) -> np.ndarray:
        return self.random.normal(0.0, 0.1, out).astype(np.float32)

    def depthwise(
        self, name: str, source: str, kernel: int = 3, stride: int = 1, padding: str = "same"
    ) -> str:
        """Add a depthwise convolution."""
        channels = self.shapes[source][3]
        weights = self.random.normal(0.0, 1.0 / kernel, (kernel, kernel, channels, 1)).astype(np.float32)
        node = self._node(
            "depthwise", name, (source,), kernel=weights, bias=self._bias(channels), strides=(stride,) * 2,
            padding=padding,
        )  # fmt: skip
        return self.add(node, (1, *self._map(source, kernel, stride, padding), channels))

    def dense(self, name: str, source: str, out: int) -> str:
        """Add a dense layer."""
        fan_in = math.prod(self.shapes[source])
        weights = self.random.normal(0.0, 1.0 / math.sqrt(fan_in), (fan_in, out)).astype(np.float32)
        return self.add(self._node("dense", name, (source,), kernel=weights, bias=self._bias(out)), (1, out))

    def same(self, kind: str, name: str, *sources: str, **options: Any) -> str:
        """Add an operator that keeps the shape of its first input."""
        return self.add(self._node(kind, name, sources, **options), self.shapes[sources[0]])

    def swish(self, name: str, source: str) -> str:
        """Add a swish: LOGISTIC and MUL."""
        gate = self.same("logistic", f"{name}/sigmoid", source)
        return self.same("mul", f"{name}/swish", source, gate)

    def mean(self, name: str, source: str) -> str:
        """Add the mean of a map."""
        return self.add(self._node("mean", name, (source,)), (1, 1, 1, self.shapes[source][3]))

    def pool(
        self, kind: str, name: str, source: str, window: int = 2, stride: int = 2, padding: str = "same"
    ) -> str:
        """Add a pool."""
        node = self._node(kind, name, (source,), window=(window,) * 2, strides=(stride,) * 2, padding=padding)
        return self.add(node, (1, *self._map(source, window, stride, padding), self.shapes[source][3]))

    def pad(self, name: str, source: str, amount: int = 1) -> str:
        """Add a zero padding."""
        _, rows, columns, channels = self.shapes[source]
        node = self._node("pad", name, (source,), padding=((amount, amount),) * 2)
        return self.add(node, (1, rows + 2 * amount, columns + 2 * amount, channels))

    def concat(self, name: str, *sources: str) -> str:
        """Join maps along their channels."""
        shape = self.shapes[sources[0]]
        channels = sum(self.shapes[source][3] for source in sources)
        return self.add(self._node("concat", name, sources), (*shape[:3], channels))

    def flat(self, name: str, source: str) -> str:
        """Make a map flat."""
        return self.add(self._node("reshape", name, (source,)), (1, math.prod(self.shapes[source])))

    def graph(self, output: str) -> Graph:
        """Return the graph."""
        nodes, shapes = tuple(self.nodes), dict(self.shapes)
        return Graph("tiny", "input", self.side_px, FOLDED, nodes, shapes, output)


def small_mbconv(side_px: int = 16, classes: int = 6) -> Graph:
    """Return a stem, two inverted bottlenecks with squeeze-and-excite, the second with a residual, and a head."""
    sketch = Sketch(side_px, block="stem")
    tensor = sketch.swish("stem", sketch.conv("stem_conv", "input", 8, 3, 2))
    for name in ("block1a", "block1b"):
        sketch.block = name
        before = tensor
        tensor = sketch.swish(f"{name}_expand", sketch.conv(f"{name}_expand_conv", tensor, 16))
        tensor = sketch.swish(f"{name}_dw", sketch.depthwise(f"{name}_dwconv", tensor))
        gate = sketch.mean(f"{name}_se_squeeze", tensor)
        gate = sketch.swish(f"{name}_se_reduce", sketch.conv(f"{name}_se_reduce_conv", gate, 4))
        gate = sketch.same("logistic", f"{name}_se_gate", sketch.conv(f"{name}_se_expand", gate, 16))
        tensor = sketch.same("mul", f"{name}_se_excite", tensor, gate)
        tensor = sketch.conv(f"{name}_project_conv", tensor, 8)
        if name == "block1b":
            tensor = sketch.same("add", f"{name}_add", tensor, before)
    sketch.block = "head"
    tensor = sketch.swish("top", sketch.conv("top_conv", tensor, 24))
    return sketch.graph(sketch.dense("logits", sketch.mean("avg_pool", tensor), classes))


def every_kind(classes: int = 6) -> Graph:
    """Return a network with every operator kind in it, but for softmax, which logits do without."""
    sketch = Sketch(16, block="")
    tensor = sketch.conv(
        "conv", sketch.pad("first_pad", "input"), 8, 3, 2, padding="valid", activation="relu6"
    )
    tensor = sketch.same("hard_swish", "hard", sketch.depthwise("depthwise", tensor))
    left = sketch.pool("max_pool", "most", tensor, 3)
    right = sketch.pool("average_pool", "middle", sketch.conv("wide", tensor, 4, activation="relu"), 3)
    tensor = sketch.concat("join", left, right)
    tensor = sketch.same("relu", "clamp", sketch.conv("mix", tensor, 12), activation="relu")
    gate = sketch.same("logistic", "gate", sketch.conv("squeezed", sketch.mean("squeeze", tensor), 12))
    tensor = sketch.same("mul", "excite", tensor, gate)
    tensor = sketch.same("add", "sum", tensor, sketch.conv("branch", tensor, 12), activation="relu")
    tensor = sketch.conv("last", sketch.pad("second_pad", tensor), 5, 3, padding="valid")
    return sketch.graph(sketch.dense("logits", sketch.flat("flat", tensor), classes))


def _gate(sketch: Sketch, tensor: str) -> str:
    channels = sketch.shapes[tensor][3]
    gate = sketch.conv("squeezed", sketch.mean("squeeze", tensor), channels)
    return sketch.same("mul", "excite", tensor, sketch.same("logistic", "gate", gate))


ABSORBED: dict[str, Callable[[Sketch, str], str]] = {
    "conv": lambda sketch, tensor: sketch.conv("next", tensor, 8),
    "depthwise": lambda sketch, tensor: sketch.depthwise("next", tensor),
    "pad": lambda sketch, tensor: sketch.depthwise("next", sketch.pad("pad", tensor), padding="valid"),
    "max_pool": lambda sketch, tensor: sketch.pool("max_pool", "pool", tensor),
    "average_pool": lambda sketch, tensor: sketch.pool("average_pool", "pool", tensor),
    "gate": _gate,
}
"""What may stand behind a swish whose channels are scaled: everything that reads it can take the factors back."""

NOT_ABSORBED: dict[str, Callable[[Sketch, str], str]] = {
    "add": lambda sketch, tensor: sketch.same("add", "sum", tensor, sketch.conv("branch", tensor, 12)),
    "concat": lambda sketch, tensor: sketch.concat("join", tensor, sketch.conv("branch", tensor, 4)),
    "clamp": lambda sketch, tensor: sketch.same("relu", "clamp", tensor, activation="relu6"),
    "flat": lambda sketch, tensor: sketch.flat("row", tensor),
    "output": lambda sketch, tensor: sketch.mean("end", tensor),
}
"""What may not."""


def behind_swish(kind: str) -> Graph:
    """Return a network with one channel thirty times as wide as the rest before a swish, and one thing behind it."""
    gains = np.ones(12)
    gains[3] = 30.0
    sketch = Sketch(block="stem")
    tensor = sketch.swish("first", sketch.conv("conv", "input", 12, 3, gains=gains))
    tensor = (ABSORBED | NOT_ABSORBED)[kind](sketch, tensor)
    if kind == "output":
        return sketch.graph(tensor)
    if kind != "flat":
        tensor = sketch.mean("mean", sketch.conv("last", tensor, 12))
    return sketch.graph(sketch.dense("logits", tensor, 6))


def pictures(count: int, side_px: int = 16, seed: int = 0) -> np.ndarray:
    """Return ``(count, side_px, side_px, 3) uint8``: coloured ramps with noise, black and white included."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0.0, 1.0, side_px)
    slopes = random.normal(0.0, 150.0, (count, 2, 3))
    plane = (
        slopes[:, None, None, 0] * ramp[None, :, None, None]
        + slopes[:, None, None, 1] * ramp[None, None, :, None]
    )
    noise = random.normal(0.0, 30.0, (count, side_px, side_px, 3))
    pixels = np.clip(random.uniform(40.0, 215.0, (count, 1, 1, 3)) + plane + noise, 0, 255).astype(np.uint8)
    pixels[0, 0, 0], pixels[0, 0, 1] = 0, 255
    return pixels


@dataclass(frozen=True)
class Feed:
    """What the quantiser asks of calibration images."""

    pixels: np.ndarray

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.pixels)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield the images in order."""
        for start in range(0, len(self.pixels), size):
            yield self.pixels[start : start + size]


def sqnr_db(wanted: np.ndarray, found: np.ndarray) -> float:
    """Return the signal-to-noise ratio of a result."""
    noise = np.mean((np.asarray(found, np.float64) - wanted) ** 2)
    return float(10.0 * np.log10(np.mean((wanted - wanted.mean()) ** 2) / max(noise, 1e-30)))
