"""A candidate for one request, with the facts that routing may use."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.llm_provider_service.domain.model import Unsupported
from services.llm_provider_service.domain.target import Target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """One target at the moment of planning; it is equal only to itself, which keeps planning cheap.

    `canonical` is the same name for the same weights at every provider. `weight` is ≥ 1; the lowest `priority` comes
    first. `refusals` are the parameters that the caller gave and this model cannot accept. `too_small`: the request is
    certainly longer than the model's context window. `expected_cost` is the
    expected price of this request in USD, `None` if no price is known. `enabled` is the operator's switch. `ready`:
    both breakers would admit a call; `opens_in_seconds` is the time until they will, `None` if unknown.
    `cooling_seconds` is the rest of a 429's cooldown, 0 if there is none.
    """

    target: Target
    canonical: str
    known: bool = True
    weight: int = 1
    priority: int = 0
    refusals: tuple[Unsupported, ...] = ()
    too_small: bool = False
    expected_cost: Decimal | None = None
    enabled: bool = True
    ready: bool = True
    opens_in_seconds: float | None = None
    cooling_seconds: float = 0.0

    @property
    def available(self) -> bool:
        """Returns whether a call may be made now."""
        return self.ready and self.cooling_seconds <= 0.0
