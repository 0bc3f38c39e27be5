"""The networks besides EfficientNet for which latency on an Edge TPU was published, one row per layer.

They are here so that the latency model is fitted and judged on more than one family; nothing else uses them.

References:
    tensorflow/models, research/slim/nets: mobilenet_v1, mobilenet_v2, inception_v1 to inception_v4, with 1,001 classes.
    keras-team/keras, keras/src/applications: resnet, resnet_v2, densenet, vgg16, vgg19, with 1,000 classes;
        resnet-50-v1.5 has the stride in the 3x3 convolution.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from edge_effnet.edgetpu.layers import Chain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edge_effnet.inspect.edgetpu_layers import EdgeLayer

__all__ = ["PEERS", "peer_layers"]

_SLIM_CLASSES: Final = 1001
_KERAS_CLASSES: Final = 1000

# A step is (what, kernel, stride, channels); "V" behind what means no padding. A list of paths is a fork: every path
# starts from the same input, and their results are joined.
_Step: TypeAlias = "tuple[str, int | tuple[int, int], int, int] | list[_Path]"
_Path: TypeAlias = "tuple[_Step, ...]"


def _c(channels: int, kernel: int | tuple[int, int] = 1, stride: int = 1, pad: str = "") -> _Step:
    return (f"conv{pad}", kernel, stride, channels)


def _row(channels: int, taps: int) -> _Step:
    return _c(channels, (1, taps))


def _column(channels: int, taps: int) -> _Step:
    return _c(channels, (taps, 1))


_MAX2V: Final[_Step] = ("maxV", 3, 2, 0)
_MAX2: Final[_Step] = ("max", 3, 2, 0)
_MAX1: Final[_Step] = ("max", 3, 1, 0)
_AVG1: Final[_Step] = ("avg", 3, 1, 0)


def _inception_v1() -> Sequence[_Step]:
    def mixed(a: int, b: tuple[int, int], c: tuple[int, int], d: int) -> _Step:
        return [(_c(a),), (_c(b[0]), _c(b[1], 3)), (_c(c[0]), _c(c[1], 3)), (_MAX1, _c(d))]

    return [
        _c(64, 7, 2), _MAX2, _c(64), _c(192, 3), _MAX2,
        mixed(64, (96, 128), (16, 32), 32), mixed(128, (128, 192), (32, 96), 64), _MAX2,
        mixed(192, (96, 208), (16, 48), 64), mixed(160, (112, 224), (24, 64), 64),
        mixed(128, (128, 256), (24, 64), 64), mixed(112, (144, 288), (32, 64), 64),
        mixed(256, (160, 320), (32, 128), 128), ("max", 2, 2, 0),
        mixed(256, (160, 320), (32, 128), 128), mixed(384, (192, 384), (48, 128), 128),
    ]  # fmt: skip


def _inception_v2() -> Sequence[_Step]:
    def mixed(a: int, b: tuple[int, int], c: tuple[int, int], d: int, pool: _Step = _AVG1) -> _Step:
        return [(_c(a),), (_c(b[0]), _c(b[1], 3)), (_c(c[0]), _c(c[1], 3), _c(c[1], 3)), (pool, _c(d))]

    def reduction(b: tuple[int, int], c: tuple[int, int]) -> _Step:
        return [(_c(b[0]), _c(b[1], 3, 2)), (_c(c[0]), _c(c[1], 3), _c(c[1], 3, 2)), (_MAX2,)]

    return [
        ("depthwise", 7, 2, 24), _c(64), _MAX2, _c(64), _c(192, 3), _MAX2,
        mixed(64, (64, 64), (64, 96), 32), mixed(64, (64, 96), (64, 96), 64), reduction((128, 160), (64, 96)),
        mixed(224, (64, 96), (96, 128), 128), mixed(192, (96, 128), (96, 128), 128),
        mixed(160, (128, 160), (128, 160), 96), mixed(96, (128, 192), (160, 192), 96),
        reduction((128, 192), (192, 256)),
        mixed(352, (192, 320), (160, 224), 128), mixed(352, (192, 320), (192, 224), 128, _MAX1),
    ]  # fmt: skip


def _inception_v3() -> Sequence[_Step]:
    def a(pooled: int) -> _Step:
        return [(_c(64),), (_c(48), _c(64, 5)), (_c(64), _c(96, 3), _c(96, 3)), (_AVG1, _c(pooled))]

    def c(inner: int) -> _Step:
        return [
            (_c(192),),
            (_c(inner), _row(inner, 7), _column(192, 7)),
            (_c(inner), _column(inner, 7), _row(inner, 7), _column(inner, 7), _row(192, 7)),
            (_AVG1, _c(192)),
        ]

    wide: _Step = [(_row(384, 3),), (_column(384, 3),)]
    e: _Step = [(_c(320),), (_c(384), wide), (_c(448), _c(384, 3), wide), (_AVG1, _c(192))]
    return [
        _c(32, 3, 2, "V"), _c(32, 3, 1, "V"), _c(64, 3), _MAX2V, _c(80, 1, 1, "V"), _c(192, 3, 1, "V"), _MAX2V,
        a(32), a(64), a(64),
        [(_c(384, 3, 2, "V"),), (_c(64), _c(96, 3), _c(96, 3, 2, "V")), (_MAX2V,)],
        c(128), c(160), c(160), c(192),
        [(_c(192), _c(320, 3, 2, "V")), (_c(192), _row(192, 7), _column(192, 7), _c(192, 3, 2, "V")), (_MAX2V,)],
        e, e,
    ]  # fmt: skip


def _inception_v4() -> Sequence[_Step]:
    stem: list[_Step] = [
        _c(32, 3, 2, "V"), _c(32, 3, 1, "V"), _c(64, 3),
        [(_MAX2V,), (_c(96, 3, 2, "V"),)],
        [(_c(64), _c(96, 3, 1, "V")), (_c(64), _row(64, 7), _column(64, 7), _c(96, 3, 1, "V"))],
        [(_c(192, 3, 2, "V"),), (_MAX2V,)],
    ]  # fmt: skip
    a: _Step = [(_c(96),), (_c(64), _c(96, 3)), (_c(64), _c(96, 3), _c(96, 3)), (_AVG1, _c(96))]
    to_b: _Step = [(_c(384, 3, 2, "V"),), (_c(192), _c(224, 3), _c(256, 3, 2, "V")), (_MAX2V,)]
    b: _Step = [
        (_c(384),),
        (_c(192), _row(224, 7), _column(256, 7)),
        (_c(192), _column(192, 7), _row(224, 7), _column(224, 7), _row(256, 7)),
        (_AVG1, _c(128)),
    ]
    long = (_c(256), _row(256, 7), _column(320, 7), _c(320, 3, 2, "V"))
    to_c: _Step = [(_c(192), _c(192, 3, 2, "V")), long, (_MAX2V,)]
    wide: _Step = [(_row(256, 3),), (_column(256, 3),)]
    c: _Step = [(_c(256),), (_c(384), wide), (_c(384), _column(448, 3), _row(512, 3), wide), (_AVG1, _c(256))]
    return [*stem, *[a] * 4, to_b, *[b] * 7, to_c, *[c] * 3]


def _inception(steps: Callable[[], Sequence[_Step]], side: int) -> Chain:
    chain = Chain(side)
    _walk(chain, steps())
    chain.pool()
    chain.conv(_SLIM_CLASSES)
    chain.softmax()
    return chain


def _walk(chain: Chain, steps: Sequence[_Step]) -> None:
    for step in steps:
        if isinstance(step, list):
            chain.fork([partial(_walk, chain, path) for path in step])
            continue
        what, kernel, stride, channels = step
        sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padded = not what.endswith("V")
        match what.removesuffix("V"):
            case "conv":
                chain.conv(channels, sides, stride, padded=padded)
            case "depthwise":
                chain.depthwise(sides, stride, channels)
            case "max":
                chain.window("MAX_POOL_2D", sides, stride, padded=padded)
            case _:
                chain.window("AVERAGE_POOL_2D", sides, stride, padded=padded)


# Output channels and stride of each separable convolution.
_MOBILENET_V1: Final = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)
)  # fmt: skip
# Expansion, channels, repeats, stride.
_MOBILENET_V2: Final = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
)  # fmt: skip


def _mobilenet_v1(side: int, width: float = 1.0) -> Chain:
    chain = Chain(side)
    chain.conv(round(32 * width), (3, 3), 2)
    for channels, stride in _MOBILENET_V1:
        chain.depthwise((3, 3), stride)
        chain.conv(round(channels * width))
    chain.pool()
    chain.conv(_SLIM_CLASSES)
    chain.softmax()
    return chain


def _mobilenet_v2(side: int) -> Chain:
    chain = Chain(side)
    chain.conv(32, (3, 3), 2)
    for expansion, channels, repeats, first in _MOBILENET_V2:
        for number in range(repeats):
            stride = first if number == 0 else 1
            chain.bottleneck(expansion, channels, 3, stride, residual=number > 0)
    chain.conv(1280)
    chain.pool()
    chain.conv(_SLIM_CLASSES)
    chain.softmax()
    return chain


def _resnet(
    side: int, repeats: tuple[int, ...], *, normalised_first: bool = False, stride_in_3x3: bool = False
) -> Chain:
    chain = Chain(side)
    chain.conv(64, (7, 7), 2)
    chain.window("MAX_POOL_2D", (3, 3), 2)
    for group, count in enumerate(repeats):
        for number in range(count):
            down = group > 0 and number == 0
            if normalised_first:  # the stride is in the last block of a group
                down = group < len(repeats) - 1 and number == count - 1
            chain.where = f"group{group + 1}_{number + 1}"
            if normalised_first:
                chain.scale_and_shift()
            strides = (1, 2) if normalised_first or stride_in_3x3 else (2, 1)
            _resnet_block(chain, 64 * 2**group, number == 0, strides if down else (1, 1))
    if normalised_first:
        chain.scale_and_shift()
    chain.pool()
    chain.dense(_KERAS_CLASSES)
    chain.softmax()
    return chain


def _resnet_block(chain: Chain, inner: int, widened: bool, strides: tuple[int, int]) -> None:
    def path() -> None:
        chain.conv(inner, stride=strides[0])
        chain.conv(inner, (3, 3), strides[1])
        chain.conv(4 * inner)

    def shortcut() -> None:
        if widened:
            chain.conv(4 * inner, stride=max(strides))
        elif max(strides) > 1:
            chain.window("MAX_POOL_2D", (1, 1), max(strides))

    chain.fork([path, shortcut], join="ADD")


def _densenet(side: int, repeats: tuple[int, ...] = (6, 12, 24, 16)) -> Chain:
    def grow() -> None:
        chain.scale_and_shift()
        chain.conv(128)
        chain.conv(32, (3, 3))

    chain = Chain(side)
    chain.conv(64, (7, 7), 2)
    chain.window("MAX_POOL_2D", (3, 3), 2)
    for group, count in enumerate(repeats):
        for _ in range(count):
            chain.fork([lambda: None, grow])
        chain.scale_and_shift()
        if group < len(repeats) - 1:
            chain.conv(chain.channels // 2)
            chain.window("AVERAGE_POOL_2D", (2, 2), 2)
    chain.pool()
    chain.dense(_KERAS_CLASSES)
    chain.softmax()
    return chain


def _vgg(side: int, repeats: tuple[int, ...]) -> Chain:
    chain = Chain(side)
    for channels, count in zip((64, 128, 256, 512, 512), repeats, strict=True):
        for _ in range(count):
            chain.conv(channels, (3, 3))
        chain.window("MAX_POOL_2D", (2, 2), 2)
    for outputs in (4096, 4096, _KERAS_CLASSES):
        chain.dense(outputs)
    chain.softmax()
    return chain


PEERS: Mapping[str, Callable[[], Chain]] = MappingProxyType(
    {
        "mobilenet-v1": lambda: _mobilenet_v1(224),
        "mobilenet-v1-0.25-128": lambda: _mobilenet_v1(128, 0.25),
        "mobilenet-v2": lambda: _mobilenet_v2(224),
        "inception-v1": lambda: _inception(_inception_v1, 224),
        "inception-v2": lambda: _inception(_inception_v2, 224),
        "inception-v3": lambda: _inception(_inception_v3, 299),
        "inception-v4": lambda: _inception(_inception_v4, 299),
        "resnet-50-v1.5-224": lambda: _resnet(224, (3, 4, 6, 3), stride_in_3x3=True),
        "resnet-50-v1": lambda: _resnet(299, (3, 4, 6, 3)),
        "resnet-50-v2": lambda: _resnet(299, (3, 4, 6, 3), normalised_first=True),
        "resnet-152-v2": lambda: _resnet(299, (3, 8, 36, 3), normalised_first=True),
        "densenet-121": lambda: _densenet(224),
        "vgg-16": lambda: _vgg(224, (2, 2, 3, 3, 3)),
        "vgg-19": lambda: _vgg(224, (2, 2, 4, 4, 4)),
    }
)
"""Name -> the network, at the resolution that its latency was published for."""


def peer_layers(name: str) -> Sequence[EdgeLayer]:
    """Return the layers of one of `PEERS`."""
    return PEERS[name]().layers
