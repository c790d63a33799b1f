"""The two circuit breakers of each call: the target's, and the account's, which all models of the account share."""

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
    """Names a breaker: an account's own if `model` is None, else that of one of its models."""

    provider: LLMProviderType
    account: str
    model: str | None


class TargetPermit:
    """Permission of both breakers for one call; only the first of `succeed`, `abandon` and `fail` counts."""

    __slots__ = ("_of_account", "_of_target", "generation")

    def __init__(self, of_account: Permit, of_target: Permit) -> None:
        self._of_account = of_account
        self._of_target = of_target
        self.generation = of_target.generation

    def succeed(self) -> None:
        """Record that the call was answered."""
        self._of_account.succeed()
        self._of_target.succeed()

    def abandon(self) -> None:
        """Give the permits back without a result: the call says nothing about target or account."""
        self._of_account.abandon()
        self._of_target.abandon()

    def fail(self, failure: ProviderFailure) -> None:
        """Count *failure* in the breaker that its class names; an answer shows that the vendor can be reached."""
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
    """Gives out permits for targets; breakers are created on first use, and their registry evicts them."""

    def __init__(
        self, registry: CircuitBreakerRegistry[BreakerKey], *, of_target: BreakerPolicy, of_account: BreakerPolicy
    ) -> None:
        self._registry = registry
        self._target_policy = of_target
        self._account_policy = of_account

    @property
    def all_closed(self) -> bool:
        """Returns whether all breakers are closed, so that every target would be admitted."""
        return not self._registry.not_closed

    def acquire(self, target: Target) -> TargetPermit:
        """Returns a permit for one call to *target*; raises `CircuitOpen`."""
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
        """Returns whether `acquire` would succeed now."""
        return self._of_account(target.account_key).would_admit() and self._of_target(target).would_admit()

    def opens_in(self, target: Target) -> float:
        """Seconds until a call to *target* may be tried; 0 if it may be tried now."""
        return max(
            self._of_account(target.account_key).snapshot().retry_in_seconds,
            self._of_target(target).snapshot().retry_in_seconds,
        )

    def count_failed_request(self, target: Target, generation: int) -> None:
        """Count one request that gave up on *target*; *generation* is that of its last permit."""
        self._of_target(target).count_failed_request(generation)

    def snapshots(self) -> dict[BreakerKey, BreakerSnapshot]:
        """Returns snapshots of all breakers of this process."""
        return self._registry.snapshots()

    def _of_account(self, key: AccountKey) -> CircuitBreaker:
        return self._registry.get(BreakerKey(*key, None), self._account_policy)

    def _of_target(self, target: Target) -> CircuitBreaker:
        return self._registry.get(BreakerKey(target.provider, target.account, target.model), self._target_policy)
