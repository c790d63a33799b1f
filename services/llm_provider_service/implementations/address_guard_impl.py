"""Looks a name up and refuses private addresses, at connect time: what a name meant at start proves nothing later."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class PrivateAddress(OSError):
    """A name stands for an address that only this machine or this network can reach."""


def is_public(address: str) -> bool:
    """Whether *address* (a literal) may be reached by a provider that is not allowed private targets."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and (inner := parsed.ipv4_mapped or parsed.sixtofour):
        return inner.is_global
    if parsed in NAT64:
        return False
    return parsed.is_global and not parsed.is_multicast


NAT64 = ipaddress.ip_network("64:ff9b::/96")


class GuardedResolver(AbstractResolver):
    """Passes on what *inner* finds, unless one of the addresses is private."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of *host*; raises `PrivateAddress` if any of them is not public."""
        found = await self._inner.resolve(host, port, family)
        if all(is_public(result["host"]) for result in found):
            return found
        raise PrivateAddress(f"{host} resolves to a private address")

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()
