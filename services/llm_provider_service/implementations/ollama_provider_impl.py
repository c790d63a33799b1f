"""Any local server that speaks OpenAI's Chat Completions: Ollama, vLLM, llama.cpp."""

from __future__ import annotations

from collections.abc import Callable

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.implementations.vendor_provider_impl import VendorProvider
from services.llm_provider_service.protocols import TimeLimits, TransportProtocol
from services.llm_provider_service.wire.codec import codec_for


class OllamaProviderImpl(VendorProvider):
    """`LLMProviderProtocol` for this vendor."""

    def __init__(self, transport: TransportProtocol, *, limits: TimeLimits, wall_clock: Callable[[], float]) -> None:
        super().__init__(codec_for(LLMProviderType.OLLAMA), transport, limits=limits, wall_clock=wall_clock)
