"""Provider for Anthropic, over its Messages API."""

from __future__ import annotations

from services.llm_provider_service.providers.vendor_provider import VendorProvider


class AnthropicProviderImpl(VendorProvider):
    """`LLMProviderProtocol` for this vendor; only its row in `domain/vendors.py` and its dialect differ from others."""
