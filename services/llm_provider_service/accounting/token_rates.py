"""Computes the cost of tokens from rates, exactly, in Decimal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from services.llm_provider_service.domain.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRates:
    """USD per token; `None` if no price is published. `reasoning` is set only if it differs from output."""

    input: Decimal | None = None
    output: Decimal | None = None
    cached_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    reasoning: Decimal | None = None

    def cost(self, usage: Usage) -> Decimal | None:
        """Returns USD for *usage*; `None` if used tokens have no rate, or if the parts exceed their total."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        read, write_5m, write_1h = (
            usage.cached_read_tokens or 0,
            usage.cache_write_5m_tokens or 0,
            usage.cache_write_1h_tokens or 0,
        )
        plain = usage.input_tokens - read - write_5m - write_1h
        reasoning = min(usage.reasoning_tokens or 0, usage.output_tokens) if self.reasoning is not None else 0
        if plain < 0 or read < 0 or write_5m < 0 or write_1h < 0 or reasoning < 0 or usage.output_tokens < 0:
            return None
        total = Decimal(0)
        for tokens, rate in (
            (plain, self.input),
            (usage.output_tokens - reasoning, self.output),
            (read, self.cached_read),
            (write_5m, self.cache_write_5m),
            (write_1h, self.cache_write_1h),
            (reasoning, self.reasoning),
        ):
            if not tokens:
                continue
            if rate is None:
                return None
            total += rate * tokens
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedRates:
    """One price list of a model: when it is valid (`None`: always), and its rates by input size.

    `tiers` are in rising order; a tier applies to all tokens of a call whose input is larger than its threshold. The
    first threshold is −1. `since` is the first day of the list, if it has one.
    """

    holds: Callable[[datetime], bool] | None
    since: date | None
    tiers: tuple[tuple[int, TokenRates], ...]

    def for_input(self, input_tokens: int) -> TokenRates:
        """Returns the rates for a call with *input_tokens*."""
        if len(self.tiers) > 1:
            for threshold, rates in reversed(self.tiers):
                if input_tokens > threshold:
                    return rates
        return self.tiers[0][1]


@dataclass(frozen=True, slots=True)
class ModelRates:
    """All price lists of one model, the earliest first; if several are valid, the last one counts."""

    lists: tuple[DatedRates, ...]

    def at(self, moment: datetime) -> DatedRates:
        """Returns the list that is valid at *moment*."""
        for one in reversed(self.lists):
            if one.holds is None or one.holds(moment):
                return one
        return self.lists[0]
