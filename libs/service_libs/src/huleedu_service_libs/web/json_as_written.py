"""JSON for an echo: a member of a body is written again with each of its numbers as it stood there.

A parsed number has lost how it was written: 1.10 is 1.1, 1E5 is 100000.0 and 1e-400 is 0.0.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def as_written(raw: bytes, name: str, value: dict[str, Any] | list[Any]) -> bytes:
    """The compact JSON of *value*, which `read_json` found as the member *name* of the object in *raw*.

    Only a value with a number of more than one spelling in it is read a second time, with a fragment for each number.
    """
    if _has_free_spelling(value):
        value = json.loads(raw, parse_float=orjson.Fragment, parse_int=orjson.Fragment)[name]
    return orjson.dumps(value)


def _has_free_spelling(value: dict[str, Any] | list[Any]) -> bool:
    """Whether *value* holds a float, or a zero, which may have been -0; another integer has one spelling only."""
    for item in value.values() if isinstance(value, dict) else value:
        kind = type(item)
        if kind is float or (kind is int and item == 0):
            return True
        if (kind is dict or kind is list) and _has_free_spelling(item):
            return True
    return False
