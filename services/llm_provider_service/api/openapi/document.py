"""Builds the OpenAPI 3.1 document, once, from the models, the table of routes and the problems.

Why it is built here and not by an extension: docs/decisions/003-openapi.md.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import orjson

from common_core.llm_contracts import ProblemDocument
from huleedu_service_libs.observability.tracing import TRACE_HEADER
from huleedu_service_libs.web.correlation import CORRELATION_HEADER
from huleedu_service_libs.web.problem import PROBLEM_CONTENT_TYPE, Problem
from services.llm_provider_service.api.openapi.examples import CORRELATION_ID, answer_examples, request_examples
from services.llm_provider_service.api.openapi.problem_examples import METHOD_NOT_ALLOWED, NOT_FOUND, problem_examples
from services.llm_provider_service.api.openapi.routes import JSON, OPERATIONS, PLAIN_BODIES, Operation
from services.llm_provider_service.api.openapi.schemas import component_schemas, reference

DISTRIBUTION: Final = "llm-provider-service"
ABOUT: Final = (
    "One place through which a platform's services reach large language models. Every answer carries "
    "`X-Correlation-ID`. Every 4xx and 5xx is a problem document (RFC 9457, `application/problem+json`): an unknown "
    "path is a 404, a wrong method a 405 with `Allow`, and what is not proper HTTP/1.1 within the server's limits "
    "a 400, 408, 414 or 431."
)
STATUS_MEANINGS: Final = {
    400: "The request is malformed, or asks for something that does not exist here.",
    404: "There is nothing by that name.",
    405: "The path does not take this method.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body is not uncompressed UTF-8 JSON by its headers.",
    422: "The provider will not do this, whoever asks.",
    500: "A bug of the service.",
    502: "The provider's side is not usable: our key, its certificate, its answer.",
    503: "Not now; `Retry-After` says when.",
    504: "Time ran out.",
}
CORRELATION_PARAMETER: Final[dict[str, Any]] = {
    "name": CORRELATION_HEADER,
    "in": "header",
    "description": "Your id for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`; any other is replaced by a new UUID.",
    "schema": {"type": "string"},
    "example": CORRELATION_ID,
}
HEADERS: Final[dict[str, Any]] = {
    CORRELATION_HEADER: {
        "description": "The id under which logs know this request.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
        "example": CORRELATION_ID,
    },
    "Retry-After": {
        "description": "Whole seconds until another try makes sense.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 3,
    },
    TRACE_HEADER: {
        "description": "The trace of this request, 32 hex digits; only where it is traced.",
        "required": False,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "example": "0af7651916cd43dd8448eb211c80319c",
    },
    "Allow": {
        "description": "What this path takes.",
        "required": True,
        "schema": {"type": "string"},
        "example": "GET, HEAD, OPTIONS",
    },
}


@cache
def openapi_document() -> dict[str, Any]:
    """Returns the whole document; do not change the returned object."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "LLM Provider Service", "version": version(DISTRIBUTION), "description": ABOUT},
        "servers": [{"url": "/"}],
        "paths": _paths(),
        "components": {
            "schemas": component_schemas(),
            "headers": HEADERS,
            "parameters": {CORRELATION_HEADER: CORRELATION_PARAMETER},
            "responses": {
                "NotFound": _problem_response(404, (NOT_FOUND,), "/api/v1/comparisons"),
                "MethodNotAllowed": _problem_response(405, (METHOD_NOT_ALLOWED,), "/api/v1/comparison"),
            },
        },
    }


@cache
def openapi_bytes() -> bytes:
    """Returns the document as JSON bytes."""
    return orjson.dumps(openapi_document())


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [{"$ref": f"#/components/parameters/{CORRELATION_HEADER}"}, *operation.parameters],
        "responses": {"200": _success(operation), **_problems(operation)},
    }
    if operation.asks is not None:
        content = {JSON: {"schema": reference(operation.asks), "examples": request_examples()}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _success(operation: Operation) -> dict[str, Any]:
    if isinstance(operation.answer, tuple):
        content = {media_type: {"schema": PLAIN_BODIES[media_type]} for media_type in operation.answer}
    else:
        example = answer_examples()[operation.answer].model_dump(mode="json", exclude_unset=True)
        content = {JSON: {"schema": reference(operation.answer), "example": example}}
    return {
        "description": "What was asked for.",
        "headers": _headers(CORRELATION_HEADER, TRACE_HEADER),
        "content": content,
    }


def _problems(operation: Operation) -> dict[str, Any]:
    by_status = groupby(sorted(operation.problems, key=attrgetter("status")), key=attrgetter("status"))
    return {str(status): _problem_response(status, tuple(group), operation.path) for status, group in by_status}


def _problem_response(status: int, problems: tuple[Problem, ...], path: str) -> dict[str, Any]:
    own_header = {405: ("Allow",), 503: ("Retry-After",)}.get(status, ())
    return {
        "description": STATUS_MEANINGS[status],
        "headers": _headers(CORRELATION_HEADER, TRACE_HEADER, *own_header),
        "content": {
            PROBLEM_CONTENT_TYPE: {
                "schema": reference(ProblemDocument),
                "examples": problem_examples(problems, instance=path),
            }
        },
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
