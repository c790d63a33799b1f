"""Which class stands for which vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.implementations.anthropic_provider_impl import AnthropicProviderImpl
from services.llm_provider_service.implementations.google_provider_impl import GoogleProviderImpl
from services.llm_provider_service.implementations.ollama_provider_impl import OllamaProviderImpl
from services.llm_provider_service.implementations.openai_provider_impl import OpenAIProviderImpl
from services.llm_provider_service.implementations.openrouter_provider_impl import OpenRouterProviderImpl
from services.llm_provider_service.protocols import LLMProviderProtocol, TimeLimits, TransportProtocol


def vendor_adapter(
    provider: LLMProviderType,
    transport: TransportProtocol,
    *,
    limits: TimeLimits,
    wall_clock: Callable[[], float],
    attribution: Mapping[str, str],
) -> LLMProviderProtocol:
    """The provider behind *transport*; *attribution* is for those that want to know which application asks."""
    match provider:
        case LLMProviderType.ANTHROPIC:
            return AnthropicProviderImpl(transport, limits=limits, wall_clock=wall_clock)
        case LLMProviderType.OPENAI:
            return OpenAIProviderImpl(transport, limits=limits, wall_clock=wall_clock)
        case LLMProviderType.GOOGLE:
            return GoogleProviderImpl(transport, limits=limits, wall_clock=wall_clock)
        case LLMProviderType.OLLAMA:
            return OllamaProviderImpl(transport, limits=limits, wall_clock=wall_clock)
        case LLMProviderType.OPENROUTER:
            return OpenRouterProviderImpl(transport, limits=limits, wall_clock=wall_clock, attribution=attribution)
        case LLMProviderType.MOCK:
            raise ValueError("the mock needs no transport")
