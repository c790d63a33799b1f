"""Which addresses a vendor may have that is not allowed private ones."""

from __future__ import annotations

import ipaddress

NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether *address* (a literal) may be reached by a provider that is not allowed private targets."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and (inner := parsed.ipv4_mapped or parsed.sixtofour):
        return inner.is_global
    if parsed in NAT64:
        return False
    return parsed.is_global and not parsed.is_multicast
