"""What the price catalogue does not say: who never charges."""

from __future__ import annotations

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import Target

FREE_PROVIDERS = frozenset({LLMProviderType.OLLAMA, LLMProviderType.MOCK})

# OpenRouter marks variants that it does not charge for (openrouter.ai/docs, "model variants"); they have no list price.
_FREE_VARIANTS = {LLMProviderType.OPENROUTER: ":free"}


def is_free(target: Target) -> bool:
    """Whether calls to *target* cost nothing by agreement, so that no price is needed."""
    if target.provider in FREE_PROVIDERS:
        return True
    variant = _FREE_VARIANTS.get(target.provider)
    return variant is not None and target.model.endswith(variant)
