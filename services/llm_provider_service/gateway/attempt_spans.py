"""Describes an attempt as a span: provider, outcome, tokens and cost; never prompts or answers."""

from __future__ import annotations

import re

from common_core.config_enums import LLMProviderType
from common_core.llm_attempts import AttemptOutcome
from huleedu_service_libs.observability import genai_attributes as genai
from huleedu_service_libs.observability.tracing import Block, SpanKind, traced
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.money import decimal_text
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.vendors import VENDORS
from services.llm_provider_service.gateway.metrics_recorder import model_label

OUTCOME = "huleedu.attempt.outcome"
NUMBER = "huleedu.attempt.number"
COST = "huleedu.attempt.cost_usd"
_MODEL_NAME = re.compile(r"[\w.:/@+-]{1,100}", re.ASCII)


def attempt_span(target: Target, kind: SpanKind = SpanKind.CLIENT) -> Block:
    """Returns a span around one attempt at *target*; a model that is not in the registry is shown as `other`."""
    span = traced(genai.CHAT, kind)
    if span.recording:
        span.set(genai.OPERATION, genai.CHAT)
        span.set(genai.PROVIDER, _provider_name(target.provider))
        span.set(genai.REQUEST_MODEL, model_label(target))
    return span


def _provider_name(provider: LLMProviderType) -> str:
    """Returns the name of *provider* in OpenTelemetry's conventions."""
    vendor = VENDORS.get(provider)
    return provider.value if vendor is None or vendor.trace_name is None else vendor.trace_name


def describe(span: Block, attempt: Attempt) -> None:
    """Set the outcome of *attempt* on *span*."""
    span.set(OUTCOME, attempt.outcome.value)
    span.set(NUMBER, attempt.number)
    if attempt.status is not None:
        span.set("http.response.status_code", attempt.status)
    if attempt.usage.input_tokens is not None:
        span.set(genai.INPUT_TOKENS, attempt.usage.input_tokens)
    if attempt.usage.output_tokens is not None:
        span.set(genai.OUTPUT_TOKENS, attempt.usage.output_tokens)
    if attempt.cost.usd is not None:
        span.set(COST, decimal_text(attempt.cost.usd))
    if attempt.outcome is AttemptOutcome.SUCCESS:
        span.set(genai.RESPONSE_MODEL, _served(attempt))
    else:
        span.fail(attempt.outcome.value)


def _served(attempt: Attempt) -> str:
    """Returns the vendor's name for its model, if it looks like a name: vendors can send any text."""
    served = attempt.served_model or ""
    return served if _MODEL_NAME.fullmatch(served) else model_label(attempt.target)
