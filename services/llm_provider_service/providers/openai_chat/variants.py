"""Differences between OpenAI Chat Completions and its copies, and what their errors mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.failures import (
    AuthenticationFailed,
    ModelNotFound,
    PromptRefused,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServerError,
)
from services.llm_provider_service.domain.vendors import Vendor
from services.llm_provider_service.providers.common.failure_table import (
    CREDIT_COOLDOWN_SECONDS,
    FailureRule,
    FailureTable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatVariant:
    """One vendor's variant of the dialect; `nested_effort`: effort is sent as `reasoning.effort`.

    `extra_body` is added to each body. `resells`: errors may come from a vendor behind this one.
    """

    name: str
    table: FailureTable
    nested_effort: bool = False
    resells: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=dict)


_OPENAI_RULES = (
    FailureRule(
        failure=QuotaExhausted,
        statuses=frozenset({402, 403, 429}),
        codes=frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}),
        cooldown=CREDIT_COOLDOWN_SECONDS,
    ),
    FailureRule(
        failure=PromptRefused,
        statuses=frozenset({400, 403}),
        codes=frozenset({"content_policy_violation", "content_filter", "moderation_blocked", "invalid_prompt"}),
    ),
    FailureRule(failure=AuthenticationFailed, codes=frozenset({"invalid_api_key", "invalid_authentication"})),
    FailureRule(failure=RateLimited, codes=frozenset({"rate_limit_exceeded"})),
    FailureRule(failure=ProviderOverloaded, statuses=frozenset({503}), phrases=("overloaded", "slow down")),
    FailureRule(
        failure=ServerError, statuses=frozenset({200}), codes=frozenset({"server_error", "internal_server_error"})
    ),
    FailureRule(failure=RequestRejected, statuses=frozenset({200}), codes=frozenset({"invalid_request_error"})),
)
_BEHIND = frozenset({"provider_name"})
_OPENROUTER_RULES = (
    FailureRule(
        failure=PromptRefused,
        statuses=frozenset({400, 403}),
        metadata=frozenset({"reasons", "flagged_input"}),
    ),
    FailureRule(
        failure=PromptRefused,
        statuses=frozenset({400, 403}),
        phrases=("moderation", "flagged", "content policy", "content_filter", "usage guidelines"),
    ),
    FailureRule(
        failure=QuotaExhausted,
        statuses=frozenset({403, 429}),
        phrases=("key limit exceeded", "free-models-per-day", "insufficient credits"),
        cooldown=3_600.0,
    ),
    FailureRule(
        failure=ModelNotFound,
        statuses=frozenset({400}),
        phrases=("not a valid model id", "no endpoints found", "model not found"),
    ),
    # If a vendor behind this one refuses a key or an account, that says nothing about our own key: other models still
    # work, and only this model is not available to us.
    FailureRule(
        failure=ModelNotFound, codes=frozenset({"invalid_api_key", "invalid_authentication"}), metadata=_BEHIND
    ),
    *_OPENAI_RULES,
    FailureRule(failure=ModelNotFound, statuses=frozenset({401, 403}), metadata=_BEHIND),
)
_COPIES_RULES = (
    FailureRule(failure=ProviderOverloaded, statuses=frozenset({503}), phrases=("server busy", "loading model")),
    *_OPENAI_RULES,
)


def variant_of(vendor: Vendor) -> ChatVariant:
    """Returns the variant of *vendor*; a vendor that is not named here is treated as one of the many copies."""
    match vendor.provider:
        case LLMProviderType.OPENAI:
            table = FailureTable(vendor=vendor.label, rules=_OPENAI_RULES, trusts_should_retry=True)
            return ChatVariant(name=vendor.label, table=table)
        case LLMProviderType.OPENROUTER:
            return ChatVariant(
                name=vendor.label,
                table=FailureTable(vendor=vendor.label, rules=_OPENROUTER_RULES),
                nested_effort=True,
                resells=True,
                extra_body={"provider": {"require_parameters": True}, "usage": {"include": True}},
            )
    return ChatVariant(name=vendor.label, table=FailureTable(vendor=vendor.label, rules=_COPIES_RULES))
