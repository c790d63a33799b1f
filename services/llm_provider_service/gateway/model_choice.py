"""Lists the models that may answer a request, and the accounts for them, without looking at breakers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import FallbackMode
from services.llm_provider_service.domain.completion import CompletionRequest
from services.llm_provider_service.domain.model import ModelProfile
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.providers.models.capabilities import profile_for, profiles, unsupported
from services.llm_provider_service.routing.plan import PlanQuestion
from services.llm_provider_service.settings.accounts import AccountsNow


def choices(question: PlanQuestion, now: AccountsNow) -> dict[Target, ModelProfile]:
    """Returns every target that may be asked: the named model, the same one elsewhere, and each account's default."""
    found: dict[Target, ModelProfile] = {}
    for profile in _asked_for(question, now):
        _add(found, profile, now)
    for account in now.live:
        if question.model is not None and account.provider is question.provider:
            continue
        default = profile_for(account.provider, account.default_model)
        found.setdefault(Target(default.provider, default.id, account.name), default)
    if question.fallback is FallbackMode.SAME_MODEL:
        for profile in list(_same_elsewhere(found, now)):
            _add(found, profile, now)
    return found


def profiles_of_model(model: str, now: AccountsNow) -> list[ModelProfile]:
    """Returns one profile for each provider that has *model*: under this name if known, else under its first name."""
    found: dict[LLMProviderType, ModelProfile] = {}
    for profile in profiles():
        if profile.provider in now.live_providers and model in (profile.id, profile.canonical):
            known = found.setdefault(profile.provider, profile)
            if profile.id == model != known.id:
                found[profile.provider] = profile
    return list(found.values())


def capable_targets(request: CompletionRequest, now: AccountsNow) -> list[Target]:
    """Returns the known models of live providers that accept all of *request*, each under its first name."""
    found: dict[tuple[LLMProviderType, str], Target] = {}
    for profile in profiles():
        if profile.provider in now.live_providers and not unsupported(request, profile):
            found.setdefault((profile.provider, profile.canonical), profile.target)
    return list(found.values())


def _asked_for(question: PlanQuestion, now: AccountsNow) -> list[ModelProfile]:
    if question.model is None:
        return []
    if question.provider is not None:
        return [_named(question.provider, question.model)]
    return profiles_of_model(question.model, now)


def _add(found: dict[Target, ModelProfile], profile: ModelProfile, now: AccountsNow) -> None:
    """Add *profile* once for each account of its provider."""
    for account in now.live_providers.get(profile.provider, ()):
        found.setdefault(Target(profile.provider, profile.id, account.name), profile)


def _same_elsewhere(found: Mapping[Target, ModelProfile], now: AccountsNow) -> Iterator[ModelProfile]:
    """Yields the models of *found* at other providers; another name at the same provider does not count."""
    there = {(profile.provider, profile.canonical) for profile in found.values()}
    for canonical in {profile.canonical: None for profile in found.values()}:
        for profile in profiles_of_model(canonical, now):
            if (profile.provider, profile.canonical) not in there:
                yield profile


def _named(provider: LLMProviderType, model: str) -> ModelProfile:
    """Returns the profile of *model* at *provider*, by its own id or by its canonical name."""
    profile = profile_for(provider, model)
    if profile.known:
        return profile
    same = (row for row in profiles() if row.provider is provider and row.canonical == model)
    return next(same, profile)
