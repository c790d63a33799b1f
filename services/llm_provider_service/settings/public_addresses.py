"""Tells which IP addresses are public, for vendors that must not have a private address."""

from __future__ import annotations

import ipaddress

NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Returns whether *address* (a literal) may be used by a provider that must not have private addresses.

    Raises ValueError if *address* is not an IP address.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and (inner := parsed.ipv4_mapped or parsed.sixtofour):
        return inner.is_global
    if parsed in NAT64:
        return False
    return parsed.is_global and not parsed.is_multicast
