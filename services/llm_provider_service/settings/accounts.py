"""The accounts through which vendors are called, and their present state.

Everything that an operator may change while the service runs (key, address, switches, weight, limits) is read from here
for every call. Each change makes a new generation; generation 0 comes from the environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import SecretStr

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import DEFAULT_ACCOUNT, AccountKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccount:
    """One account at one vendor.

    `configured`: it has all that it needs to be called. `switched_off`: it is configured, but an operator switched it
    off. `headers` are sent with each request. `max_concurrent` is the limit of running calls in this process; `weight`
    (≥ 1) is its share under the strategy weighted.
    """

    provider: LLMProviderType
    name: str = DEFAULT_ACCOUNT
    enabled: bool = True
    configured: bool = True
    switched_off: bool = False
    api_key: SecretStr | None = None
    base_url: str = ""
    default_model: str = ""
    allow_private: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    weight: int = 1
    max_concurrent: int = 1

    @property
    def key(self) -> AccountKey:
        """Returns the key of this account."""
        return self.provider, self.name

    @property
    def live(self) -> bool:
        """Returns whether requests may use it."""
        return self.enabled and self.configured

    @property
    def secret(self) -> str | None:
        """Returns the API key as plain text, for request headers and for removing it from texts."""
        return None if self.api_key is None else self.api_key.get_secret_value()


@dataclass(frozen=True, slots=True)
class AccountsNow:
    """All accounts at one moment, by priority, the highest first.

    `live` may be called; `switched_off` could be, but their operator switched them off.
    """

    generation: int
    everybody: tuple[ProviderAccount, ...]
    live: tuple[ProviderAccount, ...]
    switched_off: tuple[ProviderAccount, ...]
    live_by_key: Mapping[AccountKey, ProviderAccount]
    live_providers: Mapping[LLMProviderType, tuple[ProviderAccount, ...]]

    @classmethod
    def of(cls, accounts: Iterable[ProviderAccount], generation: int) -> AccountsNow:
        """Returns the state for *accounts*, which are in their order of priority."""
        everybody = tuple(accounts)
        live = tuple(one for one in everybody if one.live)
        providers: dict[LLMProviderType, tuple[ProviderAccount, ...]] = {}
        for one in live:
            providers[one.provider] = (*providers.get(one.provider, ()), one)
        by_key = MappingProxyType({one.key: one for one in live})
        switched_off = tuple(one for one in everybody if one.switched_off)
        return cls(generation, everybody, live, switched_off, by_key, MappingProxyType(providers))


class ProviderAccounts:
    """The table of accounts; read `now` for each decision and do not keep it longer."""

    def __init__(self, accounts: Sequence[ProviderAccount]) -> None:
        self.now = AccountsNow.of(accounts, 0)

    def replace(self, accounts: Sequence[ProviderAccount]) -> int:
        """Use these accounts from now on; returns the new generation. Running calls end with what they started with."""
        self.now = AccountsNow.of(accounts, self.now.generation + 1)
        return self.now.generation
