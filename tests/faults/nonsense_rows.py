"""FAULTS, B31–B39 and B42–B43, and what else is no answer: bodies that contradict themselves or their vendor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tests.faults.fault_upstream.exchange import POISON
from tests.faults.rows import Expected, Row, Stage
from tests.faults.transport_rows import BAD
from tests.support.gateway import MODELS
from tests.vendor_sim import EmptyChoices, RawBody, Scenario, Success

VERDICT = '{"justification": "Clearer.", "winner": "Essay B", "confidence": 2.5}'
HTML = f"<html><body>{POISON}</body></html>".encode()
DEEP = b"[" * 200_000 + b"]" * 200_000
COUNTED = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000}
UNPRICED = Expected(
    fields={"cost_usd": None, "cost_estimate": None, "pricing_status": "unpriced", "flags": ["usage_unknown"]}
)
SAID = Expected(fields={"winner": "Essay B", "justification": "Clearer."})


def _no_answer(row: str, fault: str, body: bytes, content_type: str = "application/json", status: int = 200) -> Row:
    plays = (RawBody(body, content_type, status),)
    return Row(id=row, fault=fault, stage=Stage.BODIES, expected=BAD, plays=plays)


def _miscounted(row: str, fault: str, usage: Mapping[str, Any]) -> Row:
    """An answer of a priced model, with a usage that cannot be one."""
    plays = (Success(usage=usage),)
    model = MODELS["openai"]
    return Row(id=row, fault=fault, stage=Stage.BODIES, model=model, expected=UNPRICED, plays=plays)


def _said(row: str, fault: str, vendor: str, expected: Expected, play: Scenario, **more: Any) -> Row:
    return Row(id=row, fault=fault, stage=Stage.BODIES, vendor=vendor, expected=expected, plays=(play,), **more)


def _choice(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}]}


def _candidate(*parts: Mapping[str, Any]) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP"}]}


PARTS = [{"type": "text", "text": VERDICT[:20]}, {"type": "text", "text": VERDICT[20:]}]
CLAUDE = [{"type": "thinking", "thinking": POISON, "signature": "x"}, {"type": "text", "text": VERDICT}]

NONSENSE_ROWS = (
    _said("B25-openai", "no choices", "openai", BAD, EmptyChoices()),
    _said("B25-google", "no candidates and no reason", "google", BAD, EmptyChoices()),
    _no_answer("B31-empty", "200 with an empty body", b""),
    _no_answer("B31-204", "204", b"", status=204),
    _no_answer("B32-html", "HTML with 200", HTML, "text/html"),
    _no_answer("B32-json", "HTML that calls itself JSON", HTML),
    _no_answer("B33", "cut JSON", b'{"choices": [{"message": {"content": "POISON'),
    _no_answer("B34", "bad UTF-8", b'{"choices": "POISON \xff\xfe"}'),
    _no_answer("B35", "200,000 levels of nesting", DEEP),
    _miscounted("B36-nan", "token count NaN", {**COUNTED, "prompt_tokens": math.nan}),
    _miscounted("B36-infinity", "token count Infinity", {**COUNTED, "prompt_tokens": math.inf}),
    _miscounted("B36-negative", "token count -5", {**COUNTED, "prompt_tokens": -5}),
    _miscounted("B36-float", "token count 1.5", {**COUNTED, "completion_tokens": 1.5}),
    _miscounted("B36-string", "token count in words", {**COUNTED, "completion_tokens": "many"}),
    _miscounted("B36-huge", "token count 10^18", {**COUNTED, "prompt_tokens": 10**18}),
    _miscounted("B37", "usage missing", {}),
    _said("B38-openai", "usage with fields of tomorrow", "openai", Expected(fields={"pricing_status": "priced"}),
          Success(usage={**COUNTED, "service_tier": "flex", "moon_phase": {"x": [1]}}), model=MODELS["openai"]),
    _said("B38-google", "usage with serviceTier", "google", Expected(fields={"pricing_status": "priced"}), Success(
          usage={"promptTokenCount": 900, "candidatesTokenCount": 100, "totalTokenCount": 1000,
                 "serviceTier": "standard"}), model=MODELS["google"]),
    _said("B39", "another model answered", "openai",
          Expected(fields={"model": "gpt-4.1-mini", "requested_model": MODELS["openai"], "cost_usd": "0.00052"}),
          Success(served_model="gpt-4.1-mini", usage=COUNTED), model=MODELS["openai"]),
    _said("B42", "two answers with the same vendor id", "openai", Expected(attempts=("success",) * 2, books=True),
          Success(extra={"id": "chatcmpl-same"}), asks=2),
    _said("B43-parts", "content as a list of parts", "openai", SAID, Success(extra=_choice({"content": PARTS}))),
    _said("B43-null", "content null, without a refusal", "openai",
          Expected(status=502, code="PARSING_ERROR", attempts=("rejected",) * 2, elsewhere=False),
          Success(extra=_choice({"content": None}))),
    _said("B43-reasoning", "reasoning beside the content", "openrouter", SAID,
          Success(extra=_choice({"content": VERDICT, "reasoning": POISON, "reasoning_content": POISON}))),
    _said("B43-thinking", "a thinking block first", "anthropic", SAID, Success(extra={"content": CLAUDE})),
    _said("B43-thought", "a thought part first", "google", SAID,
          Success(extra=_candidate({"text": POISON, "thought": True}, {"text": VERDICT}))),
)  # fmt: skip
