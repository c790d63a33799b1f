"""Who could answer one request, with all that routing may know about each."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.llm_provider_service.domain.model import Unsupported
from services.llm_provider_service.domain.target import Target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """One target as it stands at the moment of planning; equal only to itself, which keeps planning cheap.

    `canonical` names the same weights at every provider. `weight` is ≥ 1; `priority` is lower for whoever comes
    first. `refusals` are the things the caller gave that this model cannot honour. `expected_cost` is what this
    request would cost in USD, `None` where no price is known. `enabled` is the operator's switch. `ready` says that
    both breakers would admit a call; `opens_in_seconds` is when they will again, `None` where nobody can say.
    `cooling_seconds` is what is left of a 429's cooldown, 0 when there is none.
    """

    target: Target
    canonical: str
    known: bool = True
    weight: int = 1
    priority: int = 0
    refusals: tuple[Unsupported, ...] = ()
    expected_cost: Decimal | None = None
    enabled: bool = True
    ready: bool = True
    opens_in_seconds: float | None = None
    cooling_seconds: float = 0.0

    @property
    def available(self) -> bool:
        """Whether a call may go out now."""
        return self.ready and self.cooling_seconds <= 0.0
