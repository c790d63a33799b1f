"""The accounts through which vendors are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from common_core.config_enums import LLMProviderType


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccount:
    """The settings of one vendor. `live` says that it may be asked: switched on, and with what it needs."""

    provider: LLMProviderType
    enabled: bool
    configured: bool
    api_key: SecretStr | None
    base_url: str
    default_model: str
    allow_private: bool
    attribution: Mapping[str, str]

    @property
    def live(self) -> bool:
        """Whether requests may go there."""
        return self.enabled and self.configured
