"""Computes the sampling that is sent: the caller's values, plus our defaults where the model accepts them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from common_core.llm_contracts import ReasoningEffortLevel
from services.llm_provider_service.domain.completion import CompletionRequest, Sampling
from services.llm_provider_service.domain.model import ModelProfile

# Requests differ in their texts, rarely in their parameters; the cache stays below 2 MB.
KEPT_ANSWERS = 1024


class ParameterFacts(NamedTuple):
    """The parts of a request that decide which parameters are sent."""

    sampling: Sampling
    defaults: Sampling
    has_tools: bool
    has_schema: bool

    @classmethod
    def of(cls, request: CompletionRequest) -> ParameterFacts:
        """Returns those parts of *request*."""
        return cls(request.sampling, request.defaults, bool(request.tools), request.response_schema is not None)


def effective_sampling(request: CompletionRequest, profile: ModelProfile) -> Sampling:
    """Returns the sampling of *request* for the model of *profile*; the caller's values are not changed.

    An unknown model gets none of our defaults except the output limit, which every vendor accepts.
    """
    return _effective(ParameterFacts.of(request), profile)


@lru_cache(KEPT_ANSWERS)
def _effective(request: ParameterFacts, profile: ModelProfile) -> Sampling:
    given = request.sampling._replace(max_output_tokens=_output_limit(request, profile))
    return _with_defaults(request, given, profile) if profile.known else given


def thinks(effort: ReasoningEffortLevel | None, profile: ModelProfile) -> bool:
    """Returns whether the model reasons at this *effort*; None means that no effort is asked for."""
    return profile.reasons_by_default if effort is None else effort is not ReasoningEffortLevel.NONE


def thinking_budget(effort: ReasoningEffortLevel | None, profile: ModelProfile) -> int | None:
    """Returns the tokens for *effort* if the model wants a number; `None` if it wants a word or nothing."""
    word = profile.efforts.get(effort, "") if effort is not None else ""
    return int(word) if word.isdigit() else None


def _with_defaults(request: ParameterFacts, given: Sampling, profile: ModelProfile) -> Sampling:
    effort = _effort(request, profile)
    temperature, top_p = given.temperature, given.top_p
    # A model that reasons by default should accept a temperature at effort none; our defaults do not rely on that.
    if not (profile.reasoning_forbids_sampling and (profile.reasons_by_default or thinks(effort, profile))):
        temperature, top_p = _temperature_and_top_p(given, request.defaults, profile)
    stop = given.stop or (request.defaults.stop if profile.stop else ())
    return given._replace(temperature=temperature, top_p=top_p, stop=stop, reasoning_effort=effort)


def _effort(request: ParameterFacts, profile: ModelProfile) -> ReasoningEffortLevel | None:
    """Returns the caller's effort, else none if the caller's tools need it, else ours if nothing given forbids it."""
    given, ours = request.sampling, request.defaults.reasoning_effort
    if given.reasoning_effort is not None:
        return given.reasoning_effort
    if profile.reasoning_forbids_tools and request.has_tools and ReasoningEffortLevel.NONE in profile.efforts:
        return ReasoningEffortLevel.NONE
    sampled = profile.reasoning_forbids_sampling and not (given.temperature is None and given.top_p is None)
    forced = profile.forced_tool_forbids_thinking and request.has_schema
    cramped = (thinking_budget(ours, profile) or 0) >= (given.max_output_tokens or math.inf)
    return None if ours not in profile.efforts or sampled or forced or cramped else ours


def _temperature_and_top_p(given: Sampling, ours: Sampling, profile: ModelProfile) -> tuple[float | None, float | None]:
    """Returns both, as the model accepts them; no default is added where the model takes only the caller's one."""
    temperature, top_p, together = given.temperature, given.top_p, profile.temperature_with_top_p
    if temperature is None and ours.temperature is not None and profile.temperature and (together or top_p is None):
        temperature = min(ours.temperature, profile.temperature_max)
    if top_p is None and profile.top_p and (together or temperature is None):
        top_p = ours.top_p
    return temperature, top_p


def _output_limit(request: ParameterFacts, profile: ModelProfile) -> int | None:
    """Returns the caller's limit; else ours plus room for thinking, within the model's limit; else the required one."""
    if request.sampling.max_output_tokens is not None:
        return request.sampling.max_output_tokens
    limit = request.defaults.max_output_tokens or profile.required_output_limit
    if limit is None:
        return None
    limit += max(profile.reasoning_allowance, thinking_budget(_effort(request, profile), profile) or 0)
    return limit if profile.max_output_tokens is None else min(limit, profile.max_output_tokens)
