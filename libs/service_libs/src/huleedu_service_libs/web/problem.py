"""RFC 9457 problem documents: the body of every 4xx and 5xx answer of a service.

Independent of any web framework. A service raises `ProblemError` (or translates its own exceptions), and the code for
its framework makes a response of it with `problem_body` and `problem_headers`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from common_core.error_enums import ErrorCode

PROBLEM_CONTENT_TYPE = "application/problem+json"
_STATUSES_WITH_RETRY_AFTER = frozenset({429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSummary:
    """One upstream attempt as the caller sees it; `outcome` is from a closed set, never a vendor's text."""

    provider: str
    model: str
    outcome: str
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateSummary:
    """A target that was not called; `reason` is from a closed set, `until` is a UTC time or None."""

    provider: str
    model: str
    reason: str
    until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One thing wrong with a request; `pointer` is an RFC 6901 JSON pointer, empty for the whole body."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A failure as the caller sees it; `retry_after` is in seconds, `detail` says what happened and what to do."""

    status: int
    code: ErrorCode
    title: str
    detail: str
    type_slug: str
    retryable: bool = False
    retry_after: float | None = None
    provider: str | None = None
    attempts: tuple[AttemptSummary, ...] = ()
    candidates: tuple[CandidateSummary, ...] = ()
    errors: tuple[FieldError, ...] = ()


class ProblemError(Exception):
    """Raised where the answer to the caller is already known; the answer is its `problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


def problem_body(problem: Problem, *, instance: str, correlation_id: str, type_prefix: str) -> bytes:
    """Returns *problem* as JSON bytes; `type` is *type_prefix* plus the slug. Never raises, whatever the text is."""
    members = _members(problem, instance, correlation_id, type_prefix)
    try:
        return orjson.dumps(members)
    except TypeError:  # orjson's JSONEncodeError: a lone surrogate in some text
        return orjson.dumps(_without_surrogates(members))


def problem_headers(problem: Problem) -> dict[str, str]:
    """Returns the content type, and `Retry-After` in whole seconds on 429 and 503."""
    headers = {"Content-Type": PROBLEM_CONTENT_TYPE, "X-Content-Type-Options": "nosniff"}
    seconds = retry_after_seconds(problem)
    if seconds is not None and problem.status in _STATUSES_WITH_RETRY_AFTER:
        headers["Retry-After"] = str(seconds)
    return headers


def retry_after_seconds(problem: Problem) -> int | None:
    """Whole seconds, rounded up, at least 1; always set on 429 and 503, else only if the problem sets it."""
    if problem.retry_after is None:
        return 1 if problem.status in _STATUSES_WITH_RETRY_AFTER else None
    if not math.isfinite(problem.retry_after):
        return 1
    return max(1, math.ceil(problem.retry_after))


def _members(problem: Problem, instance: str, correlation_id: str, type_prefix: str) -> dict[str, Any]:
    optional = {
        "retry_after": retry_after_seconds(problem),
        "provider": problem.provider,
        "attempts": [_attempt(attempt) for attempt in problem.attempts] or None,
        "candidates": [asdict(candidate) for candidate in problem.candidates] or None,
        "errors": [{"pointer": error.pointer, "message": error.message} for error in problem.errors] or None,
    }
    return {
        "type": type_prefix + problem.type_slug,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
        "correlation_id": correlation_id,
        "retryable": problem.retryable,
        **{name: value for name, value in optional.items() if value is not None},
        "error": problem.title,
        "details": problem.detail,
        "error_type": problem.code,
    }


def _attempt(attempt: AttemptSummary) -> dict[str, Any]:
    return {
        "provider": attempt.provider,
        "model": attempt.model,
        "outcome": attempt.outcome,
        "duration_ms": attempt.duration_ms,
    }


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {name: _without_surrogates(member) for name, member in value.items()}
        case list():
            return [_without_surrogates(item) for item in value]
    return value
