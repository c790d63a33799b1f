"""Reads JSON from a vendor, which may be malformed in any way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson


class NotJson(ValueError):
    """The bytes are no JSON document."""


def read_json(body: bytes) -> Any:
    """Returns the document in *body*; raises `NotJson` for anything else, 200,000 levels of nesting included."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _read_oddly(body)


def _read_oddly(body: bytes) -> Any:
    """Reads what orjson refuses and vendors still send: a byte order mark, NaN, lone surrogates (become `?`)."""
    try:
        document = json.loads(body.decode("utf-8-sig"))
        return json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise NotJson(type(error).__name__) from None


def mapping(value: Any) -> Mapping[str, Any]:
    """Returns *value* if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """Returns *value* if it is an array, otherwise an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Returns *value* if it is a string, otherwise an empty one."""
    return value if isinstance(value, str) else ""


def json_text(value: Any) -> str:
    """Returns *value*, which came from a JSON document, as JSON; raises `NotJson` if it is nested too deeply.

    Values that orjson refuses are written too: NaN, numbers beyond 64 bits, more than 254 levels.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return _written_oddly(value)


def _written_oddly(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError as error:
        raise NotJson(type(error).__name__) from None
