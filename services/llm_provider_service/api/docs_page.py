"""The API document as one HTML page that loads nothing: no script, no font, no picture, its style inside."""

from __future__ import annotations

import json
import shlex
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from services.llm_provider_service.api.docs_fields import code_in, fields_table, rows, type_in_words

BASE_URL: Final = "{base-url}"
STYLE: Final = Path(__file__).with_name("docs.css").read_text(encoding="utf-8")
STYLE_HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Operation = tuple[str, str, Mapping[str, Any]]


def docs_page(document: Mapping[str, Any]) -> str:
    """The page; `BASE_URL` stands where the address goes under which its reader sees the service."""
    info = document["info"]
    operations = _operations(document)
    title = escape(info["title"])
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<title>{title}</title><style>{STYLE}</style></head><body><div class="page">',
            _navigation(operations, document["components"]["schemas"]),
            f"<main><h1>{title} <small>{escape(info['version'])}</small></h1>",
            f"<p>{code_in(info['description'])}</p>",
            '<p>The same for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>',
            *(_operation(document, operation) for operation in operations),
            _everywhere(document),
            *(_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())),
            "</main></div></body></html>\n",
        )
    )


def curl_line(path: str, method: str, operation: Mapping[str, Any]) -> str:
    """A command that asks *path*, with the first example of everything that is required."""
    words = ["curl", "-s"]
    query = ""
    for parameter in operation["parameters"]:
        if parameter.get("in") == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
        if parameter.get("in") == "query":
            query = "?" + "&".join(f"{name}={value}" for name, value in parameter["example"].items())
    if method != "get" and "requestBody" not in operation:
        words += ["-X", method.upper()]
    words.append(f"{BASE_URL}{path}{query}")
    if "requestBody" in operation:
        media_type, content = next(iter(operation["requestBody"]["content"].items()))
        example = next(iter(content["examples"].values()))["value"]
        words += ["-H", f"Content-Type: {media_type}", "-d", json.dumps(example)]
    return " ".join(word if BASE_URL in word and "?" not in word else shlex.quote(word) for word in words)


def _operations(document: Mapping[str, Any]) -> list[Operation]:
    return [(path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()]


def _navigation(operations: list[Operation], schemas: Iterable[str]) -> str:
    groups = [
        (tag, "".join(f"<li>{_route_link(*operation)}</li>" for operation in group))
        for tag, group in groupby(operations, key=lambda operation: operation[2]["tags"][0])
    ]
    groups.append(("Schemas", "".join(f'<li><a href="#{name}">{name}</a></li>' for name in sorted(schemas))))
    return "<nav>" + "".join(f"<h2>{escape(tag)}</h2><ul>{links}</ul>" for tag, links in groups) + "</nav>"


def _route_link(path: str, method: str, operation: Mapping[str, Any]) -> str:
    return f'<a href="#{operation["operationId"]}">{_method(method)}{escape(path)}</a>'


def _method(method: str) -> str:
    return f'<span class="method {method}">{method}</span>'


def _operation(document: Mapping[str, Any], operation: Operation) -> str:
    path, method, described = operation
    return "".join(
        (
            f'<section id="{described["operationId"]}"><h2>{escape(described["summary"])}</h2>',
            f'<p class="route">{_method(method)}{escape(path)}</p><p>{code_in(described["description"])}</p>',
            f'<pre class="wrap">{escape(curl_line(path, method, described))}</pre>',
            _parameters(document, described["parameters"]),
            _request_body(document, described),
            _success(described["responses"]["200"]),
            "<h3>Errors</h3>",
            *(_errors(status, one) for status, one in described["responses"].items() if status != "200"),
            "</section>",
        )
    )


def _parameters(document: Mapping[str, Any], parameters: Iterable[Mapping[str, Any]]) -> str:
    shared = document["components"]["parameters"]
    known = [shared[one["$ref"].rsplit("/", 1)[1]] if "$ref" in one else one for one in parameters]
    cells = (
        (
            f"<code>{escape(one['name'])}</code>{_must(one.get('required', False))}",
            f"{escape(one['in'])}: {type_in_words(one['schema'])}",
            code_in(one["description"]),
        )
        for one in known
    )
    return f"<h3>Parameters</h3>{rows(('Name', 'Where and what', 'Meaning'), cells)}"


def _must(required: bool) -> str:
    return '<span class="must">required</span>' if required else ""


def _request_body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    if "requestBody" not in operation:
        return ""
    media_type, content = next(iter(operation["requestBody"]["content"].items()))
    schema = document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
    examples = "".join(_example(one) for one in content["examples"].values())
    return f"<h3>Request body <code>{escape(media_type)}</code></h3>{fields_table(schema)}{examples}"


def _success(response: Mapping[str, Any]) -> str:
    media_type, content = next(iter(response["content"].items()))
    example = f"<pre>{_json(content['example'])}</pre>" if "example" in content else ""
    return f"<h3>200 <code>{escape(media_type)}</code> {type_in_words(content['schema'])}</h3>{example}"


def _errors(status: str, response: Mapping[str, Any]) -> str:
    content = next(iter(response["content"].values()))
    examples = "".join(_example(one, one["value"]["code"]) for one in content["examples"].values())
    return f"<p><strong>{escape(status)}</strong> {code_in(response['description'])}</p>{examples}"


def _example(example: Mapping[str, Any], label: str = "") -> str:
    tag = f"<code>{escape(label)}</code>" if label else ""
    return (
        f"<details><summary>{tag}{escape(example['summary'])}</summary><pre>{_json(example['value'])}</pre></details>"
    )


def _everywhere(document: Mapping[str, Any]) -> str:
    responses = document["components"]["responses"].values()
    shown = "".join(
        _errors(str(next(iter(next(iter(one["content"].values()))["examples"].values()))["value"]["status"]), one)
        for one in responses
    )
    return f'<section id="everywhere"><h2>Errors of any path</h2>{shown}</section>'


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    described = f"<p>{code_in(schema.get('description', ''))}</p>"
    body = fields_table(schema) if "properties" in schema else f"<p>{type_in_words(schema)}</p>"
    return f'<section id="{escape(name)}"><h2>{escape(name)}</h2>{described}{body}</section>'


def _json(value: Any) -> str:
    return escape(json.dumps(value, indent=2, ensure_ascii=False), quote=False)
