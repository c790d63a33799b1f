"""The names under which the service keeps things in Redis.

The part in braces is the hash tag: in a cluster all entries of a tenant lie in one slot, and the feeds in another.
The version of the layout is in the name, so that replicas of two versions do not read each other's.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from services.llm_provider_service.cache.key import CacheKey

MOST_TENANTS = 1024
PREFIX = "llm-provider:1"
ENTRIES = f"{PREFIX}:answer"
REMOVALS_STREAM = f"{PREFIX}:{{feed}}:removals"
REPORTS_STREAM = f"{PREFIX}:{{feed}}:hints"


def entry_name(key: CacheKey) -> str:
    """Where the answer of *key* lies."""
    return f"{ENTRIES}:{{{_quoted(key.tenant)}}}:{key.digest}"


def entries_pattern(tenant: str | None) -> str:
    """A pattern that fits every entry of *tenant*, or of everybody."""
    return f"{ENTRIES}:*" if tenant is None else f"{ENTRIES}:{{{_quoted(tenant)}}}:*"


def slot_of(name: bytes) -> bytes:
    """The hash tag of an entry's name: names with equal ones may go into one command."""
    return name.partition(b"{")[2].partition(b"}")[0]


def key_of(text: str) -> CacheKey:
    """The key that a text form stands for; the digest is behind the last colon."""
    tenant, _, digest = text.rpartition(":")
    return CacheKey(tenant, digest)


@lru_cache(MOST_TENANTS)
def _quoted(tenant: str) -> str:
    """*tenant* without the characters that mean something in a pattern or in a hash tag."""
    return quote(tenant, safe="")
