"""The strict JSON reader accepts what every reader reads alike, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huleedu_service_libs.web.json_body import InvalidBody, read_json
from libs.service_libs.tests.web.json_texts import BROKEN, SOUND, TEXTS, Refused, damaged, slow_reading

REFUSED: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "", "empty"),
    "only spaces": (b" \n ", "", "empty"),
    "broken": (b'{"a":', "", "not valid JSON"),
    "trailing text": (b"{} x", "", "not valid JSON"),
    "trailing comma": (b'{"a":1,}', "", "not valid JSON"),
    "NaN": (b'{"a":NaN}', "", "not valid JSON"),
    "Infinity": (b"[Infinity]", "", "not valid JSON"),
    "minus Infinity": (b"[-Infinity]", "", "not valid JSON"),
    "float overflow": (b'{"a":1e999}', "", "not valid JSON"),
    "5000 digits": (b'{"a":' + b"7" * 5000 + b"}", "", "not valid JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", "", "not valid JSON"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "", "UTF-8"),
    "invalid UTF-8": (b'{"a":"\xff"}', "", "UTF-8"),
    "surrogate in UTF-8": (b'{"a":"\xed\xa0\x80"}', "", "UTF-8"),
    "lone surrogate": (rb'{"a":"\ud800"}', "", "not valid JSON"),
    "lone low surrogate": (rb'{"a":"\udc00 x"}', "", "not valid JSON"),
    "lone surrogate in a name": (rb'{"\ud800":1}', "", "not valid JSON"),
    "raw control character": (b'{"a":"\x00"}', "", "not valid JSON"),
    "NUL": (rb'{"a":{"b/~":["x\u0000"]}}', "/a/b~1~0/0", "U+0000"),
    "NUL in a name": (rb'{"a":{"x\u0000":1}}', "/a", "U+0000"),
    "duplicate": (b'{"a":1,"a":1}', "", "'a'"),
    "duplicate inside": (b'{"o":[0,{"b":1,"b":2}]}', "/o/1", "'b'"),
    "escaped duplicate": (rb'{"a":1,"\u0061":2}', "", "'a'"),
    "duplicate hidden by an escaped colon": (rb'{"a":1,"a":"\u003a"}', "", "'a'"),
    "duplicate hidden by two escaped colons": (rb'{"a":"x","a":"\u003A\u003a"}', "", "'a'"),
    "duplicate empty name": (b'{"":1,"":2}', "", "''"),
    "integer above 64 bits": (b'{"n":18446744073709551616}', "/n", "64 bits"),
    "integer below 64 bits": (b'{"n":[-9223372036854775809]}', "/n/0", "64 bits"),
    "65 levels": (b"[" * 65 + b"]" * 65, "", "deeply"),
    "2000 levels": (b"[" * 2000 + b"]" * 2000, "", "not valid JSON"),
    "200000 objects deep": (b'{"a":' * 200_000, "", "not valid JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_doubtful_body_is_refused_with_its_place(name: str) -> None:
    raw, pointer, message = REFUSED[name]
    with pytest.raises(InvalidBody) as caught:
        read_json(raw)
    assert caught.value.pointer == pointer
    assert message in caught.value.message


@pytest.mark.parametrize(
    "raw",
    [
        b"null",
        b" {} ",
        b"[]",
        b"0.1e-400",
        b'{"a":"x:y","b:c":[":",{"d":"::"}],"e":{}}',
        rb'{"a":"\u003a","b":"\\u003a","c":"\\u0000"}',
        rb'{"a":"\u00e5\ud83d\ude00"}',
        b'{"n":[18446744073709551615,-9223372036854775808,1e300,-1e300,9223372036854775808.0]}',
        b"[" * 64 + b"]" * 64,
        b'{"a":{"x":1},"b":{"x":1}}',
    ],
)
def test_a_sound_body_is_read_as_the_standard_library_reads_it(raw: bytes) -> None:
    assert read_json(raw) == json.loads(raw)


def test_the_depth_limit_can_be_lowered() -> None:
    assert read_json(b"[[1]]", max_depth=2) == [[1]]
    for raw in (b"[[[1]]]", b"[[[]]]", b'{"a":{"b":{}}}'):
        with pytest.raises(InvalidBody, match="deeply"):
            read_json(raw, max_depth=2)


@pytest.mark.parametrize("levels", [65, 150, 201, 700, 1000, 1020])
@pytest.mark.parametrize("other", [b"1", b"1e19", rb'"\u0000"', b"18446744073709551616", b'{"a":1,"a":2}'])
def test_deep_nesting_is_refused_whatever_stands_before_it(levels: int, other: bytes) -> None:
    raw = b'{"other":' + other + b',"deep":' + b"[" * levels + b"]" * levels + b"}"
    with pytest.raises(InvalidBody, match="deeply"):
        read_json(raw)


def test_what_only_the_first_reader_refuses_is_refused_in_its_words() -> None:
    with pytest.raises(InvalidBody, match="not valid JSON: recursion limit exceeded at line 1 column 202"):
        read_json(b"[" * 250 + b"]" * 250, max_depth=300)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a":1,\n "b":}', "not valid JSON: unexpected character, expected a JSON value (line 2, column 6)"),
        (b'{"a":1,\n "b":[1e400]}', "not valid JSON: number is infinity when parsed as double (line 2, column 7)"),
        (
            '{"\u00e5":\n"\u00e5" x}'.encode(),
            "not valid JSON: unexpected character, expected ',' or '}' (line 2, column 5)",
        ),
        (b'{"a":"\xe5"}', "not valid UTF-8"),
        (b'\n{"long name":1,"long name":2}', "the member 'long name' is given more than once"),
    ],
)
def test_a_refusal_says_where(raw: bytes, message: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        read_json(raw)
    assert caught.value.message == message


@pytest.mark.parametrize("name", SOUND)
def test_a_text_at_the_edge_of_the_grammar_is_read(name: str) -> None:
    assert repr(read_json(SOUND[name])) == repr(json.loads(SOUND[name])) == repr(slow_reading(SOUND[name]))


@pytest.mark.parametrize("name", BROKEN)
def test_a_text_beyond_the_grammar_or_the_rules_is_refused(name: str) -> None:
    with pytest.raises(InvalidBody):
        read_json(BROKEN[name])
    with pytest.raises(Refused):
        slow_reading(BROKEN[name])


def _has_duplicates(raw: bytes) -> bool:
    found = False

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        found = found or len(dict(members)) != len(members)
        return dict(members)

    json.loads(raw, object_pairs_hook=pairs)
    return found


def _escaped_at_random(text: str, mask: int) -> str:
    """A JSON string literal of *text*, with the characters that *mask* chooses written as escapes."""
    out = []
    for index, character in enumerate(text):
        escape = f"\\u{ord(character):04x}" if (mask >> (index % 16)) & 2 else f"\\u{ord(character):04X}"
        must = character in '"\\' or ord(character) < 0x20
        out.append(escape if must or (mask >> (index % 16)) & 1 else character)
    return '"' + "".join(out) + '"'


_literals = st.builds(_escaped_at_random, st.text(alphabet='a:b"\\,{u03', max_size=5), st.integers(0, 2**16 - 1))
_documents = st.recursive(
    _literals | st.sampled_from(["0", "null", "true", "1.5", "{}", "[]"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(st.tuples(_literals, inner), max_size=4).map(
            lambda members: "{" + ", ".join(f"{name} : {value}" for name, value in members) + "}"
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=600, deadline=None)
@given(document=_documents)
def test_no_duplicate_passes_and_no_sound_document_is_refused(document: str) -> None:
    raw = document.encode()
    if _has_duplicates(raw):
        with pytest.raises(InvalidBody, match="more than once"):
            read_json(raw)
    else:
        assert read_json(raw) == json.loads(raw)


def _is_read_as_slowly(raw: bytes) -> None:
    try:
        wanted = slow_reading(raw)
    except Refused:
        with pytest.raises(InvalidBody):
            read_json(raw)
    else:
        assert repr(read_json(raw)) == repr(wanted)


@settings(max_examples=500, deadline=None)
@given(text=TEXTS)
def test_a_text_is_read_as_by_rule(text: str) -> None:
    _is_read_as_slowly(text.encode())


@settings(max_examples=500, deadline=None)
@given(text=TEXTS, place=st.integers(0, 200), cut=st.integers(0, 2), put=st.binary(max_size=2))
def test_a_damaged_text_is_read_as_by_rule(text: str, place: int, cut: int, put: bytes) -> None:
    _is_read_as_slowly(damaged(text.encode(), place, cut, put))


@settings(max_examples=300, deadline=None)
@given(raw=st.binary(max_size=64))
def test_any_bytes_are_read_or_refused_but_never_crash(raw: bytes) -> None:
    try:
        value = read_json(raw)
    except InvalidBody:
        return
    assert value == json.loads(raw)
