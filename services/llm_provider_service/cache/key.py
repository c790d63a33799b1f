"""Under which name an answer is kept: everything that can change it, and nothing else.

Left out because they do not change the answer: user, tags, metadata, correlation and request id, the caller's
service and deadline. They may choose another target, and the target is in the key.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from common_core.llm_contracts import CacheMode
from services.llm_provider_service.cache.canonical_json import canonical
from services.llm_provider_service.domain.completion import ResponseSchema, Tool
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.target import Target

if TYPE_CHECKING:
    from hashlib import _Hash

FlightKey = tuple[str, ...]
KEPT_HASHES = 256


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


class _Known(NamedTuple):
    tools: tuple[Tool, ...]
    schema: ResponseSchema | None
    hashed: _Hash


_hashes: dict[tuple[Hashable, ...], _Known] = {}


def cache_key(order: CompletionOrder, target: Target) -> CacheKey:
    """The key of the answer that *target* gives to *order*, through whichever account.

    A request that names its texts is known by that name, which is quicker to hash.
    """
    request, named = order.request, order.request.prompt_sha256
    if named is None:
        hashed = sha256(canonical((*_beside_the_texts(order, target), (request.messages, request.system))))
    else:
        hashed = _hash_beside_the_texts(order, target).copy()
        hashed.update(named.encode())
    return CacheKey(order.caller.tenant, hashed.hexdigest())


def _beside_the_texts(order: CompletionOrder, target: Target) -> tuple[object, ...]:
    """All else that makes the key. As JSON it is an array, so its end is known and whatever follows stays apart.

    `request.accept` is a function and has no bytes: `request_type` stands for it. The kind of a content part is
    told by the names of its fields.
    """
    request = order.request
    return (
        order.caller.tenant,
        {"provider": target.provider, "model": target.model},
        order.request_type,
        order.sample_index,
        request.tools,
        request.sampling._asdict(),
        request.defaults._asdict(),
        request.response_schema,
    )


def _hash_beside_the_texts(order: CompletionOrder, target: Target) -> _Hash:
    """A hash that has taken in `_beside_the_texts`; remembered, because requests differ in hardly more than texts.

    Tools and schema count as known only when they are the very same objects: equal ones can differ in their order.
    """
    request = order.request
    tools, schema = request.tools, request.response_schema
    name = (
        order.caller.tenant,
        target.provider,
        target.model,
        order.request_type,
        order.sample_index,
        request.sampling,
        request.defaults,
        id(tools),
        id(schema),
    )
    known = _hashes.get(name)
    if known is not None and known.tools is tools and known.schema is schema:
        return known.hashed
    if len(_hashes) >= KEPT_HASHES:
        _hashes.clear()
    hashed = sha256(canonical(_beside_the_texts(order, target)))
    _hashes[name] = _Known(tools, schema, hashed)
    return hashed


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
