"""Values as bytes, so that different values have different bytes.

A dataclass becomes an object of its fields. The order of an object's names is kept, not sorted: the order of the
properties in a schema is the order in which a model writes its answer, and so it can change the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import orjson

# No JSON text starts with this byte, so the two ways of writing cannot produce the same bytes.
WRITTEN_IN_FULL = b"\0"


def canonical(value: object) -> bytes:
    """*value* as JSON; raises TypeError for what JSON cannot say and RecursionError for what is nested too deeply.

    orjson refuses lone surrogates, integers beyond 64 bits and more than 254 levels, all of which a vendor or a
    caller can send; such a value is written by the standard library, ten times slower, behind a mark.
    """
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:
        return WRITTEN_IN_FULL + json.dumps(value, default=_plain).encode("ascii")


def read_canonical(raw: bytes) -> Any:
    """What `canonical` wrote, with objects as dicts; raises ValueError or RecursionError for anything else."""
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
