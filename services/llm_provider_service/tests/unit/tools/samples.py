"""Outcomes and answers for the tests of the tools."""

from __future__ import annotations

from typing import Any

from common_core.config_enums import LLMProviderType
from common_core.domain_enums import EssayComparisonWinner
from common_core.llm_contracts import LLMComparisonResponse, PricingStatus, TokenUsage
from services.llm_provider_service.tools.demo_client import Outcome
from services.llm_provider_service.tools.demo_essays import Duel, Essay, EssaySet

THREE = EssaySet(
    question="Why?",
    essays=[Essay(name=name, text=f"The essay of {name}.") for name in ("ann", "bob", "cay")],
    intended=["ann", "bob", "cay"],
)


def answer(*, first_wins: bool = True, provider: str = "anthropic", **fields: Any) -> LLMComparisonResponse:
    """An answer of 100 and 10 tokens for 0.001 USD."""
    usage = TokenUsage(
        prompt_tokens=100,
        completion_tokens=10,
        total_tokens=110,
        cached_tokens=0,
        cache_write_tokens=None,
        reasoning_tokens=None,
    )
    given: dict[str, Any] = {
        "winner": EssayComparisonWinner.ESSAY_A if first_wins else EssayComparisonWinner.ESSAY_B,
        "justification": "Because.",
        "confidence": 3.0,
        "provider": LLMProviderType(provider),
        "model": "some-model",
        "response_time_ms": 10,
        "cached": False,
        "token_usage": usage,
        "cost_estimate": 0.001,
        "cost_usd": "0.001",
        "pricing_status": PricingStatus.PRICED,
        "correlation_id": "c",
        "metadata": {},
        "request_id": "r",
        "requested_provider": None,
        "requested_model": None,
        "attempts": 1,
        "prompt_sha256": "0" * 64,
        "flags": [],
    }
    return LLMComparisonResponse(**{**given, **fields})


def outcome(first: int = 0, second: int = 1, *, seconds: float = 0.1, **fields: Any) -> Outcome:
    """An answered duel."""
    return Outcome(duel=Duel(first=first, second=second), seconds=seconds, answer=answer(**fields))


def failure(problem: str = "503 SERVICE_UNAVAILABLE: nobody answered") -> Outcome:
    """A duel without a verdict."""
    return Outcome(duel=Duel(first=0, second=1), seconds=0.1, problem=problem)
