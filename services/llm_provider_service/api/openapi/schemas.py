"""JSON schemas of the API document, made by pydantic from the request and answer models."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from common_core.llm_contracts import LLMComparisonRequest, ProblemDocument
from services.llm_provider_service.api.openapi.examples import answer_examples

READ_WITHOUT_NULLS = ("LLMComparisonRequest", "LLMConfigOverrides")


def component_schemas() -> dict[str, Any]:
    """Returns every model's schema by name, as `#/components/schemas` holds them."""
    answered: tuple[type[BaseModel], ...] = (*answer_examples(), ProblemDocument)
    _, made = models_json_schema(
        [(LLMComparisonRequest, "validation"), *((model, "serialization") for model in answered)],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = _without_titles(made["$defs"])
    for name in READ_WITHOUT_NULLS:
        # The mapping drops null members before it checks names, so an unknown member may be there if it is null.
        schemas[name]["additionalProperties"] = {"type": "null"}
    return schemas


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Returns a reference to *model*'s schema."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _without_titles(node: Any) -> Any:
    """Returns *node* without the titles that only repeat names; a field called `title` is an object and stays."""
    match node:
        case dict():
            kept = {name: value for name, value in node.items() if name != "title" or not isinstance(value, str)}
            return {name: _without_titles(value) for name, value in kept.items()}
        case list():
            return [_without_titles(item) for item in node]
    return node
