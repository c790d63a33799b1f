"""Removes one entry, a tenant's entries or all entries from Redis, in small steps, never with KEYS or FLUSH.

A step scans some hundred names and removes those that match, with one command for each slot of a cluster. Each step has
a time budget of its own, and other commands are served between two steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from huleedu_service_libs.redis_link.link import RedisLink
from services.llm_provider_service.cache.pending_removals import Removal
from services.llm_provider_service.cache.redis_keys import entries_pattern, entry_name, slot_of

NAMES_PER_STEP = 500


async def remove(link: RedisLink, removal: Removal) -> int:
    """Carry *removal* out; returns how many entries were removed. Raises `RedisAway` and `RedisRefused`."""
    if removal.key is not None:
        return await _unlink(link, [entry_name(removal.key)])
    pattern = entries_pattern(removal.tenant)
    removed, cursor = 0, b"0"
    while True:
        cursor, names = await link.run("SCAN", cursor, "MATCH", pattern, "COUNT", NAMES_PER_STEP)
        for together in _by_slot(names):
            removed += await _unlink(link, together)
        if cursor == b"0":
            return removed


async def _unlink(link: RedisLink, names: Iterable[str | bytes]) -> int:
    return int(await link.run("UNLINK", *names))


def _by_slot(names: Iterable[bytes]) -> Iterable[list[bytes]]:
    slots: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for name in names:
        slots[slot_of(name)].append(name)
    return slots.values()
