"""Cache keys: the identity of an answer, from everything that can change it and nothing else.

Not part of it, because they do not change the answer: user, tags, metadata, correlation and request id, the caller's
service and deadline. They may lead to another target, and the target is part of the key.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from common_core.llm_contracts import CacheMode
from services.llm_provider_service.cache.canonical_json import canonical
from services.llm_provider_service.domain.completion import ResponseSchema, Sampling, Tool
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.target import Target

if TYPE_CHECKING:
    from hashlib import _Hash

FlightKey = tuple[str, ...]
KEPT_HASHES = 256


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Names one answer; `digest` is 64 hex digits, and `tenant` makes the entries of a tenant findable.

    `text` is both in one string, from which the key can be read again.
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
    """Returns the key of the answer of *target* to *order*; the account makes no difference.

    If the request has a `prompt_sha256`, that is hashed instead of its texts, which is faster.
    """
    request, named = order.request, order.request.prompt_sha256
    if named is None:
        hashed = sha256(canonical((*_beside_the_texts(order, target), (request.messages, request.system))))
    else:
        hashed = _hash_beside_the_texts(order, target).copy()
        hashed.update(named.encode())
    return CacheKey(order.caller.tenant, hashed.hexdigest())


def _beside_the_texts(order: CompletionOrder, target: Target) -> tuple[object, ...]:
    """Returns all that makes the key, except the texts. It is hashed as a JSON array, whose end is unambiguous.

    `request.accept` is a function and cannot be hashed: `request_type` stands for it. The field names of a content part
    show its kind.
    """
    request = order.request
    return (
        order.caller.tenant,
        {"provider": target.provider, "model": target.model},
        order.request_type,
        order.sample_index,
        request.tools,
        _plain(request.sampling),
        _plain(request.defaults),
        request.response_schema,
    )


def _plain(sampling: Sampling) -> dict[str, object]:
    """Returns *sampling* with equal bytes for equal values: 0, 0.0 and -0.0 are one temperature."""
    found = sampling._asdict()
    for name in ("temperature", "top_p"):
        if found[name] is not None:
            found[name] = float(found[name]) + 0.0
    return found


def _hash_beside_the_texts(order: CompletionOrder, target: Target) -> _Hash:
    """Returns a hash of `_beside_the_texts`; it is remembered, because most requests differ only in their texts.

    Tools and schema are recognised by identity: equal ones can differ in the order of their properties.
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
    """Returns the single-flight key: requests with equal keys share one answer; `None` if this one must not share.

    *key* is that of the first target. A running request may still end at a fallback, so requests share only if they
    allow the same fallbacks and ask for the same provider and model. A refresh never joins a request that reads the
    cache.
    """
    if order.cache is CacheMode.BYPASS:
        return None
    provider = order.provider or ""
    return (key.tenant, key.digest, order.cache, order.fallback, provider, order.model or "")
