"""The catalogue: our arithmetic equals the library's for everything that is on sale, and names stay bounded."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo
from hypothesis import given
from hypothesis import strategies as st

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.accounting.price_catalogue import REMEMBERED_NAMES, Catalogue
from services.llm_provider_service.accounting.token_rates import TokenRates
from services.llm_provider_service.domain.usage import Usage

CATALOGUE = Catalogue()
_SOLD_BY = {one.value: one for one in LLMProviderType}


DAYS = [datetime(2025, 3, 1, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)]


@cache
def on_sale() -> list[tuple[datetime, LLMProviderType, ModelInfo]]:
    """Whatever is sold by token on one of the days; to find it takes too long for whoever only imports this."""
    found_by_name = [
        (_SOLD_BY[provider.id], model)
        for provider in get_snapshot().providers
        if provider.id in _SOLD_BY
        for model in provider.models
        if provider.find_model(model.id) is model
    ]
    return [
        (day, provider, model)
        for day in DAYS
        for provider, model in found_by_name
        if {"input_mtok", "output_mtok"} <= vars(model.get_prices(day)).keys()
    ]


def test_the_catalogue_sells_hundreds_of_models_of_each_big_vendor() -> None:
    counts = {provider: sum(one is provider for _, one, _ in on_sale()) for provider in LLMProviderType}
    assert counts[LLMProviderType.OPENROUTER] > 600
    assert min(counts[one] for one in (LLMProviderType.ANTHROPIC, LLMProviderType.OPENAI, LLMProviderType.GOOGLE)) > 60


def _libraries_price(model: ModelInfo, usage: Usage, day: datetime) -> Decimal:
    price = model.get_prices(day).calc_price(
        genai_prices.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cached_read_tokens,
            cache_write_tokens=usage.cache_write_5m_tokens,
            cache_write_5m_tokens=usage.cache_write_5m_tokens,
            output_reasoning_tokens=usage.reasoning_tokens,
        )
    )
    return price["total_price"]


_tokens = st.integers(0, 150_000)


@given(
    sold=st.deferred(lambda: st.sampled_from(on_sale())),
    plain=_tokens,
    read=_tokens,
    written=_tokens,
    answered=_tokens,
    data=st.data(),
)
def test_any_usage_of_any_model_on_any_day_costs_what_the_library_says(
    sold: tuple[datetime, LLMProviderType, ModelInfo],
    plain: int,
    read: int,
    written: int,
    answered: int,
    data: st.DataObject,
) -> None:
    day, provider, model = sold
    usage = Usage(
        input_tokens=plain + read + written,
        output_tokens=answered,
        cached_read_tokens=read,
        cache_write_5m_tokens=written,
        reasoning_tokens=data.draw(st.integers(0, answered)),
    )
    rates = CATALOGUE.look_up(provider, model.id)
    assert rates is not None
    ours = rates.at(day).for_input(plain + read + written).cost(usage)
    assert ours == _libraries_price(model, usage, day)


def test_more_reasoning_than_output_never_makes_a_negative_part() -> None:
    rates = TokenRates(input=Decimal(1), output=Decimal(2), reasoning=Decimal(3))
    usage = Usage(input_tokens=1, output_tokens=10, reasoning_tokens=11)
    assert rates.cost(usage) == Decimal(31)


def test_no_more_names_are_remembered_than_the_bound_whatever_callers_ask_for() -> None:
    catalogue = Catalogue()
    library = get_snapshot()
    before = len(library._lookup_cache) + len(library._provider_cache)
    for number in range(REMEMBERED_NAMES + 50):
        assert catalogue.look_up(LLMProviderType.ANTHROPIC, f"made-up-{number}") is None
    assert catalogue.look_up.cache_info().currsize == REMEMBERED_NAMES
    assert len(library._lookup_cache) + len(library._provider_cache) == before


def test_a_providers_own_list_is_read_and_nobody_elses() -> None:
    assert CATALOGUE.look_up(LLMProviderType.OPENROUTER, "openai/gpt-5") is not None
    assert CATALOGUE.look_up(LLMProviderType.OPENAI, "claude-opus-5") is None
    assert CATALOGUE.look_up(LLMProviderType.OLLAMA, "llama3.3") is None
