"""Settings of routing: the mock or vendors, the strategy, the order of priority, the routing rules."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from common_core.config_enums import LLMProviderType, SelectionStrategy
from services.llm_provider_service.domain.vendors import VENDORS


class RoutingSettings(BaseModel):
    """The settings of routing, and of the mock that replaces vendors."""

    USE_MOCK_LLM: bool | None = None
    MOCK_PROVIDER_SEED: int = 42
    MOCK_ERROR_RATE: float = Field(default=0.0, ge=0, le=1)
    MOCK_LATENCY_MS: float = Field(default=0.0, ge=0)

    PROVIDER_SELECTION_STRATEGY: SelectionStrategy = SelectionStrategy.PRIORITY
    PROVIDER_PRIORITY_ORDER: Annotated[tuple[LLMProviderType, ...], NoDecode] = tuple(VENDORS)
    PROVIDER_WEIGHTS: dict[LLMProviderType, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    DEFAULT_LLM_PROVIDER: LLMProviderType | None = None
    ROUTING_RULES: str = ""

    @field_validator("PROVIDER_PRIORITY_ORDER", mode="before")
    @classmethod
    def _comma_list_or_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [item.strip() for item in value.split(",") if item.strip()]

    @field_validator("PROVIDER_PRIORITY_ORDER", "DEFAULT_LLM_PROVIDER")
    @classmethod
    def _never_the_mock(cls, value: Any) -> Any:
        if LLMProviderType.MOCK in (value if isinstance(value, tuple) else (value,)):
            raise ValueError("the mock is never a candidate beside vendors; set USE_MOCK_LLM instead")
        return value
