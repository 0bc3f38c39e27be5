"""How values are rounded inside the toolkit's layers: outputs, weights and biases.

Each counts in the natural unit of what it rounds, so that no change is exactly no change and one learning rate suits every
layer. Importing this module imports TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.models.keras import import_tensorflow, import_tfmot
from edge_effnet.quantize.kernels import round_as_kernel
from edge_effnet.quantize.scheme import QMAX, QMIN, WEIGHT_MAX

if TYPE_CHECKING:
    from edge_effnet.quantize.scheme import Grid

__all__ = [
    "GAIN_VARIABLE",
    "GRID_VARIABLE",
    "BiasQuantizer",
    "GridQuantizer",
    "KernelQuantizer",
    "WeightQuantizer",
]

tfmot: Any = import_tfmot()

GRID_VARIABLE: Final = "grid"
GAIN_VARIABLE: Final = "gain"


class GridQuantizer(tfmot.quantizers.Quantizer):  # type: ignore[misc]  # the toolkit has no types
    """Rounds a layer's output to an int8 grid whose scale and zero point may be learned.

    Args:
        grid: Where it begins.
        learn: Whether the grid moves.
    """

    def __init__(self, grid: Grid, *, learn: bool) -> None:
        self.grid, self.learn = grid, learn

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Make ``(log of the factor of the scale, change of the zero point)``."""
        del tensor_shape
        variable = layer.add_weight(
            f"{name}_{GRID_VARIABLE}", (2,), initializer="zeros", trainable=self.learn
        )
        return {GRID_VARIABLE: variable}

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **_: Any) -> Any:  # noqa: ARG002
        """Round; the gradient reaches what is inside the range, and the range from what is outside."""
        tf = import_tensorflow()
        if not self.learn:
            return tf.quantization.fake_quant_with_min_max_args(inputs, self.grid.minimum, self.grid.maximum)
        change = weights[GRID_VARIABLE]
        scale = self.grid.scale * tf.exp(change[0])
        zero = tf.clip_by_value(self.grid.zero_point + change[1], QMIN, QMAX)
        return tf.quantization.fake_quant_with_min_max_vars(
            inputs, scale * (QMIN - zero), scale * (QMAX - zero)
        )

    def get_config(self) -> dict[str, Any]:
        """Return what another one like this is made of."""
        return {"scale": self.grid.scale, "zero_point": self.grid.zero_point, "learn": self.learn}


class KernelQuantizer(tfmot.quantizers.Quantizer):  # type: ignore[misc]  # the toolkit has no types
    """Rounds a layer's output exactly as the reference int8 kernel does; nothing in it learns.

    Args:
        grid: Of the output.
        unit: Of the int32 accumulator, see `edge_effnet.quantize.kernels`.
        summed: Values that a mean adds up.
    """

    def __init__(self, grid: Grid, unit: Any, summed: int) -> None:
        self.grid, self.unit, self.summed = grid, unit, summed

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """There is nothing to learn."""
        del tensor_shape, name, layer
        return {}

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **_: Any) -> Any:  # noqa: ARG002
        """Round."""
        return round_as_kernel(inputs, self.grid, self.unit, summed=self.summed)

    def get_config(self) -> dict[str, Any]:
        """Return what another one like this is made of."""
        return {"scale": self.grid.scale, "zero_point": self.grid.zero_point, "summed": self.summed}


class WeightQuantizer(tfmot.quantizers.Quantizer):  # type: ignore[misc]  # the toolkit has no types
    """Turns weights in units of their rounding step into the real values that their integers stand for.

    Args:
        scales: Real value of one step, for each output channel.
        channel_axis: Which axis of the layer's kernel the output channels are.
        gains: How many factors of the scales are learned: one per channel, or one where the kernel has one scale in all.
    """

    def __init__(self, scales: Any, channel_axis: int, gains: int) -> None:
        self.scales, self.channel_axis, self.gains = scales, channel_axis, gains

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Make the (log) factors of the scales."""
        del tensor_shape
        return {
            GAIN_VARIABLE: layer.add_weight(f"{name}_{GAIN_VARIABLE}", (self.gains,), initializer="zeros")
        }

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **_: Any) -> Any:  # noqa: ARG002
        """Round to the nearest integer step; the gradient passes."""
        tf = import_tensorflow()
        codes = tf.clip_by_value(tf.round(inputs), -WEIGHT_MAX, WEIGHT_MAX)
        codes = inputs + tf.stop_gradient(codes - inputs)
        shape = [1] * len(inputs.shape)
        shape[self.channel_axis] = -1
        scales = tf.cast(self.scales, inputs.dtype) * tf.exp(weights[GAIN_VARIABLE])
        return codes * tf.reshape(scales, shape)

    def get_config(self) -> dict[str, Any]:
        """Return what another one like this is made of."""
        return {"scales": self.scales.tolist(), "channel_axis": self.channel_axis, "gains": self.gains}


class BiasQuantizer(tfmot.quantizers.Quantizer):  # type: ignore[misc]  # the toolkit has no types
    """Adds a change, counted in steps of the layer's output, to the bias that calibration gave.

    The int32 rounding of a bias is thousands of times finer than any step of the output, and left to the export.

    Args:
        bias: ``(out,)``.
        step: Scale of the output.
    """

    def __init__(self, bias: Any, step: float) -> None:
        self.bias, self.step = bias, step

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """A bias has nothing more to learn."""
        del tensor_shape, name, layer
        return {}

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **_: Any) -> Any:  # noqa: ARG002
        """Return the real bias."""
        return import_tensorflow().cast(self.bias, inputs.dtype) + self.step * inputs

    def get_config(self) -> dict[str, Any]:
        """Return what another one like this is made of."""
        return {"bias": self.bias.tolist(), "step": self.step}
