"""Where the publishers' ImageNet weights lie, and their hashes.

References:
    tf_keras 2.21, applications: addresses and MD5 sums. MD5 is what the publisher gives; it guards against a damaged
    download, while the sha256 of what came goes into every record.
    tensorflow/tpu, models/official/efficientnet/{lite,edgetpu}/README.md: addresses of the checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CHECKPOINTS", "RELEASES", "Release"]


@dataclass(frozen=True)
class Release:
    """One published file.

    Attributes:
        url: Its address.
        md5: Its MD5 sum; None where the publisher gives none.
    """

    url: str
    md5: str | None = None

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]


_STORE = "https://storage.googleapis.com"
_B = f"{_STORE}/keras-applications/efficientnet"
_KERAS = f"{_STORE}/tensorflow/keras-applications"
_V2 = f"{_KERAS}/efficientnet_v2/efficientnet"
_SUFFIX = "weights_tf_dim_ordering_tf_kernels"
_TPU = f"{_STORE}/cloud-tpu-checkpoints/efficientnet"

RELEASES: Mapping[str, Release] = MappingProxyType({
    "b0": Release(f"{_B}b0.h5", "902e53a9f72be733fc0bcb005b3ebbac"),
    "b1": Release(f"{_B}b1.h5", "1d254153d4ab51201f1646940f018540"),
    "b2": Release(f"{_B}b2.h5", "b15cce36ff4dcbd00b6dd88e7857a6ad"),
    "b3": Release(f"{_B}b3.h5", "ffd1fdc53d0ce67064dc6a9c7960ede0"),
    "b4": Release(f"{_B}b4.h5", "18c95ad55216b8f92d7e70b3a046e2fc"),
    "b5": Release(f"{_B}b5.h5", "ace28f2a6363774853a83a0b21b9421a"),
    "b6": Release(f"{_B}b6.h5", "165f6e37dce68623721b423839de8be5"),
    "b7": Release(f"{_B}b7.h5", "8c03f828fec3ef71311cd463b6759d99"),
    "v2-b0": Release(f"{_V2}v2-b0.h5", "21ecbf6da12460d5c40bb2f29ceb2188"),
    "v2-b1": Release(f"{_V2}v2-b1.h5", "069f0534ff22adf035c89e2d9547a9dc"),
    "v2-b2": Release(f"{_V2}v2-b2.h5", "424e49f28180edbde1e94797771950a7"),
    "v2-b3": Release(f"{_V2}v2-b3.h5", "1f1fc43bd98a6e4fd8fdfd551e02c7a0"),
    "v2-s": Release(f"{_V2}v2-s.h5", "e1d88a8495beba45748fedd0cecbe016"),
    "v2-m": Release(f"{_V2}v2-m.h5", "a3bf6aa3276309f4fc6a34aa114c95cd"),
    "v2-l": Release(f"{_V2}v2-l.h5", "27e6d408b53c7ebc868fefa357689935"),
    "mobilenet_v2": Release(f"{_KERAS}/mobilenet_v2/mobilenet_v2_{_SUFFIX}_1.0_224.h5"),
    "resnet50": Release(f"{_KERAS}/resnet/resnet50_{_SUFFIX}.h5", "2cb95161c43110f7111970584f804107"),
    "densenet121": Release(f"{_KERAS}/densenet/densenet121_{_SUFFIX}.h5", "9d60b8095a5708f2dcce2bca79d332c7"),
    "inception_v3": Release(f"{_KERAS}/inception_v3/inception_v3_{_SUFFIX}.h5", "9a0d58056eeedaa3f26cb7ebd46da564"),
    "xception": Release(f"{_KERAS}/xception/xception_{_SUFFIX}.h5", "0a58e3b7378bc2990ea3b43d5981f1f6"),
    "vgg16": Release(f"{_KERAS}/vgg16/vgg16_{_SUFFIX}.h5", "64373286793e3c8b2b4e3219cbf3544b"),
})  # fmt: skip
"""Model id -> Keras' weights file, classifier included."""

CHECKPOINTS: Mapping[str, str] = MappingProxyType(
    {f"lite{n}": f"{_TPU}/lite/efficientnet-lite{n}.tar.gz" for n in range(5)}
    | {f"edgetpu-{size.lower()}": f"{_TPU}/efficientnet-edgetpu-{size}.tar.gz" for size in "SML"}
)
"""Model id -> archive of a TensorFlow checkpoint, to be unpacked and given as a path."""
