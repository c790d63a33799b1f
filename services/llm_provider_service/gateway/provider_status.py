"""The present state of the providers: worst breaker, cooldowns, last failure, and whether one can be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from common_core.config_enums import LLMProviderType
from common_core.llm_status_contracts import ProviderCooldown, ProviderFailureReport, ProviderStatus
from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.circuit_breaker import BreakerSnapshot
from services.llm_provider_service.domain.target import AccountKey, Target
from services.llm_provider_service.gateway.account_limits import AccountLimits
from services.llm_provider_service.gateway.attempt_log import LastFailure
from services.llm_provider_service.gateway.health_of_workers import worst_state
from services.llm_provider_service.gateway.target_state import TargetState
from services.llm_provider_service.resilience.breakers import BreakerKey
from services.llm_provider_service.settings.accounts import ProviderAccount, ProviderAccounts


class ProviderStatuses:
    """Reads the state from its parts and stores nothing. *wall_clock* is in Unix seconds."""

    def __init__(
        self,
        accounts: ProviderAccounts,
        targets: TargetState,
        concurrency: AccountLimits,
        last_failures: Mapping[LLMProviderType, LastFailure],
        *,
        wall_clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._targets = targets
        self._concurrency = concurrency
        self._last_failures = last_failures
        self._wall_clock = wall_clock

    def all(self) -> dict[LLMProviderType, ProviderStatus]:
        """Returns every provider, in order of priority; the mock only in mock mode."""
        found: dict[LLMProviderType, list[ProviderAccount]] = {}
        for account in self._accounts.now.everybody:
            found.setdefault(account.provider, []).append(account)
        states = self._states()
        return {provider: self._status(accounts, states) for provider, accounts in found.items()}

    def unreachable(self) -> list[LLMProviderType]:
        """Returns the live providers of which no account can be asked now, if no model is named."""
        snapshots = self._targets.breakers.snapshots()
        return [
            provider
            for provider, accounts in self._accounts.now.live_providers.items()
            if not any(self._can_be_asked(account, snapshots) for account in accounts)
        ]

    def _can_be_asked(self, account: ProviderAccount, snapshots: Mapping[BreakerKey, BreakerSnapshot]) -> bool:
        """Returns whether the account's default model has neither an open breaker nor a cooldown."""
        model = account.default_model
        if self._targets.cooldowns.remaining(Target(account.provider, model, account.name)) > 0:
            return False
        known = (snapshots.get(BreakerKey(*account.key, which)) for which in (None, model))
        return all(one is None or one.state is CircuitBreakerState.CLOSED for one in known)

    def _states(self) -> dict[AccountKey, list[CircuitBreakerState]]:
        """Returns the states of all breakers by account."""
        found: dict[AccountKey, list[CircuitBreakerState]] = {}
        for key, snapshot in self._targets.breakers.snapshots().items():
            found.setdefault((key.provider, key.account), []).append(snapshot.state)
        return found

    def _status(
        self, accounts: Sequence[ProviderAccount], states: Mapping[AccountKey, Sequence[CircuitBreakerState]]
    ) -> ProviderStatus:
        provider = accounts[0].provider
        limits = filter(None, (self._concurrency.get(account.key) for account in accounts))
        of_all = [state for account in accounts for state in states.get(account.key, ())]
        return ProviderStatus(
            provider=provider,
            enabled=any(account.enabled for account in accounts),
            configured=any(account.configured for account in accounts),
            default_model=accounts[0].default_model,
            circuit_breaker_state=worst_state([CircuitBreakerState.CLOSED, *of_all]),
            in_flight=sum(limit.held for limit in limits),
            cooldowns=self._cooldowns(provider),
            last_failure=self._last_failure(provider),
        )

    def _cooldowns(self, provider: LLMProviderType) -> list[ProviderCooldown]:
        return [
            ProviderCooldown(model=target.model, account=target.account, until=self._as_date(seconds))
            for target, seconds in self._targets.cooldowns.cooling().items()
            if target.provider is provider
        ]

    def _last_failure(self, provider: LLMProviderType) -> ProviderFailureReport | None:
        last = self._last_failures.get(provider)
        if last is None:
            return None
        at = datetime.fromtimestamp(last.at, UTC).isoformat()
        return ProviderFailureReport(model=last.target.model, account=last.target.account, outcome=last.outcome, at=at)

    def _as_date(self, seconds: float) -> str:
        """Returns the date *seconds* from now."""
        return datetime.fromtimestamp(self._wall_clock() + seconds, UTC).isoformat()
