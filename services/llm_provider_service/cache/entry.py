"""Cache entries: encodes an accepted answer as bytes that any tier can store, and decodes it.

The bytes begin with the version of the format. An entry of another version counts as damaged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import NoneType
from typing import Any

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import PricingStatus, ResultFlag
from services.llm_provider_service.cache.canonical_json import canonical, read_canonical
from services.llm_provider_service.domain.completion import (
    CompletionAnswer,
    ContentPart,
    FinishReason,
    ImagePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from services.llm_provider_service.domain.completion_order import CompletionResult
from services.llm_provider_service.domain.money import Cost
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import Usage

VERSION = b"llm-answer-2\n"

# The other flags tell of one request's way to an answer, or are found again when the answer is read.
FLAGS_OF_AN_ANSWER = frozenset({ResultFlag.UNKNOWN_MODEL, ResultFlag.USAGE_UNKNOWN, ResultFlag.REASKED})


class DamagedEntry(ValueError):
    """The bytes are not an entry of this version; the message gives the reason without quoting the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedAnswer:
    """An accepted answer, its target and its cost at that time; `stored_at` is in seconds since the epoch (UTC)."""

    answer: CompletionAnswer
    target: Target
    cost: Cost
    stored_at: float
    flags: frozenset[ResultFlag] = frozenset()

    @classmethod
    def of(cls, result: CompletionResult, *, stored_at: float) -> CachedAnswer:
        """Returns the part of *result* that is valid for every caller who asks the same question."""
        return cls(
            answer=result.answer,
            target=result.target,
            cost=result.cost,
            stored_at=stored_at,
            flags=result.flags & FLAGS_OF_AN_ANSWER,
        )


Shape = Mapping[str, tuple[type, ...]]

_ENTRY: Shape = {
    "answer": (dict,),
    "target": (dict,),
    "cost": (dict,),
    "stored_at": (float,),
    "flags": (list,),
}
_ANSWER: Shape = {
    "parts": (list,),
    "finish_reason": (str,),
    "usage": (dict,),
    "model": (str,),
    "vendor_request_id": (str, NoneType),
}
_TARGET: Shape = {"provider": (str,), "model": (str,)}
_COST: Shape = {"usd": (str, NoneType), "status": (str,), "price_version": (str, NoneType)}
_USAGE: Shape = {
    "input_tokens": (int, NoneType),
    "output_tokens": (int, NoneType),
    "cached_read_tokens": (int, NoneType),
    "cache_write_5m_tokens": (int, NoneType),
    "cache_write_1h_tokens": (int, NoneType),
    "reasoning_tokens": (int, NoneType),
}
_PARTS: Mapping[str, tuple[type[ContentPart], Shape]] = {
    "text": (TextPart, {"text": (str,)}),
    "image": (ImagePart, {"media_type": (str,), "data_base64": (str,)}),
    "tool_call": (ToolCallPart, {"call_id": (str,), "name": (str,), "arguments": (dict,)}),
    "tool_result": (
        ToolResultPart,
        {"call_id": (str,), "name": (str,), "content": (str,), "is_error": (bool,)},
    ),
    "reasoning": (ReasoningPart, {"text": (str,), "signature": (str, NoneType)}),
}
_PART_NAMES: Mapping[type[ContentPart], str] = {kind: name for name, (kind, _) in _PARTS.items()}

# Plain digits: an exponent in damaged bytes could ask for gigabytes when the amount is written out.
_AMOUNT = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,60})?", re.ASCII)


def encode(entry: CachedAnswer) -> bytes:
    """Returns *entry* as bytes; raises RecursionError if a tool call's arguments are nested too deeply."""
    answer, cost = entry.answer, entry.cost
    names = map(_PART_NAMES.__getitem__, map(type, answer.parts))
    record = {
        "answer": {
            "parts": list(zip(names, answer.parts, strict=True)),
            "finish_reason": answer.finish_reason,
            "usage": answer.usage,
            "model": answer.model,
            "vendor_request_id": answer.vendor_request_id,
        },
        "target": {"provider": entry.target.provider, "model": entry.target.model},
        "cost": {
            "usd": None if cost.usd is None else format(cost.usd, "f"),
            "status": cost.status,
            "price_version": cost.price_version,
        },
        "stored_at": float(entry.stored_at),
        "flags": sorted(entry.flags),
    }
    return VERSION + canonical(record)


def decode(raw: bytes) -> CachedAnswer:
    """Returns the entry in *raw*; raises DamagedEntry, and nothing else, whatever the bytes are."""
    if not raw.startswith(VERSION):
        raise DamagedEntry("not an entry of this version")
    try:
        return _entry(read_canonical(raw[len(VERSION) :]))
    except DamagedEntry:
        raise
    except (ValueError, RecursionError) as exc:
        raise DamagedEntry(f"cannot be read: {type(exc).__name__}") from exc


def _entry(value: object) -> CachedAnswer:
    record = _checked(value, _ENTRY)
    target = _checked(record["target"], _TARGET)
    return CachedAnswer(
        answer=_answer(record["answer"]),
        target=Target(LLMProviderType(target["provider"]), target["model"]),
        cost=_cost(record["cost"]),
        stored_at=record["stored_at"],
        flags=frozenset(map(ResultFlag, record["flags"])),
    )


def _answer(value: object) -> CompletionAnswer:
    record = _checked(value, _ANSWER)
    return CompletionAnswer(
        parts=tuple(map(_part, record["parts"])),
        finish_reason=FinishReason(record["finish_reason"]),
        usage=Usage(**_checked(record["usage"], _USAGE)),
        model=record["model"],
        vendor_request_id=record["vendor_request_id"],
    )


def _part(value: object) -> ContentPart:
    match value:
        case [str(name), fields] if name in _PARTS:
            kind, shape = _PARTS[name]
            return kind(**_checked(fields, shape))
        case _:
            raise DamagedEntry("an unknown kind of content")


def _cost(value: object) -> Cost:
    record = _checked(value, _COST)
    usd = record["usd"]
    if usd is not None and not _AMOUNT.fullmatch(usd):
        raise DamagedEntry("an amount that is none")
    return Cost(
        usd=None if usd is None else Decimal(usd),
        status=PricingStatus(record["status"]),
        price_version=record["price_version"],
    )


def _checked(value: object, shape: Shape) -> dict[str, Any]:
    """Returns *value* if it is an object with exactly the fields of *shape*. Compares `type`: a bool is no int."""
    if not isinstance(value, dict) or value.keys() != shape.keys():
        raise DamagedEntry("other fields than expected")
    for name, kinds in shape.items():
        if type(value[name]) not in kinds:
            raise DamagedEntry(f"{name} has an unexpected type")
    return value
