"""Under which name an answer is kept: everything that can change it, and nothing else.

Left out because they do not change the answer: user, tags, metadata, correlation and request id, the caller's
service and deadline. They may choose another target, and the target is in the key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from common_core.llm_contracts import CacheMode
from services.llm_provider_service.cache.canonical_json import canonical
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.target import Target

FlightKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CacheKey:
    """`digest` is 64 hexadecimal digits; the tenant stands in front of it, so that its entries can be told apart.

    `text` is both in one string, from which a key can be read again.
    """

    tenant: str
    digest: str
    text: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", f"{self.tenant}:{self.digest}")

    def __str__(self) -> str:
        return self.text


def cache_key(order: CompletionOrder, target: Target) -> CacheKey:
    """The key of the answer that *target* gives to *order*, through whichever account.

    `request.accept` is a function and has no bytes: `request_type` stands for it. The kind of a content part is
    told by the names of its fields. A request that names its texts is known by that name, which is quicker to hash.
    """
    request = order.request
    named = request.prompt_sha256
    identity = (
        order.caller.tenant,
        {"provider": target.provider, "model": target.model},
        order.request_type,
        order.sample_index,
        (request.messages, request.system) if named is None else named,
        request.tools,
        request.sampling,
        request.defaults,
        request.response_schema,
    )
    return CacheKey(order.caller.tenant, sha256(canonical(identity)).hexdigest())


def flight_key(order: CompletionOrder, key: CacheKey) -> FlightKey | None:
    """Which running requests may share one answer; `None` if this one must be answered alone.

    *key* is that of the first target. Beyond it a running request may still end at a fallback, so only requests
    that accept the same fallbacks, and asked for the same provider and model, go together. One that refreshes never
    joins one that began by reading the cache.
    """
    if order.cache is CacheMode.BYPASS:
        return None
    provider = order.provider or ""
    return (key.tenant, key.digest, order.cache, order.fallback, provider, order.model or "")
