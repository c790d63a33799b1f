"""Who answers: a provider and one of its models."""

from __future__ import annotations

from dataclasses import dataclass

from common_core.config_enums import LLMProviderType


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one provider; breakers, cooldowns, cache keys and prices belong to it."""

    provider: LLMProviderType
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"
