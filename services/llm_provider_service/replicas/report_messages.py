"""Breakers and cooldowns between replicas: what is told of them, and what is made of what others tell."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from common_core.config_enums import LLMProviderType
from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.circuit_breaker import Transition
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.resilience.breakers import BreakerKey
from services.llm_provider_service.resilience.cooldowns import LONGEST_SECONDS, Cooldowns
from services.llm_provider_service.resilience.peer_reports import PeerReports
from services.llm_provider_service.resilience.slow_start import SlowStart

COOL, OPEN, CLOSED = "cool", "open", "closed"
# Below this, a cooldown is over before everybody has heard of it.
SHORTEST_SECONDS = 1.0


# The account of each provider that this replica asks, as `account_of` names it.
Accounts = Mapping[LLMProviderType, str]


def account_of(provider: LLMProviderType, api_key: str | None) -> str:
    """A name for the account that *api_key* belongs to, as a vendor limits accounts, not askers.

    It is 32 bits of a hash: enough to tell two keys apart, and too little to find a key or to confirm a guess.
    """
    return sha256(f"cooldown:{provider}:{api_key or ''}".encode()).hexdigest()[:8]


def about_cooldown(target: Target, seconds: float, account: str) -> Mapping[str, str] | None:
    """The message that *target* cools down for *account*; `None` if that is not worth one."""
    if seconds < SHORTEST_SECONDS:
        return None
    return {
        "what": COOL,
        "provider": target.provider,
        "model": target.model,
        "account": account,
        "seconds": f"{seconds:.3f}",
    }


def about_breaker(key: BreakerKey, transition: Transition) -> Mapping[str, str] | None:
    """The message that a breaker has opened or closed; `None` for a probe, which says nothing yet."""
    provider, model = key
    named = {"provider": provider.value} if model is None else {"provider": provider.value, "model": model}
    if transition.current is CircuitBreakerState.OPEN:
        return {"what": OPEN, **named, "seconds": f"{transition.retry_in_seconds:.3f}"}
    return {"what": CLOSED, **named} if transition.current is CircuitBreakerState.CLOSED else None


class PeerReportListener:
    """Believes cooldowns of its own accounts, which are the vendor's word, and takes another's breaker as advice.

    A message of an older version names no account. It could be about any key, so it cools nobody: at worst a vendor
    says once more what it has said.
    """

    def __init__(
        self, peer_reports: PeerReports, cooldowns: Cooldowns, slow_start: SlowStart, accounts: Accounts
    ) -> None:
        self._peer_reports = peer_reports
        self._cooldowns = cooldowns
        self._slow_start = slow_start
        self._accounts = accounts

    def told(self, message: Mapping[str, str], age_seconds: float) -> None:
        """*message* was sent *age_seconds* ago; what cannot be read comes from another version and is left."""
        try:
            provider, model = LLMProviderType(message["provider"]), message.get("model")
            left = float(message.get("seconds", "0")) - age_seconds
        except (KeyError, ValueError):
            return
        what = message.get("what")
        if what == CLOSED:
            self._peer_reports.forget((provider, model))
        elif not 0 < left <= LONGEST_SECONDS:
            return
        elif what == OPEN:
            self._peer_reports.learn((provider, model), left)
        elif what == COOL and model is not None and message.get("account", "") == self._accounts.get(provider):
            self._learn_cooldown(Target(provider, model), left)

    def _learn_cooldown(self, target: Target, left: float) -> None:
        """Who waited by another's word comes back slowly too: the vendor does not see two replicas, but their sum."""
        if self._cooldowns.learn(target, left):
            self._slow_start.restart(target)
