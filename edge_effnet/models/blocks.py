"""Stem, MBConv, fused MBConv, squeeze-and-excite and head as tf_keras layers, named as in Keras applications.

References:
    Keras applications, efficientnet.py and efficientnet_v2.py: layer names, padding and batch-norm momentum.
    tensorflow/tpu, models/official/efficientnet: padding of Lite and EdgeTPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.models.keras import import_keras, import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_effnet.variants.spec import Architecture, Block, Family

__all__ = ["FLAVOURS", "Composer", "Flavour", "activation_of", "hard_swish"]


@dataclass(frozen=True)
class Flavour:
    """How the reference code of a family writes the same blocks.

    Attributes:
        depthwise: What follows the block's name in the name of its depthwise convolution.
        explicit_padding: Whether strided convolutions are ``valid`` behind a ZeroPadding2D layer. The numbers are
            those of ``same``, but the layer is there in official graphs.
        bn_momentum: Momentum of the moving statistics, for training.
    """

    depthwise: str
    explicit_padding: bool
    bn_momentum: float


FLAVOURS: Mapping[Family, Flavour] = {
    "b": Flavour("dwconv", explicit_padding=True, bn_momentum=0.99),
    "lite": Flavour("dwconv", explicit_padding=False, bn_momentum=0.99),
    "edgetpu": Flavour("dwconv", explicit_padding=False, bn_momentum=0.99),
    "v2": Flavour("dwconv2", explicit_padding=False, bn_momentum=0.9),
}


def hard_swish(values: Any) -> Any:
    """Return ``x * relu6(x + 3) / 6``, which is TFLite's HARD_SWISH (Howard et al., MobileNetV3, 2019)."""
    return values * import_tensorflow().nn.relu6(values + 3.0) * (1.0 / 6.0)


def activation_of(name: str) -> Any:
    """Return what tf_keras takes as ``activation``; the two that it has no name for are functions."""
    functions = {"hard_swish": hard_swish, "relu6": import_tensorflow().nn.relu6}
    return functions.get(name, name)


