"""JSON texts at the edges of the grammar, by name and made at random, and a slow reader that keeps rule after rule."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from hypothesis import strategies as st

MOST_LEVELS: Final = 64

SOUND: Final[dict[str, bytes]] = {
    "null alone": b"null",
    "true alone": b"true",
    "false alone": b"false",
    "number alone": b"-7",
    "string alone": b'"x"',
    "empty string": b'""',
    "empty object": b"{}",
    "empty array": b"[]",
    "white space of all kinds": b' \t\r\n{ \t\r\n"a" \t\r\n: \t\r\n[ 1 \t\r\n, 2 ] \t\r\n} \t\r\n',
    "zero": b"[0,-0,0.0,-0.0,0e0,0E+1,-0e-1]",
    "exponents": b"[1e1,1E1,1e+1,1e-1,1.5E+10,12.25e-3,1e00005]",
    "underflow": b"[1e-400,-1e-400,0.1e-400,2e-324,1e-99999999999999999999]",
    "zero with a vast exponent": b"[0e999999999999,0.0E400]",
    "subnormal": b"[5e-324,2.2250738585072011e-308,-4.9406564584124654e-324]",
    "largest float": b"[1.7976931348623157e308,-1.7976931348623158e+308,1.797693134862315807e308]",
    "many digits": b"[0.1000000000000000055511151231257827,1." + b"3" * 900 + b",9007199254740993.0]",
    "integer's edges": b"[18446744073709551615,-9223372036854775808,9223372036854775807]",
    "a float past 64 bits": b"[18446744073709551616.0,1e19,1e300]",
    "escapes": rb'["\"\\\/\b\f\n\r\t","\u0041\u00e5\u20ac\u2028\uFFFF\uffff"]',
    "surrogate pair": rb'["\ud83d\ude00","\uD83D\uDE00","\udbff\udfff"]',
    "escaped backslash before u0000": rb'["\\u0000","\\\\u0000"]',
    "raw DEL and C1": '["\x7f\x80\x9f"]'.encode(),
    "raw non-characters": '["\ufffe\uffff\U0010ffff\ufdd0"]'.encode(),
    "raw separators": '["\u2028\u2029\ufeff"]'.encode(),
    "names with anything": rb'{"":1," ":2,"a/b~c":3,"\n":4,"\u00e5":5,"x\":":6}',
    "what looks like members": rb'{"a":"\"x\":1,\"x\":2","b":"{\"y\" :0}"}',
    "names that differ in case": b'{"a":1,"A":2}',
    "names that differ in normal form": '{"\u00e5":1,"a\u030a":2}'.encode(),
    "one name in two objects": b'[{"a":1},{"a":{"a":2}}]',
    "64 levels": b"[" * 64 + b"]" * 64,
    "64 levels of objects": b'{"a":' * 64 + b"1" + b"}" * 64,
}

BROKEN: Final[dict[str, bytes]] = {
    "nothing": b"",
    "white space only": b" \t\r\n",
    "unclosed": b'{"a":[1',
    "closed twice": b"[1]]",
    "closed by the other": b'{"a":1]',
    "never opened": b"]",
    "two texts": b"1 2",
    "a text and a NUL": b"{}\x00",
    "comma first": b"[,1]",
    "comma last": b"[1,]",
    "comma twice": b"[1,,2]",
    "comma alone": b"{,}",
    "comma last in an object": b'{"a":1,}',
    "no comma": b"[1 2]",
    "no comma in an object": b'{"a":1 "b":2}',
    "no colon": b'{"a" 1}',
    "colon twice": b'{"a"::1}',
    "no value": b'{"a":}',
    "no name": b"{:1}",
    "bare name": b"{a:1}",
    "name in single quotes": b"{'a':1}",
    "number for a name": b"{1:1}",
    "comment": b"/* */ 1",
    "comment at the end": b"1 // x",
    "NaN": b"[NaN]",
    "nan": b"nan",
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "minus NaN": b"[-NaN]",
    "True": b"True",
    "half a word": b"[tru]",
    "word and more": b"nullx",
    "plus": b"+1",
    "minus alone": b"-",
    "minus twice": b"--1",
    "minus and space": b"- 1",
    "leading zero": b"01",
    "minus and leading zero": b"-01",
    "two zeros": b"00",
    "leading point": b".5",
    "trailing point": b"1.",
    "point and exponent": b"1.e1",
    "no exponent": b"1e",
    "no digits after the sign": b"1e+",
    "broken exponent": b"1e1.5",
    "hexadecimal": b"0x1",
    "underscore": b"1_0",
    "other digits": "[\uff11]".encode(),
    "float overflow": b"[1e400]",
    "negative overflow": b"-1.8e308",
    "overflow by digits": b"9" * 400 + b".0",
    "overflow by a hair": b"1.7976931348623159e308",
    "vast exponent": b"0.1e99999999999999999999",
    "unclosed string": b'"abc',
    "unclosed escape": b'"abc\\',
    "raw line feed": b'"a\nb"',
    "raw tab": b'"a\tb"',
    "raw NUL": b'"a\x00b"',
    "raw control character in a name": b'{"\x1f":1}',
    "unknown escape": rb'"\x41"',
    "escaped quote of the other kind": rb'"\'"',
    "short u escape": rb'"\u12"',
    "u escape with another digit": rb'"\u00g0"',
    "u escape with a sign": rb'"\u+041"',
    "capital U": rb'"\U0041"',
    "lone high surrogate": rb'"\ud800"',
    "lone low surrogate": rb'"\udc00"',
    "surrogates the wrong way round": rb'"\ude00\ud83d"',
    "high surrogate twice": rb'"\ud83d\ud83d"',
    "high surrogate before a letter": rb'"\ud83d\u0041"',
    "high surrogate before an escape": rb'"\ud83d\n"',
    "invalid UTF-8": b'"\xff"',
    "invalid UTF-8 outside of a string": b"[1,\xff]",
    "invalid UTF-8 after the text": b"{}\xff",
    "cut UTF-8": b'"\xe2\x82"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "overlong NUL": b'"\xc0\x80"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "past Unicode": b'"\xf4\x90\x80\x80"',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "foreign white space": b"\xc2\xa01",
    "form feed": b"\x0c1",
    "vertical tab": b"1\x0b",
    "escaped NUL": rb'["\u0000"]',
    "escaped NUL in a name": rb'{"\u0000":1}',
    "integer above 64 bits": b"18446744073709551616",
    "integer below 64 bits": b"-9223372036854775809",
    "integer of 400 digits": b"7" * 400,
    "integer of 5000 digits": b"7" * 5000,
    "duplicate": b'{"a":1,"a":1}',
    "duplicate in another spelling": rb'{"a":1,"\u0061":1}',
    "duplicate deep inside": b'[[{"x":{"b":1,"c":2,"b":3}}]]',
    "duplicate across a nested object": b'{"a":{"a":1},"b":2,"a":3}',
    "65 levels": b"[" * 65 + b"]" * 65,
    "65 levels and something in them": b"[" * 65 + b"1" + b"]" * 65,
    "65 levels of objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "201 levels": b"[" * 201 + b"]" * 201,
    "1000 levels": b"[" * 1000 + b"]" * 1000,
    "100000 levels": b"[" * 100_000 + b"]" * 100_000,
    "100000 levels of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}


_digits = st.text("0123456789", max_size=3)
_numbers = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    st.sampled_from(["0", "1", "17", "9223372036854775807", "18446744073709551615", "18446744073709551616", "9" * 30]),
    st.just("") | st.builds(".{}".format, _digits) | st.just("." + "0" * 330 + "1"),
    st.just("") | st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), _digits),
)
_strings = st.lists(
    st.sampled_from(
        ["a", "\u00e5", "\U0001f600", ":", '\\"', "\\\\", "\\n", "\\u0041", "\\u0000", "\\ud83d", "\\ude00"]
    ),
    max_size=4,
).map(lambda parts: '"' + "".join(parts) + '"')
TEXTS: Final = st.recursive(
    _numbers | _strings | st.sampled_from(["null", "true", "false", "[]", "{}", "NaN", "[" * 63 + "]" * 63]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + ",\n".join(items) + "]"),
        st.lists(st.tuples(_strings, inner), max_size=3).map(
            lambda members: "{" + ", ".join(f"{name} : {value}" for name, value in members) + "}"
        ),
    ),
    max_leaves=10,
)
"""Texts of JSON and nearly of JSON: numbers around every edge, strings with every kind of escape, names twice."""


def damaged(raw: bytes, place: int, cut: int, put: bytes) -> bytes:
    """*raw* with *cut* bytes at about *place* replaced by *put*."""
    place %= len(raw) + 1
    return raw[:place] + put + raw[place + cut :]


class Refused(Exception):
    """The slow reader takes no such text."""


def slow_reading(raw: bytes) -> Any:
    """What the standard library makes of *raw*, which is more lenient, with our rules one after the other on top."""
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from None
    _require_sound(value, MOST_LEVELS)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refused("duplicate")
    return members


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise Refused("integer")
    return int(text)


def _float(text: str) -> float:
    if abs(float(text)) == float("inf"):
        raise Refused("overflow")
    return float(text)


def _no_constant(text: str) -> NoReturn:
    raise Refused(text)


def _require_sound(value: Any, levels: int) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise Refused("character")
    elif isinstance(value, dict | list):
        if not levels:
            raise Refused("depth")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _require_sound(item, levels - 1)
