"""Writes values as bytes, so that different values have different bytes.

A dataclass becomes an object of its fields. The names of an object keep their order and are not sorted: a model writes
its answer in the order of a schema's properties, so the order can change the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import orjson

# No JSON text starts with this byte, so the two encodings cannot produce the same bytes.
WRITTEN_IN_FULL = b"\0"


def canonical(value: object) -> bytes:
    """Returns *value* as JSON; raises TypeError if JSON cannot express it, RecursionError if nested too deeply.

    orjson refuses lone surrogates, integers beyond 64 bits and more than 254 levels, but vendors and callers can send
    them. Such a value is written by the standard library, ten times slower, with a mark before it.
    """
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:
        return WRITTEN_IN_FULL + json.dumps(value, default=_plain).encode("ascii")


def read_canonical(raw: bytes) -> Any:
    """Returns what `canonical` wrote, with objects as dicts; raises ValueError or RecursionError for anything else."""
    if raw.startswith(WRITTEN_IN_FULL):
        return json.loads(raw[len(WRITTEN_IN_FULL) :].decode("ascii"), parse_constant=_refuse)
    return orjson.loads(raw)


def _plain(value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number of JSON")
