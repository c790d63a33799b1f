"""JSON schemas in words, as HTML: what a field may hold, and what it means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

BOUNDS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "minLength": "{} or more characters",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
    "minProperties": "at least {} member",
    "maxProperties": "at most {} member",
    "pattern": "matches {}",
}


def fields_table(schema: Mapping[str, Any]) -> str:
    """The members of an object schema."""
    required = set(schema.get("required", ()))
    cells = (
        (
            f"<code>{escape(name)}</code>" + ('<span class="must">required</span>' if name in required else ""),
            type_in_words(field),
            code_in(field.get("description", "")),
        )
        for name, field in schema["properties"].items()
    )
    return rows(("Field", "Type", "Meaning"), cells)


def rows(head: Iterable[str], cells: Iterable[Iterable[str]]) -> str:
    """A table; *head* is text, *cells* are HTML."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def code_in(text: str) -> str:
    """*text* as HTML, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def type_in_words(schema: Mapping[str, Any]) -> str:
    """What a value of *schema* is, as HTML; schemas with a name are links to their section."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[1])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(type_in_words(one) for one in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " · ".join(f"<code>{escape(json.dumps(value), quote=False)}</code>" for value in values)
    return _plain(schema) + _bounds(schema)


def _plain(schema: Mapping[str, Any]) -> str:
    kind = escape(str(schema.get("type", "any value")))
    if kind == "array":
        return f"array of {type_in_words(schema['items'])}"
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, Mapping) and "properties" not in schema:
        return f"object of {type_in_words(values)}"
    return kind


def _bounds(schema: Mapping[str, Any]) -> str:
    said = [words.format(schema[name]) for name, words in BOUNDS.items() if name in schema]
    return f' <span class="soft">({escape(", ".join(said), quote=False)})</span>' if said else ""
