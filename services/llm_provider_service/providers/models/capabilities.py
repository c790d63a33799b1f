"""Answers what each model accepts, from the table in `models.json`, which is read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.completion import CompletionRequest, ImagePart, Sampling
from services.llm_provider_service.domain.model import ModelProfile, StructuredOutput, Unsupported
from services.llm_provider_service.providers.models.model_table import read_table
from services.llm_provider_service.providers.models.sampling import (
    KEPT_ANSWERS,
    ParameterFacts,
    thinking_budget,
    thinks,
)

_TABLE = read_table((Path(__file__).parent / "models.json").read_bytes())
CAPABILITY_SOURCE = _TABLE.source
CAPABILITY_DATE = _TABLE.date
_PROFILES: Mapping[tuple[LLMProviderType, str], ModelProfile] = MappingProxyType(
    {(profile.provider, profile.id): profile for profile in _TABLE.profiles}
)


def profiles() -> Sequence[ModelProfile]:
    """Returns every row of the table in order, dated names included."""
    return _TABLE.profiles


def profile_for(provider: LLMProviderType, model: str) -> ModelProfile:
    """Returns the profile of *model*; an unknown one gets its provider's careful profile, with `known` false."""
    profile = _PROFILES.get((provider, model))
    return profile if profile is not None else replace(_TABLE.unknown[provider], id=model, canonical=model)


def schema_keywords_refused(provider: LLMProviderType) -> frozenset[str]:
    """Returns JSON schema keywords that *provider* refuses, or does not promise to accept, in a response schema."""
    return _TABLE.schema_keywords_refused[provider]


def unsupported(request: CompletionRequest, profile: ModelProfile) -> tuple[Unsupported, ...]:
    """Returns what the caller gave and the model cannot accept, by the caller's names; empty for an unknown model."""
    if not profile.known:
        return ()
    if not profile.images and any(isinstance(part, ImagePart) for m in request.messages for part in m.parts):
        return (*_unsupported(ParameterFacts.of(request), profile), _lack(profile, "images", "reads no images"))
    return _unsupported(ParameterFacts.of(request), profile)


@lru_cache(KEPT_ANSWERS)
def _unsupported(request: ParameterFacts, profile: ModelProfile) -> tuple[Unsupported, ...]:
    wrong = [*_unsupported_sampling(request.sampling, profile), *_unsupported_content(request, profile)]
    return tuple(_lack(profile, field, message) for field, message in wrong)


def _lack(profile: ModelProfile, field: str, message: str) -> Unsupported:
    return Unsupported(field=field, message=f"{profile.id} {message}")


def _unsupported_sampling(given: Sampling, profile: ModelProfile) -> Iterator[tuple[str, str]]:
    yield from _unsupported_temperature(given, profile)
    if given.top_p is not None and not profile.top_p:
        yield "top_p", "takes no top_p"
    if given.stop and not profile.stop:
        yield "stop", "takes no stop sequences"
    if given.reasoning_effort is not None and given.reasoning_effort not in profile.efforts:
        known = ", ".join(profile.efforts) or "none at all"
        yield "reasoning_effort", f"does not know the effort {given.reasoning_effort.value!r}; it knows: {known}"
    yield from _unsupported_limit(given, profile)


def _unsupported_temperature(given: Sampling, profile: ModelProfile) -> Iterator[tuple[str, str]]:
    sampled = {"temperature": given.temperature, "top_p": given.top_p}
    if given.temperature is not None:
        if not profile.temperature:
            yield "temperature", "takes no temperature"
        elif given.temperature > profile.temperature_max:
            yield "temperature", f"takes a temperature up to {profile.temperature_max:g}"
        elif given.top_p is not None and profile.top_p and not profile.temperature_with_top_p:
            yield "top_p", "takes temperature or top_p, not both"
    if profile.reasoning_forbids_sampling and thinks(given.reasoning_effort, profile):
        for field in (name for name, value in sampled.items() if value is not None):
            yield field, f"takes no {field} while it reasons; leave it out, or ask for the effort 'none'"


def _unsupported_limit(given: Sampling, profile: ModelProfile) -> Iterator[tuple[str, str]]:
    limit = given.max_output_tokens
    if limit is None:
        return
    if profile.max_output_tokens is not None and limit > profile.max_output_tokens:
        yield "max_tokens", f"writes at most {profile.max_output_tokens} tokens"
    budget = thinking_budget(given.reasoning_effort, profile)
    if budget is not None and limit <= budget:
        yield "max_tokens", f"thinks for up to {budget} tokens at this effort, so it needs a limit above that"


def _unsupported_content(request: ParameterFacts, profile: ModelProfile) -> Iterator[tuple[str, str]]:
    thinking = thinks(request.sampling.reasoning_effort, profile) and request.sampling.reasoning_effort is not None
    if request.has_tools and not profile.tools:
        yield "tools", "takes no tools"
    elif request.has_tools and profile.reasoning_forbids_tools and thinking:
        yield "tools", "takes no tools while it reasons; ask for the effort 'none', or for no effort"
    if not request.has_schema:
        return
    if profile.structured_output is StructuredOutput.NONE:
        yield "response_schema", "cannot be bound to a JSON schema"
    forced = profile.structured_output is StructuredOutput.FORCED_TOOL and profile.forced_tool_forbids_thinking
    if forced and thinking:
        yield "reasoning_effort", "cannot reason and be bound to a JSON schema at once"
