"""The vendors that can be played, and where each lives under the simulator's address."""

from __future__ import annotations

from enum import StrEnum


class Vendor(StrEnum):
    """Values equal those of the platform's `LLMProviderType`, so either may be given wherever a vendor is asked for."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GOOGLE = "google"
    OPENROUTER = "openrouter"
    OLLAMA = "ollama"


BASE_PATHS = {
    Vendor.OPENAI: "/openai",
    Vendor.ANTHROPIC: "/anthropic",
    Vendor.GOOGLE: "/google",
    Vendor.OPENROUTER: "/openrouter/api/v1",
    Vendor.OLLAMA: "/ollama",
}
