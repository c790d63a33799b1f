"""Money: US dollars as exact decimals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from common_core.llm_contracts import PricingStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Cost of one upstream call; `usd` is `None` exactly when the status is unpriced."""

    usd: Decimal | None
    status: PricingStatus
    price_version: str | None = None


UNPRICED = Cost(usd=None, status=PricingStatus.UNPRICED)
FREE = Cost(usd=Decimal(0), status=PricingStatus.FREE)


def decimal_text(amount: Decimal) -> str:
    """Returns *amount* exactly, without exponent and without trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def total_cost(costs: Sequence[Cost]) -> Cost:
    """Returns the sum; it is unpriced if one part is unpriced, and free only if every part is free."""
    if len(costs) == 1:
        return costs[0]
    if not costs or any(cost.usd is None for cost in costs):
        return UNPRICED
    status = PricingStatus.FREE if all(cost.status is PricingStatus.FREE for cost in costs) else PricingStatus.PRICED
    usd = sum((cost.usd for cost in costs if cost.usd is not None), Decimal(0))
    return Cost(usd=usd, status=status, price_version=costs[-1].price_version)
