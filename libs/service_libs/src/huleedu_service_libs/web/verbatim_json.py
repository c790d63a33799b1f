"""Writes a member of a JSON body back with each number exactly as the caller wrote it.

Parsing loses the spelling of a number: 1.10 becomes 1.1, 1E5 becomes 100000.0 and 1e-400 becomes 0.0.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def as_written(raw: bytes, name: str, value: dict[str, Any] | list[Any]) -> bytes:
    """Returns *value* as compact JSON; `read_json` found it as the member *name* of the object in *raw*.

    *raw* is parsed a second time, keeping the text of each number, only if *value* has a number with several spellings.
    """
    if _has_free_spelling(value):
        value = json.loads(raw, parse_float=orjson.Fragment, parse_int=orjson.Fragment)[name]
    return orjson.dumps(value)


def _has_free_spelling(value: dict[str, Any] | list[Any]) -> bool:
    """Returns whether *value* holds a float or a zero (it may have been -0); other integers have one spelling only."""
    for item in value.values() if isinstance(value, dict) else value:
        kind = type(item)
        if kind is float or (kind is int and item == 0):
            return True
        if (kind is dict or kind is list) and _has_free_spelling(item):
            return True
    return False
