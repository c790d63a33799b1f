"""The local tier of the cache: answers in this process's memory. Also `NoCache`, for a cache that is switched off."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from common_core.llm_status_contracts import CacheStats, CacheTierStats
from common_core.observability_enums import CacheOperation
from services.llm_provider_service.cache.entry import CachedAnswer, DamagedEntry, decode, encode
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.resilience.wait_budget import WaitBudget

Clock = Callable[[], float]
OnOperation = Callable[[CacheOperation, str], None]

# Bytes that an entry takes in addition to its own text and bytes: a record and two ordered-dict nodes with their share
# of the tables. Measured with tracemalloc, CPython 3.11: 301–424 each, with 30 to 50,000 entries coming and going.
ENTRY_OVERHEAD = 424
# Bytes of the decoded answer, without its texts, which are at most as long as the encoded bytes. Measured as above.
READ_OVERHEAD = 720


@dataclass(slots=True)
class _Stored:
    """One entry; `entry` is the decoded `raw`, kept because decoding costs 15 µs at every hit."""

    raw: bytes
    size: int
    expires_at: float
    entry: CachedAnswer | None = None


def _unheard(operation: CacheOperation, outcome: str) -> None:
    return None


class LocalCache:
    """Answers, limited by bytes, by entries and by age; the least recently used entry is evicted first.

    `max_bytes` counts the objects in memory, keys and bookkeeping included. `ttl_seconds` counts on *clock* (seconds,
    monotonic) from the time of storing; a read does not extend it. `coalesced` returns the number of requests that
    shared a running one. `on_operation` is called for each operation: get `hit | miss`, set `ok | dropped`, delete and
    clear `ok | miss`, and delete `dropped` for a damaged entry. Reading and writing take constant time, amortised;
    clearing a tenant scans all entries. Nothing awaits.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        max_entries: int,
        ttl_seconds: float,
        clock: Clock,
        coalesced: Callable[[], int],
        on_operation: OnOperation = _unheard,
    ) -> None:
        if min(max_bytes, max_entries, ttl_seconds) <= 0:
            raise ValueError("the bounds of the local cache must be positive")
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._ttl = ttl_seconds
        self._clock = clock
        self._coalesced = coalesced
        self._on_operation = on_operation
        self._by_use: OrderedDict[str, _Stored] = OrderedDict()
        self._by_age: OrderedDict[str, None] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0
        self._evictions = 0
        self._dropped = 0
        self._damaged = 0

    @property
    def empty(self) -> bool:
        """Returns whether there is no entry."""
        return not self._by_use

    async def get(self, key: CacheKey, budget: WaitBudget | None = None) -> CachedAnswer | None:
        """Returns the stored answer; removes an expired or damaged one and returns None. Takes nothing of *budget*."""
        stored = self._by_use.get(key.text)
        entry = None if stored is None else stored.entry
        if stored is not None and (entry is None or stored.expires_at <= self._clock()):
            entry = self._look_again(key.text, stored)
        if entry is None:
            self._misses += 1
            self._on_operation(CacheOperation.GET, "miss")
            return None
        self._by_use.move_to_end(key.text)
        self._hits += 1
        self._on_operation(CacheOperation.GET, "hit")
        return entry

    async def put(self, key: CacheKey, entry: CachedAnswer, *, replaces: bool = False) -> None:
        """Store *entry* in place of the old one of *key*; if it does not fit, both are dropped."""
        self.keep(key, encoded(entry))

    def keep(self, key: CacheKey, raw: bytes | None) -> None:
        """Store an answer that is encoded already, as `put` does; `None` is one that could not be encoded."""
        text = key.text
        if text in self._by_use:
            self._remove(text)
        stored = None if raw is None else self._stored(text, raw)
        if stored is None:
            self._dropped += 1
            self._on_operation(CacheOperation.SET, "dropped")
            return
        self._make_room(stored.size)
        self._by_use[text] = stored
        self._by_age[text] = None
        self._bytes += stored.size
        self._on_operation(CacheOperation.SET, "ok")

    async def clear(self, *, tenant: str | None = None, key: str | None = None) -> int:
        """Remove one key (of that tenant, if both are given), one tenant's entries, or all; returns how many."""
        self._drop_expired()
        candidates = list(self._by_use) if key is None else [key]
        removed = sum(self._remove(text) for text in candidates if tenant is None or _tenant(text) == tenant)
        operation = CacheOperation.CLEAR if key is None else CacheOperation.DELETE
        self._on_operation(operation, "ok" if removed else "miss")
        return removed

    def has_pending(self, *, tenant: str | None = None, key: str | None = None) -> bool:
        """Returns False: entries are removed here at once."""
        return False

    def stats(self) -> CacheStats:
        """Counters since the start; `evictions` are live entries that made room, not expired or cleared ones."""
        self._drop_expired()
        return CacheStats(
            backend="local",
            hits=self._hits,
            misses=self._misses,
            entries=len(self._by_use),
            bytes=self._bytes,
            evictions=self._evictions,
            coalesced=self._coalesced(),
        )

    def tier_stats(self) -> CacheTierStats:
        """Returns the same counters, as those of one of several tiers."""
        return CacheTierStats(hits=self._hits, misses=self._misses, dropped=self._dropped, damaged=self._damaged)

    def _look_again(self, text: str, stored: _Stored) -> CachedAnswer | None:
        """Returns the answer of *stored* unless it has expired; decodes it at the first read."""
        if stored.expires_at <= self._clock():
            self._remove(text)
            return None
        stored.entry = self._decoded(text, stored.raw)
        return stored.entry

    def _decoded(self, text: str, raw: bytes) -> CachedAnswer | None:
        try:
            return decode(raw)
        except DamagedEntry:
            self._remove(text)
            self._damaged += 1
            self._on_operation(CacheOperation.DELETE, "dropped")
            return None

    def _stored(self, text: str, raw: bytes) -> _Stored | None:
        size = 2 * sys.getsizeof(raw) + sys.getsizeof(text) + ENTRY_OVERHEAD + READ_OVERHEAD
        if size > self._max_bytes:
            return None
        return _Stored(raw, size, self._clock() + self._ttl)

    def _make_room(self, size: int) -> None:
        self._drop_expired()
        while len(self._by_use) >= self._max_entries or self._bytes + size > self._max_bytes:
            self._remove(next(iter(self._by_use)))
            self._evictions += 1

    def _drop_expired(self) -> None:
        now = self._clock()
        while self._by_age:
            oldest = next(iter(self._by_age))
            if self._by_use[oldest].expires_at > now:
                return
            self._remove(oldest)

    def _remove(self, text: str) -> bool:
        stored = self._by_use.pop(text, None)
        if stored is None:
            return False
        del self._by_age[text]
        self._bytes -= stored.size
        return True


class NoCache:
    """A cache that is switched off: it keeps nothing, and its statistics say so."""

    async def get(self, key: CacheKey, budget: WaitBudget | None = None) -> CachedAnswer | None:
        """Returns None."""
        return None

    async def put(self, key: CacheKey, entry: CachedAnswer, *, replaces: bool = False) -> None:
        """Do nothing."""

    async def clear(self, *, tenant: str | None = None, key: str | None = None) -> int:
        """Returns 0."""
        return 0

    def has_pending(self, *, tenant: str | None = None, key: str | None = None) -> bool:
        """Returns False."""
        return False

    def stats(self) -> CacheStats:
        """Returns zero for every number."""
        return CacheStats(backend="off", hits=0, misses=0, entries=0, bytes=0, evictions=0, coalesced=0)


def encoded(entry: CachedAnswer) -> bytes | None:
    """Returns *entry* as bytes; `None` if it is nested too deeply."""
    try:
        return encode(entry)
    except RecursionError:
        return None


def _tenant(text: str) -> str:
    """Returns the tenant of a key in its text form; the digest after the last colon contains no colon."""
    return text.rpartition(":")[0]
