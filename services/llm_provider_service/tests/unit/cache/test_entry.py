"""Entries: what was encoded comes back, and whatever else comes is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import PricingStatus, ResultFlag
from services.llm_provider_service.cache.entry import VERSION, CachedAnswer, DamagedEntry, decode, encode
from services.llm_provider_service.domain.completion import (
    CompletionAnswer,
    FinishReason,
    ImagePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from services.llm_provider_service.domain.completion_order import CompletionResult
from services.llm_provider_service.domain.money import Cost
from services.llm_provider_service.domain.target import DEFAULT_ACCOUNT, Target
from services.llm_provider_service.domain.usage import Usage
from services.llm_provider_service.tests.unit.cache import samples

# With lone surrogates: vendors send them.
texts = st.text(alphabet=st.characters(codec=None), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
tokens = st.none() | st.integers(min_value=0)
parts = st.one_of(
    st.builds(TextPart, texts),
    st.builds(ImagePart, media_type=texts, data_base64=texts),
    st.builds(ToolCallPart, call_id=texts, name=texts, arguments=st.dictionaries(texts, json_values, max_size=3)),
    st.builds(ToolResultPart, call_id=texts, name=texts, content=texts, is_error=st.booleans()),
    st.builds(ReasoningPart, text=texts, signature=st.none() | texts),
)
entries = st.builds(
    CachedAnswer,
    answer=st.builds(
        CompletionAnswer,
        parts=st.lists(parts, max_size=4).map(tuple),
        finish_reason=st.sampled_from(FinishReason),
        usage=st.builds(
            Usage,
            input_tokens=tokens,
            output_tokens=tokens,
            cached_read_tokens=tokens,
            cache_write_5m_tokens=tokens,
            cache_write_1h_tokens=tokens,
            reasoning_tokens=tokens,
        ),
        model=texts,
        vendor_request_id=st.none() | texts,
    ),
    target=st.builds(Target, st.sampled_from(LLMProviderType), texts, st.just(DEFAULT_ACCOUNT)),
    cost=st.builds(
        Cost,
        usd=st.none() | st.decimals(min_value=0, max_value=10**6, places=18),
        status=st.sampled_from(PricingStatus),
        price_version=st.none() | texts,
    ),
    stored_at=st.floats(min_value=0, max_value=1e11),
    flags=st.frozensets(st.sampled_from(ResultFlag)),
)


@given(entries)
def test_every_entry_comes_back_equal(entry: CachedAnswer) -> None:
    assert decode(encode(entry)) == entry


def test_an_entry_with_no_field_at_its_default_comes_back_equal() -> None:
    assert decode(encode(samples.ENTRY)) == samples.ENTRY


@pytest.mark.parametrize("usd", [None, "0", "0.0021", "1E-18", "123456789.000000000000000001", "1E+3"])
def test_money_comes_back_exact(usd: str | None) -> None:
    amount = None if usd is None else Decimal(usd)
    entry = replace(samples.ENTRY, cost=Cost(usd=amount, status=PricingStatus.PRICED))
    assert decode(encode(entry)).cost.usd == amount


def test_arguments_nested_300_deep_come_back_equal() -> None:
    entry = _with_arguments(_nested(300))
    assert decode(encode(entry)) == entry


def test_arguments_nested_without_measure_are_refused() -> None:
    with pytest.raises(RecursionError):
        encode(_with_arguments(_nested(100_000)))


@given(st.binary())
def test_any_bytes_are_an_entry_or_damaged(raw: bytes) -> None:
    for tried in (raw, VERSION + raw, VERSION + b"\0" + raw):
        with pytest.raises(DamagedEntry):
            decode(tried)


@given(json_values)
def test_any_other_json_is_damaged(value: Any) -> None:
    with pytest.raises(DamagedEntry):
        decode(VERSION + orjson.dumps(_without_surrogates(value)))


@pytest.mark.parametrize(
    "tail", [b"[" * 100_000, b"\0" + b"[" * 100_000, b"\0NaN", b"\0" + b"9" * 5000, b"\0\xff", b""]
)
def test_what_a_json_reader_chokes_on_is_damaged(tail: bytes) -> None:
    with pytest.raises(DamagedEntry):
        decode(VERSION + tail)


def test_an_entry_that_was_cut_anywhere_is_damaged() -> None:
    raw = encode(samples.ENTRY)
    for length in range(len(raw)):
        with pytest.raises(DamagedEntry):
            decode(raw[:length])


def test_a_number_that_json_does_not_have_is_damaged() -> None:
    raw = encode(_with_arguments({"x": "\ud800", "y": 12345}))
    assert b"12345" in raw
    with pytest.raises(DamagedEntry):
        decode(raw.replace(b"12345", b"NaN"))


def test_an_entry_of_another_version_is_damaged() -> None:
    with pytest.raises(DamagedEntry, match="version"):
        decode(b"llm-answer-0\n" + encode(samples.ENTRY).removeprefix(VERSION))


@pytest.mark.parametrize("odd", [None, 1, 1.5, "odd", [], [[]], [["text"]], {}, {"odd": 1}, [["odd", {}]], [{}], "-"])
def test_an_odd_value_in_any_place_is_damaged_or_a_value_of_that_kind(odd: Any) -> None:
    """Where *odd* happens to be possible, what comes back says it again in exactly the same bytes."""
    record = orjson.loads(encode(samples.ENTRY)[len(VERSION) :])
    for path in _places(record):
        raw = VERSION + orjson.dumps(_with(record, path, odd))
        try:
            entry = decode(raw)
        except DamagedEntry:
            continue
        assert encode(entry) == raw


@pytest.mark.parametrize("usd", ["", "1E+999999999", "NaN", "Infinity", "1_0", "٣", "1" * 41, " 1", "1\n"])
def test_an_amount_that_is_no_plain_number_is_damaged(usd: str) -> None:
    record = orjson.loads(encode(samples.ENTRY)[len(VERSION) :])
    record["cost"]["usd"] = usd
    with pytest.raises(DamagedEntry):
        decode(VERSION + orjson.dumps(record))


def test_damage_is_described_without_quoting_it() -> None:
    with pytest.raises(DamagedEntry) as caught:
        decode(VERSION + b'{"secret": "essay"}')
    assert "essay" not in str(caught.value)


def test_only_the_flags_that_stay_with_the_answer_are_kept() -> None:
    result = CompletionResult(
        answer=samples.ENTRY.answer,
        target=samples.TARGET,
        cost=samples.ENTRY.cost,
        attempts=(),
        cached=False,
        flags=frozenset(ResultFlag),
    )
    entry = CachedAnswer.of(result, stored_at=7.0)
    assert entry.flags == {ResultFlag.UNKNOWN_MODEL, ResultFlag.USAGE_UNKNOWN, ResultFlag.REASKED}
    assert (entry.answer, entry.target, entry.cost) == (result.answer, result.target, result.cost)
    assert entry.stored_at == 7.0


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"x": value}
    return value


def _with_arguments(arguments: dict[str, Any]) -> CachedAnswer:
    part = ToolCallPart(call_id="c", name="n", arguments=arguments)
    return replace(samples.ENTRY, answer=replace(samples.ENTRY.answer, parts=(part,)))


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_without_surrogates(item) for item in value]
        case dict():
            return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
        case int() if abs(value) >= 2**63:
            return 0
        case _:
            return value


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for name, item in inner for place in _places(item, (*path, name)))]


def _with(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], odd)
    return copy
