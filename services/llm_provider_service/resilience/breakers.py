"""The breakers of one call: the target's, and its account's own, which all its models share."""

from __future__ import annotations

from typing import NamedTuple

from common_core.config_enums import LLMProviderType
from common_core.llm_attempts import Billed
from huleedu_service_libs.resilience.breaker_registry import CircuitBreakerRegistry
from huleedu_service_libs.resilience.circuit_breaker import (
    BreakerPolicy,
    BreakerSnapshot,
    CircuitBreaker,
    CircuitOpenError,
    Permit,
)
from services.llm_provider_service.domain.failures import ProviderTimeout
from services.llm_provider_service.domain.not_sent import CircuitOpen
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.target import AccountKey, Target


class BreakerKey(NamedTuple):
    """Whose breaker it is: an account's own where `model` is None, else that of one of its models."""

    provider: LLMProviderType
    account: str
    model: str | None


class TargetPermit:
    """Leave of both breakers for one call; settled once, by whichever of the three comes first."""

    __slots__ = ("_of_account", "_of_target", "generation")

    def __init__(self, of_account: Permit, of_target: Permit) -> None:
        self._of_account = of_account
        self._of_target = of_target
        self.generation = of_target.generation

    def succeed(self) -> None:
        """The call was answered."""
        self._of_account.succeed()
        self._of_target.succeed()

    def abandon(self) -> None:
        """The call says nothing about anybody."""
        self._of_account.abandon()
        self._of_target.abandon()

    def fail(self, failure: ProviderFailure) -> None:
        """Count *failure* where its class says; a vendor that answered at all is reachable."""
        if isinstance(failure, ProviderTimeout) and not failure.own_limit:
            self.abandon()
        elif failure.trips_provider:
            self._of_account.fail(failure.outcome, open_now=failure.opens_at_once)
            self._of_target.abandon()
        elif failure.trips_breaker:
            self._settle_provider(failure)
            self._of_target.fail(failure.outcome)
        else:
            self._settle_provider(failure)
            self._of_target.abandon()

    def _settle_provider(self, failure: ProviderFailure) -> None:
        if failure.status is not None or failure.billed is Billed.YES:
            self._of_account.succeed()
        else:
            self._of_account.abandon()


class ProviderBreakers:
    """Hands out permits for targets; breakers are created on first use and evicted by their registry."""

    def __init__(
        self, registry: CircuitBreakerRegistry[BreakerKey], *, of_target: BreakerPolicy, of_account: BreakerPolicy
    ) -> None:
        self._registry = registry
        self._target_policy = of_target
        self._account_policy = of_account

    @property
    def all_closed(self) -> bool:
        """Whether every target and account would be admitted."""
        return not self._registry.not_closed

    def acquire(self, target: Target) -> TargetPermit:
        """Leave for one call to *target*; raises `CircuitOpen`."""
        try:
            key = BreakerKey(target.provider, target.account, None)
            of_account = self._registry.get(key, self._account_policy).acquire()
        except CircuitOpenError as error:
            raise CircuitOpen("the provider's circuit breaker is open", retry_after=error.retry_in_seconds) from None
        try:
            key = BreakerKey(target.provider, target.account, target.model)
            return TargetPermit(of_account, self._registry.get(key, self._target_policy).acquire())
        except CircuitOpenError as error:
            of_account.abandon()
            raise CircuitOpen("the model's circuit breaker is open", retry_after=error.retry_in_seconds) from None

    def would_admit(self, target: Target) -> bool:
        """Whether `acquire` would succeed now."""
        return self._of_account(target.account_key).would_admit() and self._of_target(target).would_admit()

    def opens_in(self, target: Target) -> float:
        """Seconds until a call to *target* may be tried; 0 when it may now."""
        return max(
            self._of_account(target.account_key).snapshot().retry_in_seconds,
            self._of_target(target).snapshot().retry_in_seconds,
        )

    def count_failed_request(self, target: Target, generation: int) -> None:
        """One request gave up on *target*; *generation* is that of its last permit."""
        self._of_target(target).count_failed_request(generation)

    def snapshots(self) -> dict[BreakerKey, BreakerSnapshot]:
        """All breakers of this process."""
        return self._registry.snapshots()

    def _of_account(self, key: AccountKey) -> CircuitBreaker:
        return self._registry.get(BreakerKey(*key, None), self._account_policy)

    def _of_target(self, target: Target) -> CircuitBreaker:
        return self._registry.get(BreakerKey(target.provider, target.account, target.model), self._target_policy)
