"""Looks a name up and refuses private addresses, at connect time: what a name meant at start proves nothing later."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from services.llm_provider_service.settings.public_addresses import is_public


class PrivateAddress(OSError):
    """A name stands for an address that only this machine or this network can reach."""


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
