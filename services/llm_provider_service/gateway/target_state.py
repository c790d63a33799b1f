"""What this process knows of each target: breakers, cooldowns, limits. The planner reads it, attempts update it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.resilience.breakers import ProviderBreakers
from services.llm_provider_service.resilience.cooldowns import Cooldowns
from services.llm_provider_service.resilience.peer_reports import PeerReports
from services.llm_provider_service.resilience.retry_budget import RetryBudget
from services.llm_provider_service.resilience.slow_start import SlowStart
from services.llm_provider_service.routing.scoreboard import Scoreboard


class RetryBudgets(dict[LLMProviderType, RetryBudget]):
    """The retry budget of each provider, created on first use; *watched* is called with each new one."""

    def __init__(
        self,
        providers: Iterable[LLMProviderType],
        watched: Callable[[LLMProviderType, RetryBudget], object],
    ) -> None:
        super().__init__()
        self._watched = watched
        for provider in providers:
            self[provider]

    def __missing__(self, provider: LLMProviderType) -> RetryBudget:
        budget = self[provider] = RetryBudget()
        self._watched(provider, budget)
        return budget


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """The state that one process keeps; retry budgets are per provider, the rest per target."""

    breakers: ProviderBreakers
    cooldowns: Cooldowns
    budgets: RetryBudgets
    slow_start: SlowStart
    scoreboard: Scoreboard
    peer_reports: PeerReports

    @property
    def all_available(self) -> bool:
        """Returns whether every target is available: breakers closed, no cooldown, no report from another replica."""
        return self.cooldowns.none and self.peer_reports.none and self.breakers.all_closed

    def is_unrestricted(self, target: Target) -> bool:
        """Returns whether calls to *target* wait for slots only: it is neither in cooldown nor in slow start."""
        return not (self.slow_start.limits(target) or self.cooldowns.remaining(target) > 0)

    def available(self, target: Target) -> bool:
        """Returns whether a call to *target* could start now, and no other replica reports a problem."""
        return self.avoid_seconds(target) == 0 and self.breakers.would_admit(target)

    def avoid_seconds(self, target: Target) -> float:
        """Seconds for which another target is preferred, because of a cooldown or a report from another replica."""
        return max(self.cooldowns.remaining(target), self.peer_reports.remaining(target))

    def available_in(self, target: Target) -> float:
        """Seconds until a call to *target* may start; 0 if it may start now."""
        return max(self.cooldowns.remaining(target), self.breakers.opens_in(target))
