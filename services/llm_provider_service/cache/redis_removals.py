"""Carries removals out in Redis: one key with one command, more in small steps, and never with KEYS or FLUSH.

A step looks at some hundred names and removes those that fit, with one command for each slot of a cluster; each step
has the link's budget to itself, and others are served in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import RedisAway, RedisRefused
from services.llm_provider_service.cache.pending_removals import PendingRemovals, Removal
from services.llm_provider_service.cache.redis_keys import entries_pattern, entry_name, slot_of

NAMES_PER_STEP = 500


class RedisRemovals:
    """Pays what *owed* says; *on_removed* hears of each removal that is done."""

    def __init__(self, link: RedisLink, owed: PendingRemovals, *, on_removed: Callable[[Removal], None]) -> None:
        self._link = link
        self._owed = owed
        self._on_removed = on_removed

    async def pay(self, removal: Removal, ticket: int) -> int | None:
        """Carry *removal* out now; returns how many entries it took away, or `None` if it stays owed."""
        if not self._link.available:
            return None
        try:
            removed = (
                await self._sweep(removal) if removal.key is None else await self._unlink([entry_name(removal.key)])
            )
        except (RedisAway, RedisRefused):
            return None
        self._owed.settle(removal, ticket)
        self._on_removed(removal)
        return removed

    async def pay_all(self) -> None:
        """Everything that is owed, the oldest first, until Redis goes away."""
        for removal, ticket in self._owed.pending():
            if await self.pay(removal, ticket) is None:
                return

    async def _sweep(self, removal: Removal) -> int:
        pattern = entries_pattern(removal.tenant)
        removed, cursor = 0, b"0"
        while True:
            cursor, names = await self._link.run("SCAN", cursor, "MATCH", pattern, "COUNT", NAMES_PER_STEP)
            for together in _by_slot(names):
                removed += await self._unlink(together)
            if cursor == b"0":
                return removed

    async def _unlink(self, names: Iterable[str | bytes]) -> int:
        return int(await self._link.run("UNLINK", *names))


def _by_slot(names: Iterable[bytes]) -> Iterable[list[bytes]]:
    slots: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for name in names:
        slots[slot_of(name)].append(name)
    return slots.values()
