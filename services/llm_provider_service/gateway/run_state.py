"""What one order has gone through so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from common_core.llm_attempts import AttemptOutcome
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.completion import CompletionRequest
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.skipped import Skipped
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.resilience.admission import ShedReason
from services.llm_provider_service.resilience.deadline import Deadline

PAID = frozenset({AttemptOutcome.SUCCESS, AttemptOutcome.REJECTED})


class HungUp(Exception):
    """The caller has gone, and the call that was under way brought no answer."""


@dataclass(slots=True, kw_only=True)
class Run:
    """The state of one order on its way; mutable, and owned by one task.

    `leads`: others may wait for its answer. `calling` is true while an upstream call is under way, `answered` once one
    has brought the answer: what was paid for is finished, and kept, even if the caller has hung up. `paid` are those of
    `attempts` whose answer came. `skipped` are those whom the plan left out. `shed` is why there was no slot, for a run
    that ends because there was none.
    """

    order: CompletionOrder
    deadline: Deadline
    request: CompletionRequest
    skipped: tuple[Skipped, ...] = ()
    attempts: list[Attempt] = field(default_factory=list)
    paid: list[Attempt] = field(default_factory=list)
    failures: list[tuple[Target, ProviderFailure]] = field(default_factory=list)
    calls: int = 0
    leads: bool = False
    calling: bool = False
    answered: bool = False
    hung_up: bool = False
    asked_again: bool = False
    breaker_generation: int = 0
    shed: ShedReason = ShedReason.PROVIDER_SLOTS

    def has_hung_up(self) -> bool:
        """Whether the caller has gone."""
        return self.hung_up

    def add(self, attempt: Attempt) -> None:
        """Write *attempt* down; only those that were sent count against the request's limit."""
        self.attempts.append(attempt)
        if attempt.outcome in PAID:
            self.paid.append(attempt)
        if attempt.outcome is not AttemptOutcome.NOT_SENT:
            self.calls += 1
