"""Refuses private addresses when a name is resolved for a connection: a check at start would not be enough."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from services.llm_provider_service.settings.public_addresses import is_public


class PrivateAddress(OSError):
    """A name resolves to an address that only this machine or this network can reach."""


class GuardedResolver(AbstractResolver):
    """Gives the addresses that *inner* finds, unless one of them is private."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Returns the addresses of *host*; raises `PrivateAddress` if any of them is not public."""
        found = await self._inner.resolve(host, port, family)
        if all(is_public(result["host"]) for result in found):
            return found
        raise PrivateAddress(f"{host} resolves to a private address")

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()
