"""Puts back into Redis what this process's memory still has, and Redis has lost or never got.

A hit in memory that is in doubt is written once, and only where nothing lies. Another replica may have cleared it a
moment ago, without this one having heard of it. So what was written is remembered, and taken back when a removal is
heard that covers it, unless something newer lies there by then.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha1

from common_core.observability_enums import CacheOperation
from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import RedisAway, RedisRefused, Word
from services.llm_provider_service.cache.integrity import seal
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.local import LocalCache
from services.llm_provider_service.cache.pending_removals import PendingRemovals, Removal
from services.llm_provider_service.cache.redis_keys import entry_name, key_of
from services.llm_provider_service.cache.redis_tier import REMOVE_AS_READ
from services.llm_provider_service.metrics import SharedTierMetrics

MOST_IN_ONE_BATCH = 64
MOST_BYTES_IN_ONE_BATCH = 1024 * 1024
DOUBTS_BEFORE_PRUNING = 1000
MOST_REMEMBERED = 10_000


class WriteBack:
    """See the module's docstring; an entry lives *ttl_seconds* from when it was stored first, by *wall_clock*.

    *on_removed* hears of what was taken back. The operation that is counted: set `ok` for each answer that was missing.
    """

    def __init__(
        self,
        link: RedisLink,
        local: LocalCache,
        *,
        ttl_seconds: float,
        owed: PendingRemovals,
        on_removed: Callable[[Removal], None],
        metrics: SharedTierMetrics,
        wall_clock: Callable[[], float],
    ) -> None:
        self._link = link
        self._local = local
        self._ttl = ttl_seconds
        self._owed = owed
        self._on_removed = on_removed
        self._metrics = metrics
        self._wall_clock = wall_clock
        self._doubts: set[str] = set()
        self._prune_at = DOUBTS_BEFORE_PRUNING
        self._missing: dict[str, float] = {}
        self._written: OrderedDict[CacheKey, str] = OrderedDict()
        self._writing = asyncio.Lock()
        self._hits_now = self._hits_then = 0

    @property
    def doubts(self) -> bool:
        """Whether anything in memory may be missing in Redis."""
        return bool(self._doubts)

    @property
    def more(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._missing)

    def begin_round(self) -> None:
        """Redis will be asked now whether it still is what it was."""
        self._hits_now = self._local.hits

    def all_in_doubt(self) -> None:
        """Redis may have lost everything; what was hit since the last good round is written without another hit.

        As many answers as there were hits are taken, the last used ones: so a hit need not be noted down.
        """
        self._doubts = set(self._local.keys())
        for text, entry in list(self._local.used_last(self._local.hits - self._hits_then)):
            self._ask_for(text, entry.stored_at)

    def in_doubt(self, key: CacheKey) -> None:
        """The answer of *key* could not be written."""
        self._doubts.add(str(key))
        if len(self._doubts) > self._prune_at:
            self._doubts &= set(self._local.keys())
            self._prune_at = DOUBTS_BEFORE_PRUNING + 2 * len(self._doubts)

    def hit(self, key: CacheKey, stored_at: float) -> None:
        """*key* was found in memory; if it is in doubt, it is written soon."""
        self._ask_for(str(key), stored_at)

    async def write(self) -> None:
        """Write the next batch where nothing lies; what cannot be written is in doubt again. Raises `RedisAway`."""
        self._hits_then = self._hits_now
        if not (self._missing and self._link.available and self._link.state.writable):
            return
        async with self._writing:
            batch = self._next_batch()
            try:
                answers = await self._link.run_all(list(batch.values()))
            except RedisAway:
                self._doubts.update(map(str, batch))
                raise
        for key, answer in zip(batch, answers, strict=True):
            if isinstance(answer, RedisRefused):
                self._doubts.add(str(key))
            elif answer is not None:
                self._metrics.operation(CacheOperation.SET, "ok")

    async def settled(self) -> None:
        """What is being written now lies in Redis after this returns, or never will."""
        async with self._writing:
            return

    async def removed(self, removal: Removal) -> None:
        """Take back what was written in spite of another replica's *removal*."""
        written = list(self._written) if removal.key is None else [removal.key]
        for key in filter(removal.covers, written):
            as_written = self._written.pop(key, None)
            if as_written is not None:
                await self._take_back(key, as_written)

    def _ask_for(self, text: str, stored_at: float) -> None:
        if text in self._doubts:
            self._doubts.remove(text)
            self._missing[text] = stored_at

    async def _take_back(self, key: CacheKey, as_written: str) -> None:
        removal = Removal(key=key)
        try:
            gone = await self._link.run_script(REMOVE_AS_READ, [entry_name(key)], [as_written])
        except (RedisAway, RedisRefused):
            self._owed.owe(removal)
            return
        if gone:
            self._on_removed(removal)

    def _next_batch(self) -> dict[CacheKey, tuple[Word, ...]]:
        """Commands by key; they count as written from now on, whatever becomes of them."""
        batch: dict[CacheKey, tuple[Word, ...]] = {}
        size = 0
        while self._missing and len(batch) < MOST_IN_ONE_BATCH and size < MOST_BYTES_IN_ONE_BATCH:
            text, stored_at = self._missing.popitem()
            key, raw = key_of(text), self._local.raw(text)
            if self._owed.covers(key):
                self._doubts.add(text)
            elif raw is not None:
                batch.update(self._command(key, raw, stored_at))
                size += len(raw)
        return batch

    def _command(self, key: CacheKey, raw: bytes, stored_at: float) -> dict[CacheKey, tuple[Word, ...]]:
        """Empty if the answer's time is over; a clock that differs from the writer's never prolongs it."""
        left_ms = int(1000 * min(self._ttl, self._ttl + stored_at - self._wall_clock()))
        if left_ms <= 0:
            return {}
        sealed = seal(key, raw)
        self._written[key] = sha1(sealed, usedforsecurity=False).hexdigest()
        if len(self._written) > MOST_REMEMBERED:
            self._written.popitem(last=False)
        return {key: ("SET", entry_name(key), sealed, "PX", left_ms, "NX")}
