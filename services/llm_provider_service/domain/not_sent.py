"""Failures for calls that were not made, because one of our own limits prevented them."""

from __future__ import annotations

from typing import ClassVar

from common_core.llm_attempts import AttemptOutcome, SkipReason
from services.llm_provider_service.domain.provider_failure import ProviderFailure


class NotSent(ProviderFailure):
    """The call was not made; it costs nothing and says nothing about the vendor.

    `skip_reason` is the reason that the caller is told; on this base class it is the target's cooldown.
    """

    outcome = AttemptOutcome.NOT_SENT
    skip_reason: ClassVar[SkipReason] = SkipReason.COOLING


class CircuitOpen(NotSent):
    """A circuit breaker is open, or its one probe is running; `retry_after` is the time until the next probe."""

    skip_reason = SkipReason.BREAKER_OPEN


class SwitchedOff(NotSent):
    """An operator has switched the account off after the plan was made."""

    skip_reason = SkipReason.SWITCHED_OFF


class CapacityExhausted(NotSent):
    """All slots of this account are taken."""

    skip_reason = SkipReason.NO_SLOT


class GatewayExhausted(CapacityExhausted):
    """All slots of the gateway itself are taken; another provider would not help."""

    fails_over = False
