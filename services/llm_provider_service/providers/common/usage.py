"""Converts each vendor's token counts to the one meaning of `domain/usage`.

A count that is negative, fractional, boolean, text or above 1,000,000,000 makes the whole usage unknown: if a vendor
counts one thing wrongly, the other counts are not trusted. A part that a vendor leaves out stays `None`, even if it
probably means zero, because only the vendor knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage
from services.llm_provider_service.providers.common.vendor_json import mapping

MAX_TOKENS = 1_000_000_000


class UncountableTokens(ValueError):
    """A value that cannot be a token count."""


def openai_usage(raw: Any) -> Usage:
    """OpenAI and its copies: the prompt includes cached tokens, the completion includes reasoning tokens."""
    counts = raw if isinstance(raw, dict) else {}
    try:
        read, written = _counts(counts, "prompt_tokens", "completion_tokens")
        cached, write_5m = _counts(counts.get("prompt_tokens_details"), "cached_tokens", "cache_write_tokens")
        (reasoning,) = _counts(counts.get("completion_tokens_details"), "reasoning_tokens")
        return _checked(read=read, written=written, cached=cached, write_5m=write_5m, reasoning=reasoning)
    except UncountableTokens:
        return USAGE_UNKNOWN


def anthropic_usage(raw: Any) -> Usage:
    """Anthropic: `input_tokens` leaves out cache reads and cache writes, so the three are added.

    Cache writes without a breakdown count as writes for the default five minutes. Other counts of the vendor are not
    part of its input.
    """
    counts = mapping(raw)
    try:
        fresh = _count(counts, "input_tokens")
        cached = _count(counts, "cache_read_input_tokens")
        write_5m, write_1h = _anthropic_writes(counts)
        read = None if fresh is None else fresh + (cached or 0) + (write_5m or 0) + (write_1h or 0)
        reasoning = _count(mapping(counts.get("output_tokens_details")), "thinking_tokens")
        written = _count(counts, "output_tokens")
        return _checked(
            read=read, written=written, cached=cached, write_5m=write_5m, write_1h=write_1h, reasoning=reasoning
        )
    except UncountableTokens:
        return USAGE_UNKNOWN


def google_usage(raw: Any) -> Usage:
    """Gemini: the prompt includes cached tokens; tool-use prompts and thoughts are counted separately.

    Its JSON leaves zeros out, so missing candidates are computed as the rest of the total.
    """
    counts = mapping(raw)
    try:
        prompt = _count(counts, "promptTokenCount")
        tool_use = _count(counts, "toolUsePromptTokenCount")
        thoughts = _count(counts, "thoughtsTokenCount")
        read = None if prompt is None else prompt + (tool_use or 0)
        written = _google_written(counts, read, thoughts)
        cached = _count(counts, "cachedContentTokenCount")
        return _checked(read=read, written=written, cached=cached, reasoning=thoughts)
    except UncountableTokens:
        return USAGE_UNKNOWN


def _counts(counts: Any, *names: str) -> list[int | None]:
    """Returns the counts with these names, in order; a missing or null count is unknown."""
    found: list[int | None] = []
    if not isinstance(counts, dict):
        return [None] * len(names)
    for name in names:
        value = counts.get(name)
        if value is not None and (type(value) is not int or not 0 <= value <= MAX_TOKENS):
            raise UncountableTokens(name)
        found.append(value)
    return found


def _count(counts: Mapping[str, Any], name: str) -> int | None:
    return _counts(counts, name)[0]


def _anthropic_writes(counts: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Returns the tokens written to the cache for five minutes and for an hour."""
    total = _count(counts, "cache_creation_input_tokens")
    breakdown = mapping(counts.get("cache_creation"))
    write_1h = _count(breakdown, "ephemeral_1h_input_tokens")
    write_5m = _count(breakdown, "ephemeral_5m_input_tokens")
    if total is None:
        return write_5m, write_1h
    rest = total - (write_1h or 0)
    if rest < (write_5m or 0):
        raise UncountableTokens("cache_creation")
    return rest, write_1h


def _google_written(counts: Mapping[str, Any], read: int | None, thoughts: int | None) -> int | None:
    candidates = _count(counts, "candidatesTokenCount")
    total = _count(counts, "totalTokenCount")
    if candidates is not None:
        return candidates + (thoughts or 0)
    if total is None or read is None:
        return None
    if total < read + (thoughts or 0):
        raise UncountableTokens("totalTokenCount")
    return total - read


def _checked(
    *,
    read: int | None,
    written: int | None,
    cached: int | None,
    write_5m: int | None = None,
    write_1h: int | None = None,
    reasoning: int | None,
) -> Usage:
    """Returns the usage if its parts are consistent; reasoning above the output (a known error) becomes the output."""
    if read is None or written is None:
        raise UncountableTokens("missing")
    if (cached or 0) + (write_5m or 0) + (write_1h or 0) > read:
        raise UncountableTokens("cached")
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cached_read_tokens=cached,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        reasoning_tokens=None if reasoning is None else min(reasoning, written),
    )
