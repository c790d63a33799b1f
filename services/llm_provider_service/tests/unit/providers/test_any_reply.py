"""Whatever arrives, however it is cut, it is an answer or a `ProviderFailure`."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.completion import CompletionAnswer
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.tests.unit.providers.replies import VENDORS, read, reply_of

WORDS = st.sampled_from(
    [
        "choices",
        "message",
        "content",
        "text",
        "type",
        "finish_reason",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "refusal",
        "error",
        "code",
        "status",
        "details",
        "retryDelay",
        "violations",
        "quotaId",
        "candidates",
        "parts",
        "functionCall",
        "thought",
        "finishReason",
        "promptFeedback",
        "blockReason",
        "usageMetadata",
        "promptTokenCount",
        "totalTokenCount",
        "stop_reason",
        "input",
        "id",
        "model",
        "tool_use",
        "thinking",
        "signature",
        "redacted_thinking",
        "give_the_answer",
        "SAFETY",
        "STOP",
        "MAX_TOKENS",
        "length",
        "stop",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8) | WORDS
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6), max_leaves=20
)
STATUSES = st.sampled_from([200, 204, 302, 400, 401, 403, 404, 413, 429, 500, 503, 529]) | st.integers(100, 999)
PROVIDERS = st.sampled_from(VENDORS)


def answered_or_failed(provider: LLMProviderType, body: bytes, status: int, headers: dict[str, str]) -> None:
    """Read *body*; anything but an answer or a `ProviderFailure` gets out of here and fails the test."""
    outcome: CompletionAnswer | ProviderFailure
    try:
        outcome = read(provider, body, status=status, headers=headers)
    except ProviderFailure as failure:
        outcome = failure
    if isinstance(outcome, ProviderFailure):
        assert len(outcome.message) <= 500
        assert outcome.retry_after is None or 0 <= outcome.retry_after <= 86_400
    else:
        assert outcome.text is not None


@settings(deadline=None)
@given(provider=PROVIDERS, body=st.binary(max_size=200), status=STATUSES)
def test_any_bytes(provider: LLMProviderType, body: bytes, status: int) -> None:
    answered_or_failed(provider, body, status, {})


@settings(max_examples=400, deadline=None)
@given(provider=PROVIDERS, document=DOCUMENTS, status=STATUSES, header=st.text(max_size=20))
def test_any_json(provider: LLMProviderType, document: Any, status: int, header: str) -> None:
    names = ("retry-after", "retry-after-ms", "x-should-retry", "anthropic-ratelimit-requests-reset", "request-id")
    body = _written(document)
    answered_or_failed(provider, body, status, dict.fromkeys(names, header))


def _written(document: Any) -> bytes:
    """Numbers beyond 64 bits and NaN are written too, as a careless vendor would."""
    return json.dumps(document).encode()


@settings(max_examples=400, deadline=None)
@given(provider=PROVIDERS, data=st.data(), junk=DOCUMENTS)
def test_a_good_reply_with_junk_anywhere_inside(provider: LLMProviderType, data: st.DataObject, junk: Any) -> None:
    document = reply_of(provider)
    _place(document, data, junk)
    answered_or_failed(provider, _written(document), 200, {})


def _place(node: Any, data: st.DataObject, junk: Any) -> None:
    """Walk down at random and put *junk* where the walk ends."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    key = data.draw(st.sampled_from(keys))
    inner = node[key]
    if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
        _place(inner, data, junk)
    else:
        node[key] = junk


@settings(deadline=None)
@given(provider=PROVIDERS, cuts=st.lists(st.integers(0, 700), max_size=8))
def test_however_a_body_is_cut_the_answer_is_the_same(provider: LLMProviderType, cuts: list[int]) -> None:
    assert read(provider, reply_of(provider), cuts=cuts) == read(provider, reply_of(provider))


@pytest.mark.parametrize("provider", VENDORS)
def test_a_body_cut_short_at_any_byte_is_never_an_answer(provider: LLMProviderType) -> None:
    whole = orjson.dumps(reply_of(provider))
    for end in range(len(whole)):
        with pytest.raises(ProviderFailure):
            read(provider, whole[:end])