class Composer:
    """Writes the layers of one architecture; each method takes a Keras tensor and returns one."""

    def __init__(self, arch: Architecture, flavour: Flavour) -> None:
        self._layers = import_keras().layers
        self._activation = activation_of(arch.activation)
        self._epsilon = arch.bn_epsilon
        self._flavour = flavour

    def stem(self, tensor: Any, channels: int) -> Any:
        """3x3 convolution with stride 2, batch norm, activation."""
        tensor, padding = self._padded(tensor, 3, 2, "stem_conv_pad", symmetric=False)
        return self._conv_bn(
            tensor, channels, "stem_conv", "stem_bn", 3, 2, padding=padding, activation="stem_activation"
        )

    def head(self, tensor: Any, channels: int) -> Any:
        """1x1 convolution, batch norm, activation: the last feature map."""
        return self._conv_bn(tensor, channels, "top_conv", "top_bn", activation="top_activation")

    def classifier(self, tensor: Any, classes: int, dropout: float) -> Any:
        """Global average pool, dropout, dense layer; gives logits."""
        tensor = self._layers.GlobalAveragePooling2D(name="avg_pool")(tensor)
        if dropout > 0:
            tensor = self._layers.Dropout(dropout, name="top_dropout")(tensor)
        return self._layers.Dense(classes, kernel_initializer="zeros", name="predictions")(tensor)

    def block(self, tensor: Any, block: Block, drop_rate: float) -> Any:
        """One MBConv or fused MBConv with its squeeze-and-excite and its residual.

        Args:
            tensor: ``(batch, height, width, block.in_channels)``.
            block: What to write.
            drop_rate: Probability with which training drops the whole residual branch of an example.
        """
        start = self._mbconv if block.operator == "mbconv" else self._fused
        branch = start(tensor, block)
        if not block.residual:
            return branch
        if drop_rate > 0:
            noise_shape = (None, 1, 1, 1)
            branch = self._layers.Dropout(drop_rate, noise_shape=noise_shape, name=f"{block.name}_drop")(
                branch
            )
        return self._layers.Add(name=f"{block.name}_add")([branch, tensor])

    def _mbconv(self, tensor: Any, block: Block) -> Any:
        name = block.name
        if block.expansion != 1:
            tensor = self._conv_bn(
                tensor, block.expanded_channels, f"{name}_expand_conv", f"{name}_expand_bn",
                activation=f"{name}_expand_activation",
            )  # fmt: skip
        tensor, padding = self._padded(
            tensor, block.kernel, block.stride, f"{name}_dwconv_pad", symmetric=block.symmetric_padding
        )
        tensor = self._layers.DepthwiseConv2D(
            block.kernel, strides=block.stride, padding=padding, use_bias=False, depthwise_initializer="zeros",
            name=f"{name}_{self._flavour.depthwise}",
        )(tensor)  # fmt: skip
        tensor = self._batch_norm(tensor, f"{name}_bn")
        tensor = self._layers.Activation(self._activation, name=f"{name}_activation")(tensor)
        tensor = self._squeeze_excite(tensor, block)
        return self._conv_bn(tensor, block.out_channels, f"{name}_project_conv", f"{name}_project_bn")

    def _fused(self, tensor: Any, block: Block) -> Any:
        """Without expansion the only convolution is called ``project_conv`` and has an activation."""
        name, expands = block.name, block.expansion != 1
        pad = f"{name}_expand_pad" if expands else f"{name}_project_pad"
        kernel, stride = block.kernel, block.stride
        tensor, padding = self._padded(tensor, kernel, stride, pad, symmetric=block.symmetric_padding)
        if expands:
            tensor = self._conv_bn(
                tensor, block.expanded_channels, f"{name}_expand_conv", f"{name}_expand_bn", kernel, stride,
                padding=padding, activation=f"{name}_expand_activation",
            )  # fmt: skip
            kernel, stride, padding = 1, 1, "same"
        tensor = self._squeeze_excite(tensor, block)
        return self._conv_bn(
            tensor, block.out_channels, f"{name}_project_conv", f"{name}_project_bn", kernel, stride,
            padding=padding, activation=None if expands else f"{name}_project_activation",
        )  # fmt: skip

    def _squeeze_excite(self, tensor: Any, block: Block) -> Any:
        if not block.se_channels:
            return tensor
        name, channels = f"{block.name}_se", int(tensor.shape[-1])
        gate = self._layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(tensor)
        gate = self._layers.Reshape((1, 1, channels), name=f"{name}_reshape")(gate)
        for suffix, filters, activation in (
            ("reduce", block.se_channels, self._activation),
            ("expand", channels, "sigmoid"),
        ):
            gate = self._layers.Conv2D(
                filters, 1, padding="same", activation=activation, kernel_initializer="zeros",
                name=f"{name}_{suffix}",
            )(gate)  # fmt: skip
        return self._layers.Multiply(name=f"{name}_excite")([tensor, gate])

    def _padded(
        self, tensor: Any, kernel: int, stride: int, name: str, *, symmetric: bool
    ) -> tuple[Any, str]:
        """Return the tensor behind its zero padding, where it has a layer of its own, and the ``padding`` that is left."""
        if stride == 1 or not (symmetric or self._flavour.explicit_padding):
            return tensor, "same"
        after = kernel // 2
        # An even side needs one row less before it than after it, as TensorFlow's "same" has it for stride 2.
        padding = tuple((after if symmetric else after - 1 + side % 2, after) for side in tensor.shape[1:3])
        return self._layers.ZeroPadding2D(padding, name=name)(tensor), "valid"

    def _conv_bn(
        self, tensor: Any, filters: int, conv: str, norm: str, kernel: int = 1, stride: int = 1, *,
        padding: str = "same", activation: str | None = None,
    ) -> Any:  # fmt: skip
        """Convolution without bias and batch norm; ``activation`` is the name of the activation's layer, if any."""
        tensor = self._layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding=padding,
            use_bias=False,
            kernel_initializer="zeros",
            name=conv,
        )(tensor)
        tensor = self._batch_norm(tensor, norm)
        return (
            tensor
            if activation is None
            else self._layers.Activation(self._activation, name=activation)(tensor)
        )

    def _batch_norm(self, tensor: Any, name: str) -> Any:
        return self._layers.BatchNormalization(
            momentum=self._flavour.bn_momentum, epsilon=self._epsilon, name=name
        )(tensor)
