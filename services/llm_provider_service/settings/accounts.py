"""The accounts through which vendors are asked, as they are now.

What an operator may change while the service runs (key, address, switches, weight, limits) is read from here for every
call. Each change is a generation; generation 0 is what the environment says.
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

    `configured`: it has what it needs to be asked. `switched_off`: an operator has said so, though it is configured.
    `headers` go with each request. `max_concurrent` is how many calls this process may have under way; `weight` (≥ 1)
    is its share under the strategy weighted.
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
        """Which account it is."""
        return self.provider, self.name

    @property
    def live(self) -> bool:
        """Whether requests may go there."""
        return self.enabled and self.configured

    @property
    def secret(self) -> str | None:
        """The key in the open, for a request's header and for finding it in texts that must not show it."""
        return None if self.api_key is None else self.api_key.get_secret_value()


@dataclass(frozen=True, slots=True)
class AccountsNow:
    """All accounts at one moment, in order of priority, the highest first.

    `live` may be asked; `switched_off` could be, if their operator had not said no.
    """

    generation: int
    everybody: tuple[ProviderAccount, ...]
    live: tuple[ProviderAccount, ...]
    switched_off: tuple[ProviderAccount, ...]
    live_by_key: Mapping[AccountKey, ProviderAccount]
    live_providers: Mapping[LLMProviderType, tuple[ProviderAccount, ...]]

    @classmethod
    def of(cls, accounts: Iterable[ProviderAccount], generation: int) -> AccountsNow:
        """*accounts* in their order of priority."""
        everybody = tuple(accounts)
        live = tuple(one for one in everybody if one.live)
        providers: dict[LLMProviderType, tuple[ProviderAccount, ...]] = {}
        for one in live:
            providers[one.provider] = (*providers.get(one.provider, ()), one)
        by_key = MappingProxyType({one.key: one for one in live})
        switched_off = tuple(one for one in everybody if one.switched_off)
        return cls(generation, everybody, live, switched_off, by_key, MappingProxyType(providers))


class ProviderAccounts:
    """The one table of accounts; whoever needs one asks for `now`, and keeps it for no longer than one decision."""

    def __init__(self, accounts: Sequence[ProviderAccount]) -> None:
        self.now = AccountsNow.of(accounts, 0)

    def replace(self, accounts: Sequence[ProviderAccount]) -> int:
        """From now on these are the accounts; returns the generation that begins. Calls under way end as they began."""
        self.now = AccountsNow.of(accounts, self.now.generation + 1)
        return self.now.generation
