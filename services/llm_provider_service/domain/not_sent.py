"""Attempts that were not made, because our own limits were in the way."""

from __future__ import annotations

from typing import ClassVar

from common_core.llm_attempts import AttemptOutcome, SkipReason
from services.llm_provider_service.domain.provider_failure import ProviderFailure


class NotSent(ProviderFailure):
    """The call was not made; costs nothing and says nothing about the vendor.

    `skip_reason` is what the caller is told; that of the class itself is the vendor's wish to be left alone.
    """

    outcome = AttemptOutcome.NOT_SENT
    skip_reason: ClassVar[SkipReason] = SkipReason.COOLING


class CircuitOpen(NotSent):
    """A breaker is open or its one probe is out; `retry_after` is when the next probe may go."""

    skip_reason = SkipReason.BREAKER_OPEN


class SwitchedOff(NotSent):
    """An operator has switched the account off since the plan was made."""

    skip_reason = SkipReason.SWITCHED_OFF


class CapacityExhausted(NotSent):
    """All of this account's slots are taken."""

    skip_reason = SkipReason.NO_SLOT


class GatewayExhausted(CapacityExhausted):
    """All of the gateway's own slots are taken, whoever is asked."""

    fails_over = False
