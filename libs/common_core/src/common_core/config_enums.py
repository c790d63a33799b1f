"""Enums for the LLM providers and for the strategies that choose between them."""

from __future__ import annotations

from enum import StrEnum


class LLMProviderType(StrEnum):
    """A provider that a request can be sent to.

    OLLAMA is any OpenAI-compatible server on this machine, OPENAI_COMPATIBLE is one on another machine.
    """

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    GOOGLE = "google"
    OPENROUTER = "openrouter"
    OLLAMA = "ollama"
    OPENAI_COMPATIBLE = "openai_compatible"
    MOCK = "mock"


class SelectionStrategy(StrEnum):
    """How the candidates for one request are put in order."""

    PRIORITY = "priority"
    ROUND_ROBIN = "round-robin"
    WEIGHTED = "weighted"
    LEAST_COST = "least-cost"
    LEAST_LATENCY = "least-latency"
    LEAST_BUSY = "least-busy"
    RANDOM = "random"
