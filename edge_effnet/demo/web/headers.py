"""The headers of every answer, and the few of a request that are understood."""

from __future__ import annotations

import contextlib
import ipaddress
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["accepts_gzip", "is_known", "local_host", "security_headers"]

_POLICY: Final = MappingProxyType(
    {
        "default-src": "'none'",
        "script-src": "'self' 'wasm-unsafe-eval'",
        "worker-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' blob: data:",
        "media-src": "'self' blob:",
        "style-src": "'self'",
        "font-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
)
"""What the page may load: itself. `wasm-unsafe-eval` lets WebAssembly be compiled, and nothing else."""

_ALWAYS: Final = MappingProxyType(
    {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
_ISOLATION: Final = MappingProxyType(
    {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
)
"""Without these a browser has no SharedArrayBuffer, hence no threads."""


def security_headers(*, isolated: bool) -> Mapping[str, str]:
    """Return the headers that every answer has."""
    return {**_ALWAYS, **_ISOLATION} if isolated else dict(_ALWAYS)


def local_host(value: str) -> bool:
    """Return whether a Host header names this machine; its port may be any, as behind a forwarded one."""
    name, colon, port = value.strip().lower().rpartition(":")
    if not colon or value.strip().endswith("]"):
        name, port = value.strip().lower(), "0"
    return _is_local_name(name) and port.isascii() and port.isdecimal()


def _is_local_name(name: str) -> bool:
    """Return whether a name is this machine's own: localhost or any loopback address, IPv6 in brackets."""
    is_v6 = name.startswith("[") and name.endswith("]")
    with contextlib.suppress(ValueError):
        kind = ipaddress.IPv6Address if is_v6 else ipaddress.IPv4Address
        return kind(name[1:-1] if is_v6 else name).is_loopback
    return name == "localhost"


def accepts_gzip(value: str) -> bool:
    """Return whether an Accept-Encoding header names gzip and does not refuse it."""
    for coding in value.lower().split(","):
        name, _, weight = coding.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight == "" or weight.strip("0.") != ""
    return False


def is_known(tag: str, value: str) -> bool:
    """Return whether an If-None-Match header has this ETag."""
    return any(one.strip().removeprefix("W/") in {tag, "*"} for one in value.split(","))
