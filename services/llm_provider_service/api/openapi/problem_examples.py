"""Example problems that occur before any provider is asked; contract tests compare them with the real answers."""

from __future__ import annotations

from typing import Any

import orjson

from common_core.error_enums import ErrorCode
from huleedu_service_libs.web.problem import FieldError, Problem, problem_body
from services.llm_provider_service.api.openapi.examples import CORRELATION_ID, FIRST, SECOND, some_model
from services.llm_provider_service.exceptions import TYPE_PREFIX

MODEL = some_model(FIRST)


def problem_examples(problems: tuple[Problem, ...], instance: str) -> dict[str, Any]:
    """Returns OpenAPI's named examples of *problems*, as answers to a request for *instance*."""
    examples: dict[str, Any] = {}
    for problem in problems:
        name = problem.type_slug if problem.type_slug not in examples else f"{problem.type_slug}-{len(examples) + 1}"
        examples[name] = {"summary": problem.title, "value": example_of(problem, instance)}
    return examples


def example_of(problem: Problem, instance: str) -> Any:
    """Returns the document that *problem* becomes in an answer."""
    body = problem_body(problem, instance=instance, correlation_id=CORRELATION_ID, type_prefix=TYPE_PREFIX)
    return orjson.loads(body)


def _plain(
    status: int, code: ErrorCode, title: str, detail: str, *, slug: str | None = None, retryable: bool = False
) -> Problem:
    slug = slug or code.value.lower().replace("_", "-")
    return Problem(status=status, code=code, title=title, detail=detail, type_slug=slug, retryable=retryable)


def _invalid(slug: str, title: str, detail: str, pointer: str, message: str) -> Problem:
    errors = (FieldError(pointer=pointer, message=message),)
    return Problem(
        status=400, code=ErrorCode.VALIDATION_ERROR, title=title, detail=detail, type_slug=slug, errors=errors
    )


NOT_FOUND = _plain(404, ErrorCode.RESOURCE_NOT_FOUND, "Not found", "There is nothing at this path; see /openapi.json.")
METHOD_NOT_ALLOWED = _plain(
    405, ErrorCode.INVALID_REQUEST, "Method not allowed", "The Allow header lists what this path takes."
)
INTERNAL_ERROR = _plain(
    500,
    ErrorCode.PROCESSING_ERROR,
    "Internal error",
    "The service failed in a way it did not expect; the correlation id finds it in the logs.",
)
STOPPING = Problem(
    status=503,
    code=ErrorCode.SERVICE_UNAVAILABLE,
    title="The service is stopping",
    detail="Nothing was done. Send the request again: another instance will take it.",
    type_slug="service-unavailable",
    retryable=True,
    retry_after=1.0,
)
# The call may be paid for, so this problem does not suggest a retry.
STOPPED_UNDER_WAY = _plain(
    503, ErrorCode.SERVICE_UNAVAILABLE, "The service is stopping", "The answer did not come before the service stopped."
)
OUT_OF_MEMORY = _plain(
    503, ErrorCode.SERVICE_UNAVAILABLE, "Not available now", "Try again after Retry-After.", retryable=True
)
CLEAR_REFUSED = _invalid(
    "validation-error",
    "The request is not valid",
    "name exactly one of the query parameters key, tenant, all=true",
    "",
    "name exactly one of the query parameters key, tenant, all=true",
)
CANNOT_SERVE = _plain(
    503,
    ErrorCode.SERVICE_UNAVAILABLE,
    "The service cannot serve",
    "No provider is enabled and configured.",
    retryable=True,
)
NOT_READY = _plain(
    503, ErrorCode.SERVICE_UNAVAILABLE, "Not ready", "No provider is enabled and configured.", retryable=True
)
COUNTS_UNKNOWN = _plain(
    503,
    ErrorCode.SERVICE_UNAVAILABLE,
    "The counts are not known",
    "The supervisor of the workers did not answer in time.",
    retryable=True,
)

TEST_PROBLEMS = (
    _plain(
        404,
        ErrorCode.RESOURCE_NOT_FOUND,
        "Unknown provider",
        "There is no provider 'nobody'; see GET /api/v1/providers.",
    ),
    _plain(
        404,
        ErrorCode.RESOURCE_NOT_FOUND,
        "This provider is not available",
        f"{SECOND} is not enabled and configured. Available: {FIRST}.",
        slug="provider-not-available",
    ),
    INTERNAL_ERROR,
    Problem(
        status=503,
        code=ErrorCode.SERVICE_UNAVAILABLE,
        title="Another test is running",
        detail="Provider tests run one at a time in each worker, because each is a paid call. Try again in a moment.",
        type_slug="provider-test-running",
        retryable=True,
        retry_after=1.0,
    ),
    STOPPING,
    STOPPED_UNDER_WAY,
)

REQUEST_PROBLEMS = (
    _invalid(
        "validation-error",
        "The request body is not valid",
        "body: not valid JSON: unexpected end of data (line 1, column 2)",
        "",
        "not valid JSON: unexpected end of data (line 1, column 2)",
    ),
    _invalid(
        "validation-error",
        "The request is not valid",
        "/essay_a: String should have at least 1 character",
        "/essay_a",
        "String should have at least 1 character",
    ),
    _invalid(
        "provider-not-available",
        "This provider is not available",
        f"{SECOND} is not configured here. Available: {FIRST}.",
        "/llm_config_overrides/provider_override",
        "names a provider that is not configured",
    ),
    _invalid(
        "unknown-model",
        "This model is not known",
        "No available provider is known to have the model 'a-model'. Name its provider as well, "
        "or take one from GET /api/v1/models.",
        "/llm_config_overrides/model_override",
        "is not in the model registry",
    ),
    _invalid(
        "unsupported-override",
        "The chosen model does not support what was asked",
        f"{MODEL} takes no temperature. Could honour it: {SECOND}/{some_model(SECOND)}.",
        "/llm_config_overrides/temperature_override",
        f"{MODEL} takes no temperature",
    ),
    _plain(
        408, ErrorCode.TIMEOUT, "The body came too slowly", "Send the whole body at once and retry.", retryable=True
    ),
    _plain(413, ErrorCode.INVALID_REQUEST, "The body is too large", "Send a smaller body."),
    _plain(
        415,
        ErrorCode.INVALID_REQUEST,
        "Unsupported media type",
        "Send UTF-8 JSON with Content-Type: application/json, without content coding.",
    ),
    INTERNAL_ERROR,
)
