"""Computes the cost of calls from list prices, after a call or before it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from common_core.llm_contracts import PricingStatus
from common_core.llm_status_contracts import ModelPrice
from services.llm_provider_service.accounting.free_providers import is_free
from services.llm_provider_service.accounting.price_catalogue import CATALOGUE_VERSION, Catalogue
from services.llm_provider_service.accounting.token_rates import ModelRates
from services.llm_provider_service.domain.money import FREE, UNPRICED, Cost, decimal_text
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import Usage

_SNAPSHOT = re.compile(r"(?:[-@][0-9]{3,}(?:-[0-9]+)*)?", re.ASCII)


class PriceBook:
    """Exact list prices in USD. If the price or the usage is unknown, the cost is unpriced, never zero.

    *now* is the wall clock (UTC); it gives the date of a price where the caller passes no time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._catalogue = Catalogue()

    @property
    def price_version(self) -> str:
        """Returns name and version of the catalogue, as each priced cost carries it."""
        return CATALOGUE_VERSION

    def cost(self, target: Target, served_model: str | None, usage: Usage, *, at: datetime) -> Cost:
        """Returns the cost of the call to *target* at time *at*, by the model that served it.

        If the vendor names no served model, or one without a price whose name is the requested model's and a date, the
        price is the requested model's. Any other model without a price is unpriced.
        """
        if is_free(target):
            return FREE
        rates = self._catalogue.look_up(target.provider, served_model) if served_model else None
        if rates is None and _may_be(target.model, served_model):
            rates = self._catalogue.look_up(target.provider, target.model)
        usd = _priced(rates, usage, at)
        if usd is None:
            return UNPRICED
        return Cost(usd=usd, status=PricingStatus.PRICED, price_version=CATALOGUE_VERSION)

    def expected_cost(self, target: Target, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Returns the cost of a call with so many tokens now, without cached tokens; `None` without a price."""
        if is_free(target):
            return Decimal(0)
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        return _priced(self._catalogue.look_up(target.provider, target.model), usage, self._now())

    def price_of(self, target: Target) -> ModelPrice | None:
        """Returns the list price of *target* now, for the model registry; `None` without one."""
        rates = self._catalogue.look_up(target.provider, target.model)
        if rates is None or is_free(target):
            return None
        now = self._now()
        held = rates.at(now)
        first = held.tiers[0][1]
        since = held.since or self._catalogue.newest_change(now.date())
        if first.input is None and first.output is None:
            return None
        return ModelPrice(
            input=_per_million(first.input),
            output=_per_million(first.output),
            cached_input=_per_million(first.cached_read),
            cache_write=_per_million(first.cache_write_5m),
            source=CATALOGUE_VERSION,
            as_of="" if since is None else since.isoformat(),
        )


def _may_be(asked: str, served: str | None) -> bool:
    """Returns whether *served* is *asked*, or a snapshot of it: the same name plus a date or a build number.

    One or two digits mean another version, not a snapshot.
    """
    return not served or (served.startswith(asked) and _SNAPSHOT.fullmatch(served, len(asked)) is not None)


def _priced(rates: ModelRates | None, usage: Usage, at: datetime) -> Decimal | None:
    if rates is None or usage.input_tokens is None:
        return None
    return rates.at(at).for_input(usage.input_tokens).cost(usage)


def _per_million(rate: Decimal | None) -> str | None:
    return None if rate is None else decimal_text(rate.scaleb(6))
