"""The capability table, and what it says about a request."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import ReasoningEffortLevel
from services.llm_provider_service.domain.completion import CompletionRequest, Sampling
from services.llm_provider_service.domain.model import StructuredOutput
from services.llm_provider_service.providers.models.capabilities import (
    CAPABILITY_DATE,
    CAPABILITY_SOURCE,
    profile_for,
    profiles,
    unsupported,
)
from services.llm_provider_service.providers.models.model_table import read_table
from services.llm_provider_service.tests.unit.providers.samples import (
    QUESTION,
    TOOLS,
    VERDICT,
    VERDICT_SCHEMA,
    WEATHER,
)

OPENAI, ANTHROPIC, GOOGLE = LLMProviderType.OPENAI, LLMProviderType.ANTHROPIC, LLMProviderType.GOOGLE
LOW, NONE, MINIMAL = ReasoningEffortLevel.LOW, ReasoningEffortLevel.NONE, ReasoningEffortLevel.MINIMAL


def test_the_table_says_where_it_is_from_and_of_when() -> None:
    assert "2026" in CAPABILITY_SOURCE
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", CAPABILITY_DATE)


@pytest.mark.parametrize("provider", list(LLMProviderType))
def test_every_provider_has_models_and_knows_what_an_unknown_one_gets(provider: LLMProviderType) -> None:
    known = any(profile.provider is provider for profile in profiles())
    assert known is (provider is not LLMProviderType.OPENAI_COMPATIBLE), "of any server, no model is known"
    unknown = profile_for(provider, "model-of-tomorrow")
    assert (unknown.known, unknown.id, unknown.canonical) == (False, "model-of-tomorrow", "model-of-tomorrow")


def test_every_row_is_found_under_its_own_name() -> None:
    for profile in profiles():
        assert profile_for(profile.provider, profile.id) is profile
        assert profile.known


def test_every_known_model_can_give_a_verdict() -> None:
    for profile in profiles():
        assert profile.structured_output is not StructuredOutput.NONE
        assert unsupported(VERDICT, profile) == ()


def test_every_effort_of_the_table_is_a_word_or_a_number_of_tokens_below_the_output_limit() -> None:
    for profile in profiles():
        for word in profile.efforts.values():
            assert not word.isdigit() or int(word) < (profile.max_output_tokens or 1_000_000)


def test_the_same_weights_have_the_same_name_everywhere() -> None:
    shared = {profile.canonical for profile in profiles() if profile.provider is LLMProviderType.OPENROUTER} & {
        profile.canonical for profile in profiles() if profile.provider is not LLMProviderType.OPENROUTER
    }
    assert {"claude-sonnet-5-5", "gpt-6-astra", "gemini-3.8-flash", "llama3.3"} <= shared


def test_a_dated_name_is_the_same_model() -> None:
    dated = profile_for(ANTHROPIC, "claude-haiku-4-5-20251001")
    assert (dated.known, dated.canonical, dated.id) == (True, "claude-haiku-4-5", "claude-haiku-4-5-20251001")


def test_the_mock_takes_everything() -> None:
    mock = profile_for(LLMProviderType.MOCK, "mock-judge-1")
    everything = CompletionRequest(
        messages=TOOLS.messages,
        tools=TOOLS.tools,
        response_schema=VERDICT_SCHEMA,
        sampling=Sampling(temperature=2.0, top_p=0.1, stop=("x",), max_output_tokens=5, reasoning_effort=LOW),
    )
    assert mock.known
    assert unsupported(everything, mock) == ()


def asked(**sampling: Any) -> CompletionRequest:
    return CompletionRequest(messages=QUESTION, sampling=Sampling(**sampling))


@pytest.mark.parametrize(
    ("provider", "model", "request_", "fields"),
    [
        (OPENAI, "gpt-5", asked(temperature=0.0), ["temperature"]),
        (OPENAI, "o3", asked(temperature=0.5, top_p=0.5, stop=("x",)), ["temperature", "top_p", "stop"]),
        (OPENAI, "gpt-5", asked(reasoning_effort=NONE), ["reasoning_effort"]),
        (OPENAI, "gpt-5", asked(reasoning_effort=MINIMAL), []),
        (OPENAI, "gpt-5.4", asked(temperature=0.0), []),
        (OPENAI, "gpt-5.4", asked(temperature=0.0, reasoning_effort=LOW), ["temperature"]),
        (OPENAI, "gpt-5.6-sol", asked(temperature=0.0), ["temperature"]),
        (OPENAI, "gpt-5.6-sol", asked(temperature=0.0, reasoning_effort=NONE), []),
        (OPENAI, "gpt-6-astra", TOOLS, ["tools"]),
        (OPENAI, "gpt-5.6-sol", TOOLS, []),
        (
            OPENAI,
            "gpt-5.6-sol",
            CompletionRequest(messages=QUESTION, tools=(WEATHER,), sampling=Sampling(reasoning_effort=LOW)),
            ["tools"],
        ),
        (OPENAI, "gpt-4", TOOLS, ["images"]),
        (OPENAI, "gpt-4o", asked(max_output_tokens=16_385), ["max_tokens"]),
        (OPENAI, "gpt-4o", asked(max_output_tokens=16_384, temperature=2.0, top_p=1.0), []),
        (ANTHROPIC, "claude-haiku-4-5", asked(temperature=1.5), ["temperature"]),
        (ANTHROPIC, "claude-haiku-4-5", asked(temperature=0.5, top_p=0.9), ["top_p"]),
        (ANTHROPIC, "claude-haiku-4-5", asked(temperature=0.5, reasoning_effort=LOW), ["temperature"]),
        (ANTHROPIC, "claude-haiku-4-5", asked(max_output_tokens=2048, reasoning_effort=LOW), ["max_tokens"]),
        (ANTHROPIC, "claude-opus-5-5", asked(temperature=1.0), ["temperature"]),
        (ANTHROPIC, "claude-opus-5-5", asked(reasoning_effort=NONE), ["reasoning_effort"]),
        (
            ANTHROPIC,
            "claude-opus-4-1",
            CompletionRequest(
                messages=QUESTION, response_schema=VERDICT_SCHEMA, sampling=Sampling(reasoning_effort=LOW)
            ),
            ["reasoning_effort"],
        ),
        (GOOGLE, "gemini-4-argon", asked(temperature=0.0), ["temperature"]),
        (GOOGLE, "gemini-3.8-flash", asked(temperature=0.0, reasoning_effort=MINIMAL), []),
        (OPENAI, "model-of-tomorrow", asked(temperature=2.0, reasoning_effort=NONE, max_output_tokens=10**6), []),
    ],
)
def test_what_a_model_cannot_honour_is_named(
    provider: LLMProviderType, model: str, request_: CompletionRequest, fields: list[str]
) -> None:
    found = unsupported(request_, profile_for(provider, model))
    assert [item.field for item in found] == fields
    assert all(model in item.message for item in found)


def test_our_own_defaults_are_never_unsupported() -> None:
    wishes = CompletionRequest(
        messages=QUESTION,
        defaults=Sampling(temperature=2.0, top_p=0.1, stop=("x",), max_output_tokens=10**6, reasoning_effort=MINIMAL),
    )
    assert all(unsupported(wishes, profile) == () for profile in profiles())


GOOD: dict[str, Any] = {
    "source": "s",
    "date": "2026-01-01",
    "providers": {
        provider.value: {"note": "n", "common": {"structured_output": "json_schema"}, "models": [{"id": "m"}]}
        for provider in LLMProviderType
    },
}


def changed(**common: Any) -> bytes:
    document = orjson.loads(orjson.dumps(GOOD))
    document["providers"]["openai"]["common"].update(common)
    return orjson.dumps(document)


def test_a_good_table_is_read() -> None:
    assert len(read_table(orjson.dumps(GOOD)).profiles) == len(LLMProviderType)


def with_section(**section: Any) -> bytes:
    return orjson.dumps({**GOOD, "providers": {**GOOD["providers"], "openai": {"note": "n", **section}}})


def test_a_section_takes_what_it_leaves_out_from_the_one_that_it_is_like_but_no_models() -> None:
    table = read_table(with_section(like="google", schema_keywords_refused=["x"], models=[{"id": "own"}]))
    assert [profile.id for profile in table.profiles if profile.provider is OPENAI] == ["own"]
    assert table.unknown[OPENAI].structured_output is StructuredOutput.JSON_SCHEMA
    assert table.schema_keywords_refused[OPENAI] == {"x"}
    assert not any(profile.provider is OPENAI for profile in read_table(with_section(like="google")).profiles)


@pytest.mark.parametrize(
    "document",
    [
        with_section(like="nobody", models=[]),
        changed(temprature=True),
        changed(temperature="yes"),
        changed(context_window=-1),
        changed(context_window=1.5),
        changed(structured_output="maybe"),
        changed(efforts={"extreme": "x"}),
        changed(temperature_max=7.0),
        orjson.dumps({**GOOD, "date": "yesterday"}),
        orjson.dumps({**GOOD, "extra": 1}),
        orjson.dumps({**GOOD, "providers": {"openai": GOOD["providers"]["openai"]}}),
        orjson.dumps(
            {
                **GOOD,
                "providers": {
                    **GOOD["providers"],
                    "openai": {**GOOD["providers"]["openai"], "models": [{"id": "m"}, {"id": "m"}]},
                },
            }
        ),
        b"[]",
    ],
)
def test_a_wrong_table_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"capability table|not a valid"):
        read_table(document)
