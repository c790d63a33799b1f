"""Token counts, as each vendor means them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage
from services.llm_provider_service.tests.unit.providers.replies import (
    ANTHROPIC,
    GOOGLE,
    OPENAI,
    OPENROUTER,
    VENDORS,
    anthropic_reply,
    google_reply,
    openai_reply,
    read,
    reply_of,
)

ROWS: list[tuple[str, LLMProviderType, dict[str, Any], Usage]] = [
    ("plain", OPENAI, {"prompt_tokens": 9, "completion_tokens": 3}, Usage(input_tokens=9, output_tokens=3)),
    (
        "cached is inside the prompt",
        OPENAI,
        {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 256},
        },
        Usage(input_tokens=2006, output_tokens=300, cached_read_tokens=1920, reasoning_tokens=256),
    ),
    (
        "S10: more reasoning than completion",
        OPENROUTER,
        {"prompt_tokens": 9, "completion_tokens": 10, "completion_tokens_details": {"reasoning_tokens": 11}},
        Usage(input_tokens=9, output_tokens=10, reasoning_tokens=10),
    ),
    (
        "details that are null are not said",
        OPENAI,
        {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": None, "completion_tokens_details": None},
        Usage(input_tokens=9, output_tokens=3),
    ),
    (
        "cache writes",
        OPENROUTER,
        {
            "prompt_tokens": 100,
            "completion_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 90},
        },
        Usage(input_tokens=100, output_tokens=3, cached_read_tokens=0, cache_write_5m_tokens=90),
    ),
    (
        "more cached than read",
        OPENAI,
        {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 10}},
        USAGE_UNKNOWN,
    ),
    ("zero is zero", OPENAI, {"prompt_tokens": 9, "completion_tokens": 0}, Usage(input_tokens=9, output_tokens=0)),
    (
        "input excludes what was cached",
        ANTHROPIC,
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 1000,
            "cache_creation_input_tokens": 300,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
            "output_tokens": 50,
            "output_tokens_details": {"thinking_tokens": 30},
        },
        Usage(
            input_tokens=1310,
            output_tokens=50,
            cached_read_tokens=1000,
            cache_write_5m_tokens=100,
            cache_write_1h_tokens=200,
            reasoning_tokens=30,
        ),
    ),
    (
        "writes without a breakdown live five minutes",
        ANTHROPIC,
        {"input_tokens": 10, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 0, "output_tokens": 5},
        Usage(input_tokens=310, output_tokens=5, cached_read_tokens=0, cache_write_5m_tokens=300),
    ),
    (
        "a breakdown without a total",
        ANTHROPIC,
        {"input_tokens": 10, "cache_creation": {"ephemeral_1h_input_tokens": 7}, "output_tokens": 5},
        Usage(input_tokens=17, output_tokens=5, cache_write_1h_tokens=7),
    ),
    (
        "a breakdown above its total",
        ANTHROPIC,
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 6},
            "output_tokens": 5,
        },
        USAGE_UNKNOWN,
    ),
    (
        "nulls are not said",
        ANTHROPIC,
        {"input_tokens": 10, "cache_read_input_tokens": None, "cache_creation": None, "output_tokens": 5},
        Usage(input_tokens=10, output_tokens=5),
    ),
    (
        "thoughts are outside the candidates",
        GOOGLE,
        {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 60,
            "toolUsePromptTokenCount": 7,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 300,
            "totalTokenCount": 427,
        },
        Usage(input_tokens=107, output_tokens=320, cached_read_tokens=60, reasoning_tokens=300),
    ),
    (
        "candidates that are left out are what the total leaves over",
        GOOGLE,
        {"promptTokenCount": 100, "thoughtsTokenCount": 64, "totalTokenCount": 164},
        Usage(input_tokens=100, output_tokens=64, reasoning_tokens=64),
    ),
    (
        "a refused prompt wrote nothing",
        GOOGLE,
        {"promptTokenCount": 9, "totalTokenCount": 9},
        Usage(input_tokens=9, output_tokens=0),
    ),
    ("a total below its parts", GOOGLE, {"promptTokenCount": 9, "totalTokenCount": 8}, USAGE_UNKNOWN),
    ("only a prompt", GOOGLE, {"promptTokenCount": 9}, USAGE_UNKNOWN),
]


def usage_of(provider: LLMProviderType, counts: Any) -> Usage:
    if provider is GOOGLE:
        return read(provider, google_reply(usageMetadata=counts)).usage
    reply = anthropic_reply(usage=counts) if provider is ANTHROPIC else openai_reply(usage=counts)
    return read(provider, reply).usage


@pytest.mark.parametrize(("provider", "counts", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_counts_mean_what_the_vendor_means(provider: LLMProviderType, counts: dict[str, Any], expected: Usage) -> None:
    assert usage_of(provider, counts) == expected


FIRST_COUNT = {ANTHROPIC: b'"input_tokens":100', GOOGLE: b'"promptTokenCount":100'}


@pytest.mark.parametrize("provider", VENDORS)
@pytest.mark.parametrize(
    "count",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "-1",
        "1.5",
        "12.0",
        "true",
        '"100"',
        "1000000001",
        "1e3",
        "9" * 400,
        "[]",
        "null",
    ],
)
def test_b36_a_count_that_cannot_be_one_makes_the_usage_unknown_and_the_answer_stays(
    provider: LLMProviderType, count: str
) -> None:
    field = FIRST_COUNT.get(provider, b'"prompt_tokens":100')
    raw = orjson.dumps(reply_of(provider))
    assert field in raw
    answer = read(provider, raw.replace(field, field[:-3] + count.encode()))
    assert answer.usage == USAGE_UNKNOWN
    assert answer.text == "Essay A"


@pytest.mark.parametrize("provider", VENDORS)
@pytest.mark.parametrize("usage", [None, [], "x", 3, {}, {"total_tokens": 5}, [[]]])
def test_b37_usage_that_is_missing_is_unknown_not_zero(provider: LLMProviderType, usage: Any) -> None:
    assert usage_of(provider, usage) == USAGE_UNKNOWN
