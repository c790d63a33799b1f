"""A reader of today takes the answer of a later service: it was paid for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import LLMComparisonResponse, PricingStatus, ResultFlag

USAGE = {
    "prompt_tokens": 900,
    "completion_tokens": 120,
    "total_tokens": 1020,
    "cached_tokens": 0,
    "cache_write_tokens": None,
    "reasoning_tokens": 0,
}
TODAY: dict[str, Any] = {
    "winner": "Essay A",
    "justification": "clearer",
    "confidence": 4.2,
    "provider": "openai",
    "model": "gpt-4.1-mini",
    "response_time_ms": 1532,
    "cached": False,
    "token_usage": USAGE,
    "cost_estimate": 0.0021,
    "cost_usd": "0.0021",
    "pricing_status": "priced",
    "correlation_id": "c",
    "trace_id": None,
    "metadata": {},
    "request_id": "r",
    "requested_provider": "anthropic",
    "requested_model": None,
    "attempts": 1,
    "prompt_sha256": "0" * 64,
    "flags": ["fallback_used"],
}


def read(**changes: Any) -> LLMComparisonResponse:
    """Today's answer with *changes*, as a client reads it from the wire."""
    said = LLMComparisonResponse.model_validate({**TODAY, **changes}).model_dump_json()
    return LLMComparisonResponse.model_validate_json(said)


def test_words_that_are_known_are_members_of_their_sets() -> None:
    answer = read()
    assert answer.flags[0] is ResultFlag.FALLBACK_USED
    assert answer.provider is LLMProviderType.OPENAI
    assert answer.requested_provider is LLMProviderType.ANTHROPIC
    assert answer.pricing_status is PricingStatus.PRICED


def test_a_new_member_of_the_token_usage_is_no_offence() -> None:
    answer = read(token_usage={**USAGE, "audio_tokens": 7})
    assert (answer.token_usage.total_tokens, answer.winner) == (1020, "Essay A")


def test_a_flag_of_tomorrow_comes_through_beside_those_of_today() -> None:
    answer = read(flags=["fallback_used", "judged_twice"])
    assert answer.flags == [ResultFlag.FALLBACK_USED, "judged_twice"]


@pytest.mark.parametrize("name", ["provider", "requested_provider", "pricing_status"])
def test_a_vendor_or_a_price_of_tomorrow_does_not_cost_the_verdict(name: str) -> None:
    answer = read(**{name: "a_later_word"})
    assert (getattr(answer, name), answer.winner) == ("a_later_word", "Essay A")


def test_there_is_no_third_winner() -> None:
    with pytest.raises(ValidationError):
        read(winner="Essay C")
