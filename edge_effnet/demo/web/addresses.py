"""The addresses of this machine that others in its network can open."""

from __future__ import annotations

import ipaddress
import socket

import psutil

__all__ = ["lan_addresses"]


def lan_addresses() -> tuple[str, ...]:
    """Return the IPv4 and IPv6 addresses of interfaces that are up, IPv4 first; no loopback, no link-local ones."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = {
        ipaddress.ip_address(one.address)
        for name, addresses in psutil.net_if_addrs().items()
        if name in up
        for one in addresses
        if one.family in {socket.AF_INET, socket.AF_INET6} and "%" not in one.address
    }
    usable = [one for one in found if not (one.is_loopback or one.is_link_local or one.is_multicast)]
    return tuple(str(one) for one in sorted(usable, key=lambda one: (one.version, int(one))))
