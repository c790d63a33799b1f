"""Prices: exact, dated, tiered, and never zero where nothing is known.

The figures computed by hand are the list prices of the catalogue's version in the lock; a new version that changes
one of them is meant to be noticed here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import PricingStatus
from services.llm_provider_service.accounting.price_book import PriceBook
from services.llm_provider_service.domain.money import FREE, UNPRICED, decimal_text
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage

TODAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANTHROPIC, OPENAI, GOOGLE, OPENROUTER = (
    LLMProviderType.ANTHROPIC,
    LLMProviderType.OPENAI,
    LLMProviderType.GOOGLE,
    LLMProviderType.OPENROUTER,
)
BOOK = PriceBook(lambda: TODAY)
SMALL = Usage(input_tokens=900, output_tokens=120)


@pytest.mark.parametrize(
    ("target", "usage", "usd"),
    [
        (
            Target(ANTHROPIC, "claude-opus-5"),  # 5 in, 25 out, 0.50 read, 6.25 and 10 written, each per million
            Usage(
                input_tokens=10_000,
                output_tokens=1_000,
                cached_read_tokens=4_000,
                cache_write_5m_tokens=2_000,
                cache_write_1h_tokens=1_000,
            ),
            "0.0645",  # 3000×5 + 1000×25 + 4000×0.5 + 2000×6.25 + 1000×10 = 64500
        ),
        (
            Target(OPENAI, "gpt-5.2"),  # 1.75 in, 14 out, 0.175 read
            Usage(input_tokens=2_001, output_tokens=77, cached_read_tokens=1_024, reasoning_tokens=64),
            "0.00296695",  # 977×1.75 + 77×14 + 1024×0.175 = 2966.95
        ),
        (
            Target(GOOGLE, "gemini-2.5-pro"),  # up to 200,000 tokens: 1.25 in, 10 out, 0.125 read
            Usage(input_tokens=200_000, output_tokens=500, cached_read_tokens=50_000),
            "0.19875",  # 150000×1.25 + 500×10 + 50000×0.125 = 198750
        ),
        (
            Target(GOOGLE, "gemini-2.5-pro"),  # above: 2.50 in, 15 out, 0.25 read, for all tokens
            Usage(input_tokens=200_001, output_tokens=500, cached_read_tokens=50_000),
            "0.3950025",  # 150001×2.5 + 500×15 + 50000×0.25 = 395002.5
        ),
        (
            Target(OPENROUTER, "openai/gpt-5"),  # 1.25 in, 10 out, 0.125 read
            Usage(input_tokens=1_000, output_tokens=100, cached_read_tokens=400),
            "0.0018",  # 600×1.25 + 100×10 + 400×0.125 = 1800
        ),
    ],
    ids=str,
)
def test_a_call_costs_what_one_reckons_by_hand(target: Target, usage: Usage, usd: str) -> None:
    cost = BOOK.cost(target, target.model, usage, at=TODAY)
    assert cost.status is PricingStatus.PRICED
    assert cost.usd == Decimal(usd)
    assert decimal_text(cost.usd) == usd
    assert cost.price_version == BOOK.price_version
    assert BOOK.price_version.startswith("genai-prices ")


@pytest.mark.parametrize(
    ("day", "usd"),
    [(datetime(2025, 6, 9, 23, 59, tzinfo=UTC), "0.0108"), (datetime(2025, 6, 10, tzinfo=UTC), "0.00216")],
)
def test_a_price_that_changed_holds_from_its_day(day: datetime, usd: str) -> None:
    usage = Usage(input_tokens=1_000, output_tokens=20)  # o3: 10 in and 40 out, from 10 June 2025 on 2 and 8
    assert BOOK.cost(Target(OPENAI, "o3"), "o3-2025-04-16", usage, at=day).usd == Decimal(usd)


def test_the_model_that_served_sets_the_price_not_the_one_that_was_asked() -> None:
    cost = BOOK.cost(Target(OPENAI, "gpt-5.2"), "gpt-5-2025-08-07", SMALL, at=TODAY)
    assert cost.usd == Decimal("0.002325")  # 900×1.25 + 120×10


@pytest.mark.parametrize("served", [None, "", "gpt-5", "gpt-5-2027-01-31", "gpt-5@20270131", "gpt-5-001"])
def test_a_vendor_that_names_no_other_model_is_paid_for_the_one_that_was_asked(served: str | None) -> None:
    assert BOOK.cost(Target(OPENAI, "gpt-5"), served, SMALL, at=TODAY).usd == Decimal("0.002325")


@pytest.mark.parametrize(
    "served",
    [
        "gw-internal-route-7",
        "x" * 5000,
        "gpt-",
        "gpt-55-2027-01-31",
        "gpt-5-thrice-2027-01-31",
        "gpt-5-",
        "gpt-5-4-2027-01-31",
        "gpt-5-9",
    ],
)
def test_another_model_that_nobody_lists_is_unpriced(served: str) -> None:
    """It used to cost what the asked one does, which is a guess: a dearer model may have answered (FAULTS B39)."""
    assert BOOK.cost(Target(OPENAI, "gpt-5"), served, SMALL, at=TODAY) is UNPRICED


def test_a_dated_snapshot_has_the_price_of_its_model() -> None:
    target = Target(ANTHROPIC, "claude-sonnet-4-5-20250929")
    assert BOOK.cost(target, target.model, SMALL, at=TODAY).usd == Decimal("0.0045")  # 900×3 + 120×15


@pytest.mark.parametrize(
    "usage",
    [
        USAGE_UNKNOWN,
        Usage(input_tokens=10),
        Usage(output_tokens=10),
        Usage(input_tokens=10, output_tokens=1, cached_read_tokens=11),
        Usage(input_tokens=10, output_tokens=1, cached_read_tokens=6, cache_write_5m_tokens=5),
        Usage(input_tokens=10, output_tokens=-1),
        Usage(input_tokens=10, output_tokens=1, cached_read_tokens=-1),
    ],
    ids=repr,
)
def test_a_usage_that_is_unknown_or_contradicts_itself_is_unpriced(usage: Usage) -> None:
    assert BOOK.cost(Target(OPENAI, "gpt-5"), "gpt-5", usage, at=TODAY) is UNPRICED


@pytest.mark.parametrize(
    "target",
    [
        Target(OPENAI, "nobody-sells-this"),
        Target(OPENROUTER, "allenai/molmo-7b-d"),
        Target(OPENAI, "gpt-live-1"),
        Target(GOOGLE, "gemini-embedding-001"),
        Target(GOOGLE, "gemma-3-27b-it"),
    ],
    ids=str,
)
def test_without_a_price_for_what_was_used_a_call_is_unpriced_and_never_zero(target: Target) -> None:
    assert BOOK.cost(target, target.model, SMALL, at=TODAY) is UNPRICED
    assert BOOK.expected_cost(target, 900, 120) is None


def test_a_cache_write_for_an_hour_without_a_price_of_its_own_is_not_sold_at_the_cheaper_rate() -> None:
    target = Target(OPENROUTER, "anthropic/claude-sonnet-4.5")
    short = Usage(input_tokens=1_000, output_tokens=0, cache_write_5m_tokens=1_000)
    long = Usage(input_tokens=1_000, output_tokens=0, cache_write_1h_tokens=1_000)
    assert BOOK.cost(target, target.model, short, at=TODAY).usd == Decimal("0.00375")
    assert BOOK.cost(target, target.model, long, at=TODAY) is UNPRICED


@pytest.mark.parametrize(
    "target",
    [
        Target(LLMProviderType.MOCK, "mock-judge"),
        Target(LLMProviderType.OLLAMA, "llama3.3"),
        Target(OPENROUTER, "meta-llama/llama-3.3-70b-instruct:free"),
    ],
    ids=str,
)
def test_what_is_free_costs_zero_and_says_that_it_is_free(target: Target) -> None:
    assert BOOK.cost(target, target.model, USAGE_UNKNOWN, at=TODAY) is FREE
    assert BOOK.expected_cost(target, 900, 120) == 0
    assert BOOK.price_of(target) is None


def test_the_expected_cost_is_the_cost_of_a_call_without_any_cache() -> None:
    target = Target(ANTHROPIC, "claude-opus-5")
    assert BOOK.expected_cost(target, 900, 120) == BOOK.cost(target, None, SMALL, at=TODAY).usd == Decimal("0.0075")


def test_the_expected_cost_follows_the_date() -> None:
    early = PriceBook(lambda: datetime(2025, 1, 1, tzinfo=UTC))
    assert early.expected_cost(Target(OPENAI, "o3"), 1_000, 20) == Decimal("0.0108")
    assert BOOK.expected_cost(Target(OPENAI, "o3"), 1_000, 20) == Decimal("0.00216")


def test_the_list_price_is_told_per_million_with_source_and_day() -> None:
    price = BOOK.price_of(Target(ANTHROPIC, "claude-opus-5"))
    assert price is not None
    assert (price.input, price.output, price.cached_input, price.cache_write) == ("5", "25", "0.5", "6.25")
    assert price.source == BOOK.price_version
    assert "2026-10-01" < price.as_of <= "2026-11-23"


def test_the_list_price_of_a_changed_model_names_the_day_of_the_change() -> None:
    price = BOOK.price_of(Target(OPENAI, "o3"))
    assert price is not None
    assert (price.input, price.as_of) == ("2", "2025-06-10")


def test_the_first_tier_is_told_where_there_are_several() -> None:
    price = BOOK.price_of(Target(GOOGLE, "gemini-2.5-pro"))
    assert price is not None
    assert price.input == "1.25"


def test_a_model_without_a_price_has_no_list_price() -> None:
    assert BOOK.price_of(Target(OPENAI, "nobody-sells-this")) is None
    assert BOOK.price_of(Target(GOOGLE, "gemma-3-27b-it")) is None
