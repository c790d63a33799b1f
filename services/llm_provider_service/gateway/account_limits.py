"""Concurrency limits of the accounts; each follows its account's present setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from services.llm_provider_service.domain.target import DEFAULT_ACCOUNT, AccountKey
from services.llm_provider_service.resilience.admission import AdmissionPolicy
from services.llm_provider_service.resilience.concurrency_limit import ConcurrencyLimit
from services.llm_provider_service.settings.accounts import AccountsNow, ProviderAccount, ProviderAccounts


class MakesLimit(Protocol):
    """Makes a limit that appears in the metrics under *name*."""

    def __call__(self, name: str, policy: AdmissionPolicy) -> ConcurrencyLimit: ...


class AccountLimits:
    """One limit for each account that was ever live; a change of the account resizes it.

    *policy_of* gives the number of slots and waiting places. A limit is kept after its account is gone: calls that
    still run return their slots to it.
    """

    def __init__(
        self, accounts: ProviderAccounts, make: MakesLimit, policy_of: Callable[[ProviderAccount], AdmissionPolicy]
    ) -> None:
        self._accounts = accounts
        self._make = make
        self._policy_of = policy_of
        self._limits: dict[AccountKey, ConcurrencyLimit] = {}
        self._seen: AccountsNow | None = None
        self._adjust()

    def __getitem__(self, key: AccountKey) -> ConcurrencyLimit:
        """Returns the limit of an account that is or was live."""
        if self._accounts.now is not self._seen:
            self._adjust()
        return self._limits[key]

    def get(self, key: AccountKey) -> ConcurrencyLimit | None:
        """Returns the limit of an account; `None` for one that was never live."""
        return self._limits.get(key)

    def _adjust(self) -> None:
        self._seen = self._accounts.now
        for account in self._seen.live:
            policy = self._policy_of(account)
            limit = self._limits.get(account.key)
            if limit is None:
                self._limits[account.key] = self._make(label_of(account.key), policy)
            else:
                limit.resize(policy)


def label_of(key: AccountKey) -> str:
    """Returns an account's name in metrics: the default account has the name of its provider."""
    provider, name = key
    return provider.value if name == DEFAULT_ACCOUNT else f"{provider.value}:{name}"
