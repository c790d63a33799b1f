"""What is really sent: the caller's sampling, completed by our defaults where the model takes them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from common_core.llm_contracts import ReasoningEffortLevel
from services.llm_provider_service.domain.completion import CompletionRequest, Sampling
from services.llm_provider_service.domain.model import ModelProfile

# Requests differ in their texts, hardly ever in their knobs; what is kept stays below 2 MB.
KEPT_ANSWERS = 1024


class Knobs(NamedTuple):
    """All of a request that decides about its parameters."""

    sampling: Sampling
    defaults: Sampling
    has_tools: bool
    has_schema: bool

    @classmethod
    def of(cls, request: CompletionRequest) -> Knobs:
        """Those of *request*."""
        return cls(request.sampling, request.defaults, bool(request.tools), request.response_schema is not None)


def effective_sampling(request: CompletionRequest, profile: ModelProfile) -> Sampling:
    """The sampling of *request* for the model of *profile*; what the caller gave stays as it is.

    A model that the table does not know gets no default of ours but the output limit, which every vendor takes.
    """
    return _effective(Knobs.of(request), profile)


@lru_cache(KEPT_ANSWERS)
def _effective(request: Knobs, profile: ModelProfile) -> Sampling:
    given = request.sampling._replace(max_output_tokens=_output_limit(request, profile))
    return _with_defaults(request, given, profile) if profile.known else given


def thinks(effort: ReasoningEffortLevel | None, profile: ModelProfile) -> bool:
    """Whether the model reasons when *effort* is asked, or nothing is."""
    return profile.reasons_by_default if effort is None else effort is not ReasoningEffortLevel.NONE


def thinking_budget(effort: ReasoningEffortLevel | None, profile: ModelProfile) -> int | None:
    """The tokens that *effort* grants, where the model wants a number; `None` where it wants a word or nothing."""
    word = profile.efforts.get(effort, "") if effort is not None else ""
    return int(word) if word.isdigit() else None


def _with_defaults(request: Knobs, given: Sampling, profile: ModelProfile) -> Sampling:
    effort = _effort(request, profile)
    temperature, top_p = given.temperature, given.top_p
    # A model that reasons by default is said to take a temperature at the effort none; a default does not try it out.
    if not (profile.reasoning_forbids_sampling and (profile.reasons_by_default or thinks(effort, profile))):
        temperature, top_p = _temperature_and_top_p(given, request.defaults, profile)
    stop = given.stop or (request.defaults.stop if profile.stop else ())
    return given._replace(temperature=temperature, top_p=top_p, stop=stop, reasoning_effort=effort)


def _effort(request: Knobs, profile: ModelProfile) -> ReasoningEffortLevel | None:
    """The caller's effort; else none where the caller's tools need it; else ours, where nothing given forbids it."""
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
    """Both, as far as the model takes them; one of ours never joins one of the caller's that wants to be alone."""
    temperature, top_p, together = given.temperature, given.top_p, profile.temperature_with_top_p
    if temperature is None and ours.temperature is not None and profile.temperature and (together or top_p is None):
        temperature = min(ours.temperature, profile.temperature_max)
    if top_p is None and profile.top_p and (together or temperature is None):
        top_p = ours.top_p
    return temperature, top_p


def _output_limit(request: Knobs, profile: ModelProfile) -> int | None:
    """The caller's limit; else ours, with room for thinking, within what the model can write; else what is required."""
    if request.sampling.max_output_tokens is not None:
        return request.sampling.max_output_tokens
    limit = request.defaults.max_output_tokens or profile.required_output_limit
    if limit is None:
        return None
    limit += max(profile.reasoning_allowance, thinking_budget(_effort(request, profile), profile) or 0)
    return limit if profile.max_output_tokens is None else min(limit, profile.max_output_tokens)
