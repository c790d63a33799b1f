"""A member of a body is written again with each of its numbers as it stood there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huleedu_service_libs.web.json_body import read_json
from huleedu_service_libs.web.verbatim_json import as_written


def echoed(raw: bytes) -> bytes:
    """The member "m" of *raw*, as it is written again."""
    return as_written(raw, "m", read_json(raw)["m"])


NUMBERS = (
    *("0", "-0", "-0e0", "0.00", "-0.0", "1.0", "1.10", "123456.7890", "0.1000000000000000055", "9007199254740993.0"),
    *("1E5", "1e+5", "1E-05", "1e-400", "-1e-400", "1.7976931348623157e308"),
    *("12345678901234567890", "18446744073709551615", "-9223372036854775808"),
)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("frame", ['{"n":%s}', '{"a":{"b":[[1,%s],null]},"c":"-0"}', '{"%%":[{"n":[%s]}]}', "[[%s]]"])
def test_a_number_comes_back_digit_for_digit(number: str, frame: str) -> None:
    member = frame % number
    assert echoed(f'{{"x":-0.0,"m":{member},"y":[1.50]}}'.encode()) == member.encode()


@pytest.mark.parametrize(
    ("member", "again"),
    [
        ("{}", "{}"),
        ('{ "b" : 1 , "a" : [ ] }', '{"b":1,"a":[]}'),
        ('{ "b" : 1.0 , "a" : [ ] }', '{"b":1.0,"a":[]}'),
        (r'{"\u0061\u00e5":"\/\u000a\ud83d\ude00","n":1.0}', '{"aå":"/\\n😀","n":1.0}'),
        (r'{"\u0061\u00e5":"\/\u000a\ud83d\ude00","n":1}', '{"aå":"/\\n😀","n":1}'),
        ('{"1.0":"1e5","t":true,"f":false,"n":null}', '{"1.0":"1e5","t":true,"f":false,"n":null}'),
    ],
)
def test_the_rest_is_compact_and_means_the_same(member: str, again: str) -> None:
    assert echoed(f'{{"m":{member}}}'.encode()) == again.encode()


def test_the_members_own_name_may_be_escaped_and_stand_elsewhere_too() -> None:
    raw = rb'{"t":"\"m\":{\"n\":1.00}","o":{"m":{"n":1.000}},"\u006d":{"m":{"m":1.0},"n":1.00}}'
    assert echoed(raw) == b'{"m":{"m":1.0},"n":1.00}'


def test_64_levels_are_written_again() -> None:
    member = b"[" * 63 + b"1.00" + b"]" * 63
    assert echoed(b'{"m":' + member + b"}") == member


_numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(st.text(max_size=3).map(json.dumps), inner, max_size=4).map(
            lambda members: "{" + ",".join(f"{name}: {value}" for name, value in members.items()) + "}"
        ),
    )


_leaves = _numbers | st.text(max_size=3).map(json.dumps) | st.sampled_from(["null", "true"])
_values = _containers(st.recursive(_leaves, _containers))


def _spelled(raw: bytes | str) -> Any:
    """The value of *raw*, with a list of the text in the place of each number."""
    return json.loads(raw, parse_float=lambda text: [text], parse_int=lambda text: [text])


@settings(max_examples=250, deadline=None)
@given(member=_values)
def test_numbers_keep_their_spelling_and_all_else_its_value(member: str) -> None:
    value = json.loads(member)
    again = as_written(f'{{"a": 1.0, "m": {member}}}'.encode(), "m", value)
    assert _spelled(again) == _spelled(member)
    assert repr(json.loads(again)) == repr(value)
