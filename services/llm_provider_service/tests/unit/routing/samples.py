"""Candidates and a clock for the tests of routing."""

from __future__ import annotations

from typing import Any

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.model import Unsupported
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.routing.candidates import Candidate
from services.llm_provider_service.routing.plan import Plan
from services.llm_provider_service.routing.scoreboard import Scoreboard

NO_TEMPERATURE = Unsupported(field="temperature_override", message="does not accept a temperature")


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def candidate(provider: LLMProviderType, **changes: Any) -> Candidate:
    """A candidate of *provider* with one model of its own, ready to answer."""
    model = changes.pop("model", f"{provider.value}-model")
    return Candidate(target=Target(provider, model), **{"canonical": model, **changes})


def board(seed: int = 7) -> Scoreboard:
    """A scoreboard on which nothing has happened."""
    return Scoreboard(HandClock(), seed=seed)


def providers(plan: Plan) -> list[LLMProviderType]:
    """Who is asked, in order."""
    return [one.target.provider for one in plan.candidates]
