"""A strict JSON reader for request bodies: refuses what two parsers could read differently.

Besides wrong syntax it refuses: bytes that are not UTF-8, a byte order mark, NaN and infinities (written out or by
overflow), integers outside 64 bits, duplicate member names, U+0000 and lone surrogates in strings, deep nesting.

jiter refuses all of these except overflow, wide integers, U+0000 and our depth limit; we check those in the parsed
value. A body that is refused is parsed again for a better message: with line and column (orjson), or with a pointer
(the standard library, which reports every pair). Why these three parsers: docs/decisions/014-json-reader.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

import jiter
import orjson

MAX_DEPTH: Final = 64
_MIN_INTEGER: Final = -(2**63)
_MAX_INTEGER: Final = 2**64 - 1
_MAX_INTEGER_CHARACTERS: Final = 20
_MAX_FLOAT: Final = sys.float_info.max
_CONTAINERS: Final = frozenset({dict, list})


class InvalidBody(Exception):
    """The body is not JSON that we accept; *pointer* (RFC 6901) gives the place, empty for the whole body."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or 'body'}: {message}")
        self.pointer = pointer
        self.message = message


def read_json(raw: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Returns the value in *raw*; raises InvalidBody.

    *max_depth* counts nested containers, the outermost included; jiter reads at most 201.
    """
    try:
        # Without its cache of strings, which would save nothing here, jiter keeps nothing of one caller's for the next.
        value = jiter.from_json(raw, allow_inf_nan=False, cache_mode="none", catch_duplicate_keys=True)
        _look_through(value, max_depth)
    except ValueError as refusal:
        _name_offence(raw, max_depth)
        raise InvalidBody("", f"not valid JSON: {refusal}") from refusal
    return value


class _Offence(ValueError):
    """The value holds something that jiter accepts and we refuse."""


def _look_through(value: Any, max_depth: int) -> None:
    """Raise _Offence for a forbidden value in *value*; goes level by level, as a call per container is slow."""
    items: list[Any] = [value]
    for _ in range(max_depth):
        items = _items_in(items)
        if not items:
            return
    _items_in(items)
    if not _CONTAINERS.isdisjoint(map(type, items)):
        raise _Offence


def _items_in(items: Iterable[Any]) -> list[Any]:
    """Returns the contents of the containers in *items*, names included; raises _Offence for a forbidden value."""
    inner: list[Any] = []
    for item in items:
        kind = type(item)
        if kind is str:
            if "\0" in item:
                raise _Offence
        elif kind is int:
            if not _MIN_INTEGER <= item <= _MAX_INTEGER:
                raise _Offence
        elif kind is float:
            if not -_MAX_FLOAT <= item <= _MAX_FLOAT:
                raise _Offence
        elif kind is dict:
            inner += item
            inner += item.values()
        elif kind is list:
            inner += item
    return inner


def _name_offence(raw: bytes, max_depth: int) -> None:
    """Raise InvalidBody with what is wrong in *raw*; returns if the other two parsers find nothing wrong."""
    _require_depth(_parse(raw), max_depth)
    tree = json.loads(raw, object_pairs_hook=_object, parse_int=_integer)
    for pointer, message in _offences(tree, ""):
        raise InvalidBody(pointer, message)


def _parse(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        if not raw.strip():
            message = "the body is empty; JSON is expected"
        elif not _is_utf8(raw):
            message = "not valid UTF-8"
        else:
            message = f"not valid JSON: {exc.msg} (line {exc.lineno}, column {exc.colno})"
        raise InvalidBody("", message) from exc


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _require_depth(value: Any, max_depth: int) -> None:
    containers = [value] if type(value) in _CONTAINERS else []
    for _ in range(max_depth):
        inner = [item for one in containers for item in (one.values() if type(one) is dict else one)]
        containers = [item for item in inner if type(item) in _CONTAINERS]
    if containers:
        raise InvalidBody("", "nested too deeply")


class _Refused:
    """Marks a forbidden value in the tree of the standard library."""

    def __init__(self, message: str) -> None:
        self.message = message


def _integer(text: str) -> int | _Refused:
    if len(text) <= _MAX_INTEGER_CHARACTERS and _MIN_INTEGER <= (number := int(text)) <= _MAX_INTEGER:
        return number
    return _Refused("an integer must fit in 64 bits")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Refused:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    name = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return _Refused(f"the member {name[:80]!r} is given more than once")


def _offences(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    match value:
        case _Refused():
            yield pointer, value.message
        case str() if "\0" in value:
            yield pointer, "a string must not contain U+0000"
        case list():
            for index, item in enumerate(value):
                yield from _offences(item, f"{pointer}/{index}")
        case dict():
            for name, member in value.items():
                if "\0" in name:
                    yield pointer, "a member name must not contain U+0000"
                yield from _offences(member, f"{pointer}/{_escaped(name)}")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
