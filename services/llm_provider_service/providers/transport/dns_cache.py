"""A DNS resolver that forgets within seconds that a name was not found.

aiohttp's resolver uses c-ares, which caches "there is no such name" for as long as the zone says, up to an hour. Python
cannot switch this off; the cache is lost only with the resolver. So the resolver is replaced.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from aiohttp import AsyncResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from services.llm_provider_service.resilience.deadline import Clock

FORGET_SECONDS = 5.0
TRIES = 3  # c-ares's default; a resolver made without arguments is shared, with its cache


def own_resolver() -> AbstractResolver:
    """Returns a new resolver that shares no cache."""
    return AsyncResolver(tries=TRIES)


class CachingResolver(AbstractResolver):
    """Replaces its resolver (with *make*) after a failed look-up, once it is `FORGET_SECONDS` old by *clock*."""

    def __init__(self, *, clock: Clock, make: Callable[[], AbstractResolver] = own_resolver) -> None:
        self._clock = clock
        self._make = make
        self._inner = make()
        self._made_at = clock()
        self._has_failed = False
        self._under_way = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Returns the addresses of *host*; raises OSError."""
        if self._has_failed and not self._under_way and self._clock() - self._made_at >= FORGET_SECONDS:
            await self._forget()
        self._under_way += 1
        try:
            return await self._inner.resolve(host, port, family)
        except OSError:
            self._has_failed = True
            raise
        finally:
            self._under_way -= 1

    async def close(self) -> None:
        """Close the resolver."""
        await self._inner.close()

    async def _forget(self) -> None:
        old, self._inner = self._inner, self._make()
        self._made_at = self._clock()
        self._has_failed = False
        await old.close()
