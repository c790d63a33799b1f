"""Attempts that were not made, because our own limits were in the way."""

from __future__ import annotations

from common_core.llm_attempts import AttemptOutcome
from services.llm_provider_service.domain.provider_failure import ProviderFailure


class NotSent(ProviderFailure):
    """The call was not made; costs nothing and says nothing about the vendor."""

    outcome = AttemptOutcome.NOT_SENT


class CircuitOpen(NotSent):
    """A breaker is open or its one probe is out; `retry_after` is when the next probe may go."""


class SwitchedOff(NotSent):
    """An operator has switched the account off since the plan was made."""


class CapacityExhausted(NotSent):
    """All of this provider's slots are taken."""


class GatewayExhausted(CapacityExhausted):
    """All of the gateway's own slots are taken, whoever is asked."""

    fails_over = False
