"""The price catalogue of genai-prices, read offline from the installed package and never updated at run time.

The package finds a model by trying patterns one after the other (20–500 µs), prices a call in some 150 µs, and keeps
every name it was ever asked for. So we look up each name once, keep the result in a bounded table (unknown names too),
and turn the price lists into rates per token.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.accounting.token_rates import DatedRates, ModelRates, TokenRates

REMEMBERED_NAMES = 1024
LONGEST_NAME = 200
CATALOGUE_VERSION = f"genai-prices {version('genai-prices')}"


class Catalogue:
    """List prices by provider and model; dated snapshots and aliases of a model get the same prices."""

    def __init__(self) -> None:
        known = get_snapshot().providers
        self._providers = {one: find_provider_by_id(known, one.value) for one in LLMProviderType}
        self.look_up = lru_cache(maxsize=REMEMBERED_NAMES)(self._look_up)

    def newest_change(self, today: date) -> date | None:
        """Returns the newest start date of a price that is in force; the catalogue is at least as recent."""
        starts = (
            price.constraint.start_date
            for provider in self._providers.values()
            if provider is not None
            for model in provider.models
            if isinstance(model.prices, list)
            for price in model.prices
            if isinstance(price.constraint, StartDateConstraint)
        )
        return max((start for start in starts if start <= today), default=None)

    def _look_up(self, provider: LLMProviderType, model: str) -> ModelRates | None:
        """Returns the rates of *model*; `None` if the provider does not list it or has no price for it."""
        listed = self._providers[provider]
        if listed is None or len(model) > LONGEST_NAME:
            return None
        info = listed.find_model(model)
        return None if info is None else _rates_of(info)


def _rates_of(info: ModelInfo) -> ModelRates | None:
    if isinstance(info.prices, ModelPrice):
        return ModelRates((DatedRates(holds=None, since=None, tiers=_tiers_of(info.prices)),))
    lists = tuple(
        DatedRates(
            holds=None if one.constraint is None else one.constraint.active,
            since=one.constraint.start_date if isinstance(one.constraint, StartDateConstraint) else None,
            tiers=_tiers_of(one.prices),
        )
        for one in info.prices
    )
    return ModelRates(lists) if lists else None


def _tiers_of(price: ModelPrice) -> tuple[tuple[int, TokenRates], ...]:
    listed = {name: value for name, value in vars(price).items() if value is not None}
    thresholds = {tier.start for value in listed.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    return tuple((start, _rates_above(listed, start)) for start in (-1, *sorted(thresholds)))


def _rates_above(listed: dict[str, Decimal | TieredPrices], threshold: int) -> TokenRates:
    """Returns the rates of a call whose input is larger than *threshold* tokens.

    A kind of token without its own price costs as much as the kind that it is part of. One exception: if only cache
    writes for five minutes have a price, a write for an hour has none, because it costs more and the amount is not
    published.
    """

    def rate(name: str) -> Decimal | None:
        value = listed.get(name)
        if isinstance(value, TieredPrices):
            reached = [tier.price for tier in value.tiers if tier.start <= threshold]
            value = reached[-1] if reached else value.base
        return None if value is None else value.scaleb(-6)

    plain = rate("input_mtok")
    write = rate("cache_write_mtok")
    write_5m = _first_of(rate("cache_write_5m_mtok"), write)
    write_1h = rate("cache_write_1h_mtok")
    return TokenRates(
        input=plain,
        output=rate("output_mtok"),
        cached_read=_first_of(rate("cache_read_mtok"), plain),
        cache_write_5m=_first_of(write_5m, plain),
        cache_write_1h=write_1h if write_1h is not None or write_5m is not None else plain,
        reasoning=rate("output_reasoning_mtok"),
    )


def _first_of(own: Decimal | None, otherwise: Decimal | None) -> Decimal | None:
    return otherwise if own is None else own
