"""Names of the service's keys in Redis.

The part in braces is the hash tag: in Redis Cluster, all entries of a tenant are on one node, and the streams on one
too. The version of the layout is part of the name, so replicas of two versions do not read each other's entries.
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
    """Returns the name of the answer for *key*."""
    return f"{ENTRIES}:{{{_quoted(key.tenant)}}}:{key.digest}"


def entries_pattern(tenant: str | None) -> str:
    """Returns a pattern for every entry of *tenant*, or of all tenants."""
    return f"{ENTRIES}:*" if tenant is None else f"{ENTRIES}:{{{_quoted(tenant)}}}:*"


def slot_of(name: bytes) -> bytes:
    """Returns the hash tag of an entry's name; names with equal tags may be in one command."""
    return name.partition(b"{")[2].partition(b"}")[0]


def key_of(text: str) -> CacheKey:
    """Returns the key from its text form; the digest is after the last colon."""
    tenant, _, digest = text.rpartition(":")
    return CacheKey(tenant, digest)


@lru_cache(MOST_TENANTS)
def _quoted(tenant: str) -> str:
    """Returns *tenant* without characters that have a meaning in a pattern or a hash tag."""
    return quote(tenant, safe="")
