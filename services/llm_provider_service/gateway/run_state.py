"""The state of one order while it is processed: attempts, failures, and what its caller does."""

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
    """The caller has disconnected, and the running call brought no answer."""


@dataclass(slots=True, kw_only=True)
class Run:
    """The state of one order; mutable, and owned by one task.

    `leads`: other requests may wait for its answer (single flight). `calling`: an upstream call is running. `answered`:
    a call has brought the answer. In both cases the work is finished and the answer kept, even if the caller has
    disconnected, because it may be paid for. `paid` are the `attempts` whose answer came. `skipped` are the candidates
    that the plan left out. `shed` is the reason if the run ends because no slot was free.
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
        """Returns whether the caller has disconnected."""
        return self.hung_up

    def add(self, attempt: Attempt) -> None:
        """Record *attempt*; only attempts that were sent count against the request's limit."""
        self.attempts.append(attempt)
        if attempt.outcome in PAID:
            self.paid.append(attempt)
        if attempt.outcome is not AttemptOutcome.NOT_SENT:
            self.calls += 1
