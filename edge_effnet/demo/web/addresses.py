"""The addresses of this machine that others in its network can open."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

import psutil

__all__ = ["lan_addresses"]


_ELSEWHERE: Final = ("192.0.2.1", 9)
"""An address that is set aside for documentation (RFC 5737), and the port of discard."""


def lan_addresses() -> tuple[str, ...]:
    """Return the IPv4 and IPv6 addresses of interfaces that are up; no loopback, no link-local ones.

    The one that the default route goes out by comes first: others may be of bridges that no phone reaches.
    """
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = {
        ipaddress.ip_address(one.address)
        for name, addresses in psutil.net_if_addrs().items()
        if name in up
        for one in addresses
        if one.family in {socket.AF_INET, socket.AF_INET6} and "%" not in one.address
    }
    usable = [one for one in found if not (one.is_loopback or one.is_link_local or one.is_multicast)]
    first = _routed()
    return tuple(
        str(one) for one in sorted(usable, key=lambda one: (str(one) != first, one.version, int(one)))
    )


def _routed() -> str:
    """Return our own address on the way out, or nothing. To connect a datagram socket sends nothing."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(_ELSEWHERE)
            return str(probe.getsockname()[0])
    except OSError:
        return ""
