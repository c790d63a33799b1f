"""Turns the gateway's errors and invalid requests into problem documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from common_core.error_enums import ErrorCode
from huleedu_service_libs.web.problem import AttemptSummary, CandidateSummary, FieldError, Problem, ProblemError
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.skipped import Skipped
from services.llm_provider_service.exceptions import GatewayError

MOST_ERRORS = 20


def gateway_problem(error: GatewayError, pointers: Mapping[str, str]) -> Problem:
    """Returns the problem for *error*; *pointers* maps the order's field names to JSON pointers in the body."""
    return Problem(
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        type_slug=error.slug,
        retryable=error.retryable,
        retry_after=error.retry_after,
        provider=error.target.provider if error.target else None,
        attempts=tuple(map(_summary, error.attempts)),
        candidates=tuple(map(_candidate, error.skipped)),
        errors=tuple(FieldError(pointer=pointers.get(name, ""), message=message) for name, message in error.fields),
    )


def invalid_model(error: ValidationError) -> ProblemError:
    """Returns a 400 for a body that does not fit the model; it does not repeat the values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return invalid_fields([(_pointer(item["loc"]), item["msg"]) for item in found[:MOST_ERRORS]])


def invalid_fields(fields: Sequence[tuple[str, str]]) -> ProblemError:
    """Returns a 400 with one pointer and message for each invalid field."""
    first_pointer, first_message = fields[0]
    where = f"{first_pointer}: " if first_pointer else ""
    return ProblemError(
        Problem(
            status=400,
            code=ErrorCode.VALIDATION_ERROR,
            title="The request is not valid",
            detail=f"{where}{first_message}" + (f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""),
            type_slug="validation-error",
            errors=tuple(FieldError(pointer=pointer, message=message) for pointer, message in fields),
        )
    )


def not_found(title: str, detail: str) -> ProblemError:
    """Returns a 404 for something that the path names."""
    return ProblemError(
        Problem(
            status=404, code=ErrorCode.RESOURCE_NOT_FOUND, title=title, detail=detail, type_slug="resource-not-found"
        )
    )


def unavailable(title: str, detail: str) -> ProblemError:
    """Returns a 503 of the service itself."""
    return ProblemError(
        Problem(
            status=503,
            code=ErrorCode.SERVICE_UNAVAILABLE,
            title=title,
            detail=detail,
            type_slug="service-unavailable",
            retryable=True,
        )
    )


def _summary(attempt: Attempt) -> AttemptSummary:
    return AttemptSummary(
        provider=attempt.target.provider,
        model=attempt.target.model,
        outcome=attempt.outcome,
        duration_ms=round(attempt.duration_seconds * 1000),
    )


def _candidate(skipped: Skipped) -> CandidateSummary:
    seconds = skipped.seconds
    return CandidateSummary(
        provider=skipped.target.provider,
        model=skipped.target.model,
        reason=skipped.reason,
        until=None if seconds is None else (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
    )


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')[:100]}" for part in location)
