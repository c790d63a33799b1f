"""Messages about breakers and cooldowns: what this replica sends, and what it does with those it receives."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from common_core.config_enums import LLMProviderType
from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.circuit_breaker import Transition
from services.llm_provider_service.domain.target import DEFAULT_ACCOUNT, AccountKey, Target
from services.llm_provider_service.resilience.breakers import BreakerKey
from services.llm_provider_service.resilience.cooldowns import LONGEST_SECONDS, Cooldowns
from services.llm_provider_service.resilience.peer_reports import PeerReports, ReportKey
from services.llm_provider_service.resilience.slow_start import SlowStart
from services.llm_provider_service.settings.accounts import AccountsNow, ProviderAccounts

COOL, OPEN, CLOSED = "cool", "open", "closed"
# Below this, a cooldown is over before everybody has heard of it.
SHORTEST_SECONDS = 1.0


class AccountNames:
    """Names of our accounts that other replicas know too, because they come from the keys.

    A vendor limits accounts, not askers. A name is 32 bits of a hash: enough to tell two keys apart, and too little to
    find a key or to confirm a guess.
    """

    def __init__(self, accounts: ProviderAccounts) -> None:
        self._accounts = accounts
        self._now: AccountsNow | None = None
        self._names: dict[AccountKey, str] = {}
        self._keys: dict[tuple[LLMProviderType, str], AccountKey] = {}

    def name_of(self, key: AccountKey) -> str:
        """The shared name of an account; empty for one that is not live."""
        return self._current().get(key, "")

    def account(self, provider: LLMProviderType, name: str) -> AccountKey | None:
        """Our account of that shared name; `None` where we have no such."""
        self._current()
        return self._keys.get((provider, name))

    def _current(self) -> dict[AccountKey, str]:
        now = self._accounts.now
        if now is not self._now:
            self._now = now
            self._names = {one.key: shared_name(one.provider, one.secret) for one in now.live}
            self._keys = {(provider, name): (provider, own) for (provider, own), name in self._names.items()}
        return self._names


def shared_name(provider: LLMProviderType, api_key: str | None) -> str:
    """The name of the account that *api_key* belongs to."""
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


def about_breaker(key: BreakerKey, transition: Transition, account: str) -> Mapping[str, str] | None:
    """The message that a breaker of *account* has opened or closed; `None` for a probe, which says nothing yet."""
    named = {"provider": key.provider.value, "account": account} | ({} if key.model is None else {"model": key.model})
    if transition.current is CircuitBreakerState.OPEN:
        return {"what": OPEN, **named, "seconds": f"{transition.retry_in_seconds:.3f}"}
    return {"what": CLOSED, **named} if transition.current is CircuitBreakerState.CLOSED else None


class PeerReportListener:
    """Believes cooldowns of its own accounts, which are the vendor's word, and takes another's breaker as advice.

    A message of an older version names no account. It could be about any key, so it cools nobody: at worst a vendor
    says once more what it has said. Its breaker is taken for that of the default account.
    """

    def __init__(
        self, peer_reports: PeerReports, cooldowns: Cooldowns, slow_start: SlowStart, names: AccountNames
    ) -> None:
        self._peer_reports = peer_reports
        self._cooldowns = cooldowns
        self._slow_start = slow_start
        self._names = names

    def told(self, message: Mapping[str, str], age_seconds: float) -> None:
        """*message* was sent *age_seconds* ago; what cannot be read comes from another version and is left."""
        try:
            provider, model = LLMProviderType(message["provider"]), message.get("model")
            left = float(message.get("seconds", "0")) - age_seconds
        except (KeyError, ValueError):
            return
        named = message.get("account")
        account = None if named is None else self._names.account(provider, named)
        if message.get("what") == COOL:
            if account is not None and model is not None and 0 < left <= LONGEST_SECONDS:
                self._learn_cooldown(Target(provider, model, account[1]), left)
        elif named is None or account is not None:
            self._learn_breaker(message.get("what"), (*(account or (provider, DEFAULT_ACCOUNT)), model), left)

    def _learn_breaker(self, what: str | None, key: ReportKey, left: float) -> None:
        if what == CLOSED:
            self._peer_reports.forget(key)
        elif what == OPEN and 0 < left <= LONGEST_SECONDS:
            self._peer_reports.learn(key, left)

    def _learn_cooldown(self, target: Target, left: float) -> None:
        """Who waited by another's word comes back slowly too: the vendor does not see two replicas, but their sum."""
        if self._cooldowns.learn(target, left):
            self._slow_start.restart(target)
