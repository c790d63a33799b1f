"""Anthropic, over its Messages API."""

from __future__ import annotations

from services.llm_provider_service.providers.vendor_provider import VendorProvider


class AnthropicProviderImpl(VendorProvider):
    """`LLMProviderProtocol` for this vendor, which differs from others in its row and its dialect alone."""
