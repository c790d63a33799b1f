"""The key: what can change an answer changes it, and nothing else does."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from itertools import permutations
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import CacheMode, FallbackMode, ReasoningEffortLevel
from services.llm_provider_service.cache.key import KEPT_HASHES, CacheKey, cache_key, flight_key
from services.llm_provider_service.domain.caller import Caller
from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    ContentPart,
    ImagePart,
    Message,
    ReasoningPart,
    ResponseSchema,
    Role,
    Sampling,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.tests.unit.cache import samples


def _asking(**changes: Any) -> CacheKey:
    return cache_key(samples.ORDER._replace(request=replace(samples.REQUEST, **changes)), samples.TARGET)


def _with_part(part: Any) -> CacheKey:
    parts = tuple(part if type(part) is type(old) else old for old in samples.PARTS)
    return _asking(messages=(Message(Role.USER, parts),))


# For each class: its sample, the key of an order that holds an instance of it, and another value for each field.
Row = tuple[Any, Callable[[Any], CacheKey], Mapping[str, Any]]
ROWS: Mapping[type, Row] = {
    CompletionOrder: (
        samples.ORDER,
        lambda order: cache_key(order, samples.TARGET),
        {
            "request": replace(samples.REQUEST, system="You jest."),
            "request_type": "chat",
            "caller": Caller(tenant="other", service="cj-assessment"),
            "sample_index": 1,
        },
    ),
    CompletionRequest: (
        samples.REQUEST,
        lambda request: cache_key(samples.ORDER._replace(request=request), samples.TARGET),
        {
            "messages": (samples.MESSAGE, samples.MESSAGE),
            "system": None,
            "tools": (),
            "sampling": Sampling(),
            "defaults": Sampling(),
            "response_schema": None,
            "prompt_sha256": "0" * 64,
        },
    ),
    Caller: (
        samples.CALLER,
        lambda caller: cache_key(samples.ORDER._replace(caller=caller), samples.TARGET),
        {"tenant": "cj2"},
    ),
    Target: (
        samples.TARGET,
        lambda target: cache_key(samples.ORDER, target),
        {"provider": LLMProviderType.OPENROUTER, "model": "model-2"},
    ),
    Sampling: (
        samples.SAMPLING,
        lambda sampling: _asking(sampling=sampling),
        {
            "temperature": None,
            "top_p": 0.51,
            "max_output_tokens": 101,
            "stop": ("EN", "D"),
            "reasoning_effort": ReasoningEffortLevel.NONE,
        },
    ),
    Tool: (
        samples.TOOL,
        lambda tool: _asking(tools=(tool,)),
        {"name": "seek", "description": "", "parameters": {"type": "object", "x": None}},
    ),
    ResponseSchema: (
        samples.SCHEMA,
        lambda schema: _asking(response_schema=schema),
        {"name": "v", "schema": {"type": "object", "properties": {"a": {}}}},
    ),
    Message: (
        samples.MESSAGE,
        lambda message: _asking(messages=(message,)),
        {"role": Role.ASSISTANT, "parts": tuple(reversed(samples.PARTS))},
    ),
    TextPart: (samples.PARTS[0], _with_part, {"text": ""}),
    ImagePart: (samples.PARTS[1], _with_part, {"media_type": "image/webp", "data_base64": "aGVqaGVq"}),
    ToolCallPart: (samples.PARTS[2], _with_part, {"call_id": "c2", "name": "seek", "arguments": {"page": "3"}}),
    ToolResultPart: (
        samples.PARTS[3],
        _with_part,
        {"call_id": "c2", "name": "seek", "content": "all", "is_error": False},
    ),
    ReasoningPart: (samples.PARTS[4], _with_part, {"text": "ah", "signature": None}),
}
# What does not change the answer, with another value for each.
LEFT_OUT: Mapping[type, Mapping[str, Any]] = {
    CompletionOrder: {
        "request_id": "r-2",
        "correlation_id": "c-2",
        "user_id": None,
        "tags": (),
        "provider": None,
        "model": None,
        "fallback": FallbackMode.NONE,
        "cache": CacheMode.REFRESH,
        "timeout_seconds": None,
        "may_retry": False,
    },
    CompletionRequest: {"accept": lambda answer: None},
    Caller: {"service": "another"},
    Target: {"account": "second"},
}
# What else must be equal before two running requests may share an answer.

FLIGHT_ONLY = {"provider", "model", "fallback", "cache"}


def _names(kind: type) -> list[str]:
    named: tuple[str, ...] | None = getattr(kind, "_fields", None)
    return [field.name for field in fields(kind)] if named is None else list(named)


def _changed(sample: Any, **changes: Any) -> Any:
    return (
        sample._replace(**changes)
        if isinstance(sample, CompletionOrder | Target | Sampling)
        else replace(sample, **changes)
    )


EVERY_FIELD = [(kind, name) for kind in ROWS for name in _names(kind) if name not in LEFT_OUT.get(kind, {})]
EVERY_FIELD_LEFT_OUT = [(kind, name) for kind, names in LEFT_OUT.items() for name in names]


@pytest.mark.parametrize(("kind", "name"), EVERY_FIELD)
def test_every_field_that_can_change_the_answer_changes_the_key(kind: type, name: str) -> None:
    sample, key_with, others = ROWS[kind]
    assert getattr(sample, name) != others[name]
    assert key_with(_changed(sample, **{name: others[name]})).digest != key_with(sample).digest


@pytest.mark.parametrize(("kind", "name"), EVERY_FIELD_LEFT_OUT)
def test_what_does_not_change_the_answer_does_not_change_the_key(kind: type, name: str) -> None:
    sample, key_with, _ = ROWS[kind]
    changed = _changed(sample, **{name: LEFT_OUT[kind][name]})
    assert getattr(changed, name) != getattr(sample, name)
    assert key_with(changed) == key_with(sample)


def test_every_kind_of_content_has_a_row_and_is_told_by_the_names_of_its_fields() -> None:
    kinds = get_args(ContentPart)
    assert set(kinds) <= set(ROWS)
    assert len({frozenset(_names(kind)) for kind in kinds}) == len(kinds)


def test_what_was_given_differs_from_the_same_value_as_a_default() -> None:
    by_the_caller = _asking(sampling=Sampling(temperature=0.0), defaults=Sampling())
    by_default = _asking(sampling=Sampling(), defaults=Sampling(temperature=0.0))
    assert by_the_caller != by_default


@pytest.mark.parametrize("name", [None, "1" * 64], ids=["by its texts", "by their name"])
def test_one_temperature_has_one_key_however_it_is_written_and_whoever_came_first(name: str | None) -> None:
    keys = set()
    for zero in (-0.0, 0.0, 0):
        keys.add(_asking(prompt_sha256=name, sampling=Sampling(temperature=zero)))
        for limit in range(1, KEPT_HASHES + 1):  # now nothing is remembered of it
            _asking(prompt_sha256=name, sampling=Sampling(max_output_tokens=limit))
    assert len(keys) == 1


def test_zero_differs_from_not_given() -> None:
    assert _asking(sampling=Sampling(temperature=0.0)) != _asking(sampling=Sampling(temperature=None))


@pytest.mark.parametrize("system", ["You judge.", "a lone surrogate is written another way: \ud800"])
def test_the_order_of_a_schemas_properties_is_part_of_the_key(system: str) -> None:
    turned = ResponseSchema(name="verdict", schema={"type": "object", "properties": {"b": {}, "a": {}}})
    assert turned == samples.SCHEMA
    assert _asking(system=system, response_schema=turned) != _asking(system=system, response_schema=samples.SCHEMA)


def test_all_beside_the_texts_of_a_request_that_names_them_changes_its_key() -> None:
    named = replace(samples.REQUEST, prompt_sha256="1" * 64)
    row = ROWS[CompletionRequest][2]
    requests = [replace(named, **{name: row[name]}) for name in ("tools", "sampling", "defaults", "response_schema")]
    order, target = samples.ORDER._replace(request=named), samples.TARGET
    asked = [
        (order, target),
        *((order._replace(request=request), target) for request in requests),
        (order._replace(caller=Caller(tenant="another", service="s")), target),
        (order._replace(request_type="another"), target),
        (order._replace(sample_index=order.sample_index + 1), target),
        (order, target._replace(provider=LLMProviderType.GOOGLE)),
        (order, target._replace(model="another")),
    ]
    digests = [cache_key(*one).digest for one in asked]
    assert len(set(digests)) == len(digests)
    assert [cache_key(*one).digest for one in asked] == digests


def test_an_equal_schema_in_another_order_is_another_one_for_a_request_that_names_its_texts_too() -> None:
    turned = [ResponseSchema(name="verdict", schema=dict(order)) for order in permutations((("a", 1), ("b", 2)))]
    keys = [_asking(prompt_sha256="1" * 64, response_schema=schema) for schema in (*turned, *turned)]
    assert turned[0] == turned[1]
    assert keys[0] != keys[1]
    assert keys[2:] == keys[:2]


def test_a_key_stays_the_same_when_many_other_kinds_of_requests_came_between() -> None:
    keys = [_asking(prompt_sha256="1" * 64, sampling=Sampling(max_output_tokens=limit)) for limit in range(1, 600)]
    assert len(set(keys)) == len(keys)
    assert _asking(prompt_sha256="1" * 64, sampling=Sampling(max_output_tokens=1)) == keys[0]


TEXTS = st.lists(st.text(alphabet=st.characters() | st.sampled_from('",[]{}\\\0:\ud800\udfff'), max_size=8), max_size=4)


@given(TEXTS, TEXTS)
def test_no_two_conversations_share_a_key(one: list[str], other: list[str]) -> None:
    keys = [_asking(messages=tuple(Message(Role.USER, (TextPart(text),)) for text in texts)) for texts in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


@given(st.text(), st.text())
def test_no_two_tenants_share_a_key(one: str, other: str) -> None:
    keys = [
        cache_key(samples.ORDER._replace(caller=Caller(tenant=tenant, service="s")), samples.TARGET)
        for tenant in (one, other)
    ]
    assert (keys[0].digest == keys[1].digest) == (str(keys[0]) == str(keys[1])) == (one == other)


def test_the_text_form_is_the_tenant_and_a_hexadecimal_sha256() -> None:
    key = cache_key(samples.ORDER, samples.TARGET)
    tenant, digest = str(key).split(":")
    assert (tenant, digest) == ("cj", key.digest)
    assert len(digest) == 64
    assert set(digest) <= set(string.hexdigits.lower())


@pytest.mark.parametrize("name", sorted(LEFT_OUT[CompletionOrder]))
def test_running_requests_share_an_answer_unless_they_may_end_elsewhere(name: str) -> None:
    key = cache_key(samples.ORDER, samples.TARGET)
    changed = samples.ORDER._replace(**{name: LEFT_OUT[CompletionOrder][name]})
    assert (flight_key(changed, key) != flight_key(samples.ORDER, key)) == (name in FLIGHT_ONLY)


@pytest.mark.parametrize("mode", FallbackMode)
def test_each_fallback_mode_flies_alone(mode: FallbackMode) -> None:
    key = cache_key(samples.ORDER, samples.TARGET)
    others = {flight_key(samples.ORDER._replace(fallback=other), key) for other in FallbackMode if other is not mode}
    assert flight_key(samples.ORDER._replace(fallback=mode), key) not in others


def test_running_requests_for_different_answers_never_share() -> None:
    key = cache_key(samples.ORDER, samples.TARGET)
    second = samples.ORDER._replace(sample_index=1)
    assert flight_key(samples.ORDER, key) != flight_key(second, cache_key(second, samples.TARGET))


def test_a_request_that_bypasses_the_cache_shares_with_nobody() -> None:
    order = samples.ORDER._replace(cache=CacheMode.BYPASS)
    assert flight_key(order, cache_key(order, samples.TARGET)) is None


def test_a_request_that_names_its_texts_is_known_by_that_name() -> None:
    named = replace(samples.REQUEST, prompt_sha256="1" * 64)
    keys = [
        cache_key(samples.ORDER._replace(request=request), samples.TARGET)
        for request in (named, replace(named, prompt_sha256="2" * 64), replace(named, sampling=Sampling()))
    ]
    assert len(set(keys)) == len(keys)
    assert cache_key(samples.ORDER._replace(request=replace(named, system="another")), samples.TARGET) == keys[0]
