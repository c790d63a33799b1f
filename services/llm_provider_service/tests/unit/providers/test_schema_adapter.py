"""A schema without what a vendor refuses."""

from __future__ import annotations

from copy import deepcopy

import jsonschema_rs
import pytest

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.providers.common.schema_adapter import adapted_schema
from services.llm_provider_service.providers.models.capabilities import schema_keywords_refused
from services.llm_provider_service.tests.unit.providers.samples import VERDICT_SCHEMA

VENDORS = [provider for provider in LLMProviderType if provider is not LLMProviderType.MOCK]


def test_a_refused_keyword_becomes_words() -> None:
    schema = {"type": "number", "minimum": 1, "maximum": 5, "description": "How sure."}
    assert adapted_schema(schema, frozenset({"minimum", "maximum"})) == {
        "type": "number",
        "description": "How sure. (minimum: 1, maximum: 5)",
    }


def test_every_depth_is_reached() -> None:
    leaf, bare = {"type": "string", "minLength": 1}, {"type": "string", "description": "minLength: 1"}
    refused = frozenset({"minLength"})
    schema = {"properties": {"a": {"items": leaf}, "b": {"anyOf": [leaf, True]}}, "$defs": {"c": leaf}}
    assert adapted_schema(schema, refused) == {
        "properties": {"a": {"items": bare}, "b": {"anyOf": [bare, True]}},
        "$defs": {"c": bare},
    }


def test_a_property_that_is_called_like_a_keyword_stays() -> None:
    schema = {"type": "object", "properties": {"minimum": {"type": "number"}}, "required": ["minimum"]}
    assert adapted_schema(schema, frozenset({"minimum"})) == schema


def test_the_order_of_properties_stays_and_the_input_is_untouched() -> None:
    before = deepcopy(VERDICT_SCHEMA.schema)
    adapted = adapted_schema(VERDICT_SCHEMA.schema, schema_keywords_refused(LLMProviderType.ANTHROPIC))
    assert list(adapted["properties"]) == ["justification", "winner", "confidence"]
    assert before == VERDICT_SCHEMA.schema


@pytest.mark.parametrize("provider", VENDORS)
def test_what_satisfies_the_whole_schema_satisfies_every_adapted_one(provider: LLMProviderType) -> None:
    adapted = adapted_schema(VERDICT_SCHEMA.schema, schema_keywords_refused(provider))
    jsonschema_rs.validator_for(dict(adapted)).validate({"justification": "x", "winner": "Essay A", "confidence": 4})
    assert adapted["additionalProperties"] is False
    assert "maxLength" not in adapted["properties"]["justification"]
