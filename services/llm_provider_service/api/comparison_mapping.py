"""Translates comparisons: request bytes into an order for the gateway, and a result into response bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from common_core.llm_contracts import (
    MAX_METADATA_BYTES,
    CacheMode,
    FallbackMode,
    LLMComparisonRequest,
    LLMConfigOverrides,
    ResultFlag,
)
from huleedu_service_libs.web.correlation import new_correlation_id
from huleedu_service_libs.web.json_body import read_json
from huleedu_service_libs.web.verbatim_json import as_written
from services.llm_provider_service.api.problems import invalid_fields, invalid_model
from services.llm_provider_service.comparison.injection import injection_suspected
from services.llm_provider_service.comparison.prompt import build_request
from services.llm_provider_service.comparison.verdict import verdict_of
from services.llm_provider_service.domain.caller import Caller
from services.llm_provider_service.domain.comparison import Comparison
from services.llm_provider_service.domain.completion import NOTHING_GIVEN, Sampling
from services.llm_provider_service.domain.completion_order import CompletionOrder, CompletionResult
from services.llm_provider_service.domain.money import decimal_text
from services.llm_provider_service.domain.usage import Usage

REQUEST_TYPE = "comparison"
LONGEST_TIMEOUT_MS = 600_000
NO_OVERRIDES = LLMConfigOverrides()
NO_METADATA = b"{}"
OVERRIDE_POINTERS = {
    "provider": "/llm_config_overrides/provider_override",
    "model": "/llm_config_overrides/model_override",
    "temperature": "/llm_config_overrides/temperature_override",
    "max_tokens": "/llm_config_overrides/max_tokens_override",
    "reasoning_effort": "/llm_config_overrides/reasoning_effort",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonDefaults:
    """Values used where the caller gives none."""

    sampling: Sampling
    cache: CacheMode


class ParsedComparison(NamedTuple):
    """The parsed request; `metadata` is the JSON to send back, with its numbers as they were written."""

    request: LLMComparisonRequest
    metadata: bytes = NO_METADATA


class ComparisonCase(NamedTuple):
    """One comparison: the order for the orchestrator, and the caller's metadata to send back unchanged."""

    comparison: Comparison
    order: CompletionOrder
    metadata: bytes


class ComparisonMapping:
    """Pure translation; knows no provider and no framework."""

    def __init__(self, defaults: ComparisonDefaults) -> None:
        self._defaults = defaults

    def read(self, raw: bytes) -> ParsedComparison:
        """Returns the request in *raw*; raises `InvalidBody`, or a `ProblemError` with pointers to what is wrong."""
        members = _without_null_members(read_json(raw))
        try:
            request = LLMComparisonRequest.model_validate(members)
        except ValidationError as error:
            raise invalid_model(error) from None
        if not request.metadata:
            return ParsedComparison(request=request)
        metadata = as_written(raw, "metadata", request.metadata)
        if len(metadata) > MAX_METADATA_BYTES:
            raise invalid_fields((("/metadata", f"must be at most {MAX_METADATA_BYTES} bytes of JSON"),))
        return ParsedComparison(request=request, metadata=metadata)

    def case(
        self, asked: ParsedComparison, *, caller: Caller, correlation_id: str, timeout_header: str | None
    ) -> ComparisonCase:
        """Returns the comparison and its order; raises a `ProblemError` for an invalid timeout header."""
        request = asked.request
        overrides = request.llm_config_overrides or NO_OVERRIDES
        comparison = Comparison(
            instructions=request.user_prompt,
            essay_a=request.essay_a,
            essay_b=request.essay_b,
            system_text=overrides.system_prompt_override,
        )
        given = NOTHING_GIVEN
        if overrides is not NO_OVERRIDES:
            given = Sampling(
                temperature=overrides.temperature_override,
                max_output_tokens=overrides.max_tokens_override,
                reasoning_effort=overrides.reasoning_effort,
            )
        order = CompletionOrder(
            request=build_request(comparison, sampling=given, defaults=self._defaults.sampling),
            request_type=REQUEST_TYPE,
            request_id=new_correlation_id(),
            correlation_id=correlation_id,
            caller=caller,
            user_id=request.user_id,
            tags=tuple(request.tags or ()),
            provider=overrides.provider_override,
            model=overrides.model_override,
            fallback=request.fallback or FallbackMode.ANY,
            cache=request.cache or self._defaults.cache,
            sample_index=request.sample_index or 0,
            timeout_seconds=None if timeout_header is None else _timeout_seconds(timeout_header),
        )
        return ComparisonCase(comparison=comparison, order=order, metadata=asked.metadata)

    def reply(
        self, case: ComparisonCase, result: CompletionResult, *, seconds: float, trace_id: str | None = None
    ) -> bytes:
        """Returns the JSON of an `LLMComparisonResponse`."""
        verdict = verdict_of(result.answer)
        flags = set(result.flags)
        if verdict.justification_truncated:
            flags.add(ResultFlag.JUSTIFICATION_TRUNCATED)
        if injection_suspected(case.comparison, case.order.request.prompt_sha256):
            flags.add(ResultFlag.INJECTION_SUSPECTED)
        usd = result.cost.usd
        return orjson.dumps(
            {
                "winner": verdict.winner,
                "justification": verdict.justification,
                "confidence": verdict.confidence,
                "provider": result.target.provider,
                "model": result.answer.model or result.target.model,
                "response_time_ms": round(seconds * 1000),
                "cached": result.cached,
                "token_usage": _token_usage(result.answer.usage),
                "cost_estimate": None if usd is None else float(usd),
                "cost_usd": None if usd is None else decimal_text(usd),
                "pricing_status": result.cost.status,
                "correlation_id": case.order.correlation_id,
                "trace_id": trace_id,
                "metadata": orjson.Fragment(case.metadata),
                "request_id": case.order.request_id,
                "requested_provider": case.order.provider,
                "requested_model": case.order.model,
                "attempts": result.calls,
                "prompt_sha256": case.order.request.prompt_sha256,
                "flags": sorted(flags),
            }
        )


def _without_null_members(value: Any) -> Any:
    """Returns *value* without null members, also in the overrides: null means "not given", even for unknown names."""
    if not isinstance(value, dict):
        return value
    if None in value.values():
        value = {name: member for name, member in value.items() if member is not None}
    overrides = value.get("llm_config_overrides")
    if isinstance(overrides, dict) and None in overrides.values():
        given = {name: item for name, item in overrides.items() if item is not None}
        return {**value, "llm_config_overrides": given}
    return value


def _timeout_seconds(header: str) -> float:
    if header.isascii() and header.isdigit() and len(header) < 10 and 1 <= int(header) <= LONGEST_TIMEOUT_MS:
        return int(header) / 1000
    raise invalid_fields(
        (("", f"the header X-Request-Timeout-Ms must be a whole number of milliseconds, 1 to {LONGEST_TIMEOUT_MS}"),)
    )


def _token_usage(usage: Usage) -> Mapping[str, int | None]:
    writes = usage.cache_write_5m_tokens
    if usage.cache_write_1h_tokens is not None:
        writes = (writes or 0) + usage.cache_write_1h_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "cached_tokens": usage.cached_read_tokens,
        "cache_write_tokens": writes,
        "reasoning_tokens": usage.reasoning_tokens,
    }
