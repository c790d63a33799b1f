"""Removes JSON schema keywords that a vendor refuses, and writes them into the description instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTED = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_SINGLE = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"})


_KEPT_SCHEMAS = 64
_adapted: dict[tuple[int, frozenset[str]], tuple[Mapping[str, Any], Mapping[str, Any]]] = {}


def adapted_schema(schema: Mapping[str, Any], refused: frozenset[str]) -> Mapping[str, Any]:
    """Returns the result of `adapt`, cached by the identity of *schema*; so neither may be changed."""
    known = _adapted.get((id(schema), refused))
    if known is not None and known[0] is schema:
        return known[1]
    if len(_adapted) >= _KEPT_SCHEMAS:
        _adapted.clear()
    made = adapt(schema, refused)
    _adapted[id(schema), refused] = (schema, made)
    return made


def adapt(schema: Mapping[str, Any], refused: frozenset[str]) -> dict[str, Any]:
    """Returns *schema* without *refused* keywords at any depth; each becomes `keyword: value` in the description.

    The model can still read the limit, and the check of the answer still uses the whole schema.
    """
    kept: dict[str, Any] = {}
    said: list[str] = []
    for keyword, value in schema.items():
        if keyword in refused:
            said.append(f"{keyword}: {orjson.dumps(value).decode()}")
        else:
            kept[keyword] = _inside(keyword, value, refused)
    if said:
        before = schema.get("description")
        kept["description"] = f"{before} ({', '.join(said)})" if before else ", ".join(said)
    return kept


def _inside(keyword: str, value: Any, refused: frozenset[str]) -> Any:
    if keyword in _NAMED and isinstance(value, Mapping):
        return {name: _schema(item, refused) for name, item in value.items()}
    if keyword in _LISTED and isinstance(value, (list, tuple)):
        return [_schema(item, refused) for item in value]
    return _schema(value, refused) if keyword in _SINGLE else value


def _schema(value: Any, refused: frozenset[str]) -> Any:
    """Returns the adapted schema; a schema may also be true or false, which stays."""
    return adapt(value, refused) if isinstance(value, Mapping) else value
