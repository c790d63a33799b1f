"""The API document is valid, complete, and true of itself."""

from __future__ import annotations

import json
import re
from typing import Any

from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from common_core.llm_contracts import ResultFlag
from services.llm_provider_service.api.openapi.document import openapi_bytes
from services.llm_provider_service.config import Settings
from services.llm_provider_service.startup_setup import create_app
from tests.contract.documents import PROBLEM, errors_of, examples_of, operations, resolved

IMPLIED_METHODS = {"HEAD", "OPTIONS"}


def test_the_document_is_valid_openapi_3_1() -> None:
    document = json.loads(openapi_bytes())
    assert document["openapi"].startswith("3.1.")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


def test_every_route_is_in_the_document_and_every_documented_route_exists() -> None:
    served = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in create_app(Settings(_env_file=None)).url_map.iter_rules()
        for method in (rule.methods or set()) - IMPLIED_METHODS
    }
    assert {(method.upper(), path) for method, path, _ in operations()} == served


def test_every_reference_leads_somewhere() -> None:
    references = set(re.findall(r'"\$ref":"([^"]+)"', openapi_bytes().decode()))
    assert len(references) > 20
    assert [reference for reference in references if not resolved({"$ref": reference})] == []


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert sorted(set(names)) == sorted(names)


def test_every_answer_names_its_correlation_id_and_every_503_when_to_come_back() -> None:
    for _, path, operation in operations():
        for status, response in operation["responses"].items():
            assert "X-Correlation-ID" in response["headers"], (path, status)
            assert ("Retry-After" in response["headers"]) == (status == "503"), (path, status)


def test_every_error_is_a_problem_document_with_an_example_of_its_status() -> None:
    for _, path, operation in operations():
        for status, response in operation["responses"].items():
            if status != "200":
                values = examples_of(response["content"][PROBLEM])
                assert values, (path, status)
                assert {value["status"] for value in values} == {int(status)}


def test_the_document_lists_the_flags_of_today_and_says_that_more_may_come() -> None:
    schemas = json.loads(openapi_bytes())["components"]["schemas"]
    assert set(schemas["ResultFlag"]["enum"]) == set(ResultFlag)
    flags = schemas["LLMComparisonResponse"]["properties"]["flags"]
    assert flags["items"] == {"anyOf": [{"$ref": "#/components/schemas/ResultFlag"}, {"type": "string"}]}
    assert "More kinds may come" in flags["description"]


def all_examples() -> list[tuple[str, Any, Any]]:
    found = []
    for method, path, operation in operations():
        bodies = [("request", operation["requestBody"])] if "requestBody" in operation else []
        for where, described in (*bodies, *operation["responses"].items()):
            for content in described["content"].values():
                found += [(f"{method} {path} {where}", content["schema"], value) for value in examples_of(content)]
        for parameter in map(resolved, operation["parameters"]):
            found.append((f"{method} {path} {parameter['name']}", parameter["schema"], parameter["example"]))
    return found


def test_every_example_fits_its_schema() -> None:
    examples = all_examples()
    assert len(examples) > 60
    assert [(where, errors) for where, schema, value in examples if (errors := errors_of(schema, value))] == []
