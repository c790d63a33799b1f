"""Where jiter, which reads bodies, and orjson, which words refusals, differ: in these five ways, and in no other."""

from __future__ import annotations

from typing import Any

import jiter
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.service_libs.tests.web.json_texts import BROKEN, SOUND, TEXTS, damaged


def by_jiter(raw: bytes) -> Any:
    """As `read_json` calls it."""
    return jiter.from_json(raw, allow_inf_nan=False, cache_mode="none", catch_duplicate_keys=True)


def outcome(reader: Any, raw: bytes) -> tuple[Any, str]:
    """The value, or why there is none."""
    try:
        return reader(raw), ""
    except ValueError as error:
        return None, str(error)


def with_floats_for_wide_integers(value: Any) -> Any:
    """*value*, which jiter read, as orjson reads it."""
    if isinstance(value, dict):
        return {name: with_floats_for_wide_integers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [with_floats_for_wide_integers(item) for item in value]
    return float(value) if type(value) is int and not -(2**63) <= value < 2**64 else value


def differ_as_known(raw: bytes) -> None:
    """Fail if the two differ over *raw* in another way than we know."""
    ours, our_reason = outcome(by_jiter, raw)
    theirs, their_reason = outcome(orjson.loads, raw)
    if our_reason and not their_reason:
        assert our_reason.startswith(("Detected duplicate key", "recursion limit exceeded"))
    elif their_reason and not our_reason:
        assert their_reason.startswith("number is infinity")
    elif not our_reason:
        assert repr(with_floats_for_wide_integers(ours)) == repr(theirs)


@pytest.mark.parametrize("name", SOUND | BROKEN)
def test_they_read_the_edges_of_the_grammar_alike(name: str) -> None:
    differ_as_known((SOUND | BROKEN)[name])


@settings(max_examples=500, deadline=None)
@given(text=TEXTS, place=st.integers(0, 200), cut=st.integers(0, 2), put=st.binary(max_size=2))
def test_they_read_any_text_alike(text: str, place: int, cut: int, put: bytes) -> None:
    differ_as_known(text.encode())
    differ_as_known(damaged(text.encode(), place, cut, put))


def test_jiter_reads_an_overflow_as_infinity_though_it_may_not() -> None:
    assert by_jiter(b"[1e400,-1e400]") == [float("inf"), -float("inf")]
    assert outcome(orjson.loads, b"1e400")[1].startswith("number is infinity")


def test_jiter_reads_integers_of_up_to_4300_digits() -> None:
    assert by_jiter(b"18446744073709551616") == 2**64
    assert by_jiter(b"1" * 4300) == int("1" * 4300)
    assert outcome(by_jiter, b"1" * 4301)[1].startswith("number out of range")
    assert orjson.loads(b"18446744073709551616") == 2.0**64


def test_jiter_refuses_duplicates_of_which_orjson_takes_the_last() -> None:
    raw = rb'{"a":1,"\u0061":2}'
    assert outcome(by_jiter, raw)[1].startswith('Detected duplicate key "a"')
    assert orjson.loads(raw) == {"a": 2}


@pytest.mark.parametrize(("reader", "most"), [(by_jiter, 201), (orjson.loads, 1024)])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":[', b"]}")])
def test_jiter_stops_at_fewer_levels(reader: Any, most: int, opening: bytes, closing: bytes) -> None:
    def nested(levels: int) -> bytes:
        times = levels // len(closing)
        return b"[" * (levels % len(closing)) + opening * times + closing * times + b"]" * (levels % len(closing))

    assert outcome(reader, nested(most))[1] == ""
    assert "limit exceeded" in outcome(reader, nested(most + 1))[1]


def test_jiter_takes_bytes_only() -> None:
    assert orjson.loads(bytearray(b"1")) == orjson.loads("1") == by_jiter(b"1") == 1
    with pytest.raises(TypeError):
        jiter.from_json(bytearray(b"1"))  # type: ignore[arg-type]
