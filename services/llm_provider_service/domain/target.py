"""Who answers: one of a provider's models, through one of our accounts there."""

from __future__ import annotations

from typing import NamedTuple

from common_core.config_enums import LLMProviderType

# The account that the environment's variables make.
DEFAULT_ACCOUNT = "default"

AccountKey = tuple[LLMProviderType, str]


class Target(NamedTuple):
    """One model at one provider, through one account.

    Breakers, cooldowns and limits belong to it; cached answers and prices are the same for every account.
    """

    provider: LLMProviderType
    model: str
    account: str = DEFAULT_ACCOUNT

    @property
    def account_key(self) -> AccountKey:
        """Through which account it is asked."""
        return self.provider, self.account

    def answers_like(self, other: Target) -> bool:
        """Whether *other* is the same model at the same provider, so that it is the same judge."""
        return self.model == other.model and self.provider is other.provider

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"
