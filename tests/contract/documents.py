"""What the contract tests share: the document as it is served, and validators of what it promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from services.llm_provider_service.api.openapi.document import openapi_document

PROBLEM = "application/problem+json"


def resolved(node: Any) -> Any:
    """*node*, or what it refers to."""
    while "$ref" in node:
        target: Any = openapi_document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def errors_of(schema: Any, value: Any) -> list[str]:
    """What is wrong with *value* by *schema*, which may refer to the document's components."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": openapi_document()["components"]}
    validator = jsonschema_rs.validator_for({**whole, "allOf": [schema]})
    return [str(error) for error in validator.iter_errors(value)]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    for path, item in openapi_document()["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def example_path(_method: str, path: str, operation: dict[str, Any]) -> str:
    """*path* with the examples of its parameters in it."""
    for parameter in map(resolved, operation["parameters"]):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    return path


def response_of(method: str, path: str, status: int) -> Any:
    """The documented answer with *status*; 404 and 405 of any path are among the components."""
    shared = {404: "NotFound", 405: "MethodNotAllowed"}
    template = next((one for one in openapi_document()["paths"] if _fits(one, path)), None)
    operation = openapi_document()["paths"].get(template, {}).get(method.lower())
    if operation is None or str(status) not in operation["responses"]:
        return openapi_document()["components"]["responses"][shared[status]]
    return operation["responses"][str(status)]


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


def examples_of(content: Any) -> list[Any]:
    """The example values of one media type."""
    named = [one["value"] for one in content.get("examples", {}).values()]
    return named + ([content["example"]] if "example" in content else [])
