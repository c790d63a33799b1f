"""OpenRouter, over its Chat Completions API; it is told which application asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.implementations.vendor_provider_impl import VendorProvider
from services.llm_provider_service.protocols import TimeLimits, TransportProtocol
from services.llm_provider_service.wire.codec import codec_for


class OpenRouterProviderImpl(VendorProvider):
    """`LLMProviderProtocol` for this vendor; *attribution* is sent as `HTTP-Referer` and `X-Title`."""

    def __init__(
        self,
        transport: TransportProtocol,
        *,
        limits: TimeLimits,
        wall_clock: Callable[[], float],
        attribution: Mapping[str, str],
    ) -> None:
        codec = codec_for(LLMProviderType.OPENROUTER, static_headers=attribution)
        super().__init__(codec, transport, limits=limits, wall_clock=wall_clock)
