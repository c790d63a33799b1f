"""Messages about circuit breakers and cooldowns: how this replica writes them, and how it uses those of others."""

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
# A shorter cooldown is over before all replicas know of it.
SHORTEST_SECONDS = 1.0


class AccountNames:
    """Names of our accounts that are the same in every replica, because they are made from the API keys.

    A vendor limits accounts, not replicas. A name is 32 bits of a hash: enough to distinguish keys, and too little to
    find a key or to confirm a guess.
    """

    def __init__(self, accounts: ProviderAccounts) -> None:
        self._accounts = accounts
        self._now: AccountsNow | None = None
        self._names: dict[AccountKey, str] = {}
        self._keys: dict[tuple[LLMProviderType, str], AccountKey] = {}

    def name_of(self, key: AccountKey) -> str:
        """Returns the shared name of an account; empty for one that is not live."""
        return self._current().get(key, "")

    def account(self, provider: LLMProviderType, name: str) -> AccountKey | None:
        """Returns our account with that shared name; `None` if there is none."""
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
    """Returns the shared name of the account of *api_key*."""
    return sha256(f"cooldown:{provider}:{api_key or ''}".encode()).hexdigest()[:8]


def about_cooldown(target: Target, seconds: float, account: str) -> Mapping[str, str] | None:
    """Returns the message about a cooldown of *target*; `None` if it is too short to report."""
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
    """Returns the message that a breaker opened or closed; `None` for a probe, whose result is still open."""
    named = {"provider": key.provider.value, "account": account} | ({} if key.model is None else {"model": key.model})
    if transition.current is CircuitBreakerState.OPEN:
        return {"what": OPEN, **named, "seconds": f"{transition.retry_in_seconds:.3f}"}
    return {"what": CLOSED, **named} if transition.current is CircuitBreakerState.CLOSED else None


class PeerReportListener:
    """Applies cooldowns of our own accounts, because they come from the vendor; other breakers are only advice.

    A message of an older version names no account. Its cooldown is ignored, because it could be about any key: at worst
    a vendor has to repeat it. Its breaker counts as that of the default account.
    """

    def __init__(
        self, peer_reports: PeerReports, cooldowns: Cooldowns, slow_start: SlowStart, names: AccountNames
    ) -> None:
        self._peer_reports = peer_reports
        self._cooldowns = cooldowns
        self._slow_start = slow_start
        self._names = names

    def told(self, message: Mapping[str, str], age_seconds: float) -> None:
        """Apply *message*, sent *age_seconds* ago; ignores messages of other versions that it cannot read."""
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
        """Start the cooldown, and a slow start after it: for the vendor, all replicas together are one client."""
        if self._cooldowns.learn(target, left):
            self._slow_start.restart(target)
