"""The target of a call: one model of a provider, through one of our accounts there."""

from __future__ import annotations

from typing import NamedTuple

from common_core.config_enums import LLMProviderType

# The account that is configured by environment variables.
DEFAULT_ACCOUNT = "default"

AccountKey = tuple[LLMProviderType, str]


class Target(NamedTuple):
    """One model at one provider, through one account.

    Circuit breakers, cooldowns and limits belong to a target; cached answers and prices are the same for every account.
    """

    provider: LLMProviderType
    model: str
    account: str = DEFAULT_ACCOUNT

    @property
    def account_key(self) -> AccountKey:
        """Returns the key of the account that is used."""
        return self.provider, self.account

    def answers_like(self, other: Target) -> bool:
        """Returns whether *other* is the same model at the same provider, so that both would judge alike."""
        return self.model == other.model and self.provider is other.provider

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"
