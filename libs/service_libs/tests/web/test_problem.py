"""Problem documents have exactly the members of the contract."""

from __future__ import annotations

import orjson
import pytest

from common_core.error_enums import ErrorCode
from common_core.llm_contracts import ProblemDocument
from huleedu_service_libs.web.problem import (
    AttemptSummary,
    FieldError,
    Problem,
    ProblemError,
    problem_body,
    problem_headers,
)

FULL = Problem(
    status=503,
    code=ErrorCode.SERVICE_UNAVAILABLE,
    title="No provider could answer",
    detail="Try again.",
    type_slug="service-unavailable",
    retryable=True,
    retry_after=2.1,
    provider="openai",
    attempts=(AttemptSummary(provider="openai", model="m", outcome="rate_limited", duration_ms=41),),
    errors=(FieldError(pointer="/essay_a", message="must not be empty"),),
)
BARE = Problem(
    status=404, code=ErrorCode.RESOURCE_NOT_FOUND, title="Not found", detail="No such path.", type_slug="not-found"
)


def _body(problem: Problem, instance: str = "/x") -> dict[str, object]:
    raw = problem_body(problem, instance=instance, correlation_id="c-1", type_prefix="urn:huleedu:llm-provider:")
    value: dict[str, object] = orjson.loads(raw)
    return value


def test_a_full_problem_has_every_member_of_the_contract() -> None:
    assert _body(FULL) == {
        "type": "urn:huleedu:llm-provider:service-unavailable",
        "title": "No provider could answer",
        "status": 503,
        "detail": "Try again.",
        "instance": "/x",
        "code": "SERVICE_UNAVAILABLE",
        "correlation_id": "c-1",
        "retryable": True,
        "retry_after": 3,
        "provider": "openai",
        "attempts": [{"provider": "openai", "model": "m", "outcome": "rate_limited", "duration_ms": 41}],
        "errors": [{"pointer": "/essay_a", "message": "must not be empty"}],
        "error": "No provider could answer",
        "details": "Try again.",
        "error_type": "SERVICE_UNAVAILABLE",
    }


def test_absent_optional_members_are_left_out() -> None:
    assert _body(BARE).keys().isdisjoint({"retry_after", "provider", "attempts", "errors"})


@pytest.mark.parametrize("problem", [FULL, BARE])
def test_the_document_is_the_one_of_the_contract_models(problem: Problem) -> None:
    document = ProblemDocument.model_validate(_body(problem))
    assert (document.error, document.details, document.error_type) == (problem.title, problem.detail, problem.code)


@pytest.mark.parametrize(
    ("status", "retry_after", "header"),
    [
        (503, None, "1"),
        (503, 0.0, "1"),
        (429, 2.0, "2"),
        (429, 2.001, "3"),
        (503, float("inf"), "1"),
        (503, -4.0, "1"),
        (504, 3.0, None),
        (404, None, None),
    ],
)
def test_retry_after_is_a_whole_number_of_at_least_one_on_429_and_503_only(
    status: int, retry_after: float | None, header: str | None
) -> None:
    problem = Problem(
        status=status, code=ErrorCode.TIMEOUT, title="t", detail="d", type_slug="s", retry_after=retry_after
    )
    headers = problem_headers(problem)
    assert headers.get("Retry-After") == header
    assert headers["Content-Type"] == "application/problem+json"


def test_text_with_lone_surrogates_is_still_answered() -> None:
    problem = Problem(
        status=422,
        code=ErrorCode.INVALID_REQUEST,
        title="t",
        detail="bad \ud800 text",
        type_slug="s",
        attempts=(AttemptSummary(provider="p", model="\udfff", outcome="o", duration_ms=1),),
        errors=(FieldError(pointer="/\ud800", message="m"),),
    )
    body = _body(problem, instance="/\ud800")
    assert body["detail"] == "bad ? text"
    assert body["errors"] == [{"pointer": "/?", "message": "m"}]
    assert body["attempts"] == [{"provider": "p", "model": "?", "outcome": "o", "duration_ms": 1}]


def test_a_problem_error_carries_its_problem() -> None:
    with pytest.raises(ProblemError, match="Not found") as caught:
        raise ProblemError(BARE)
    assert caught.value.problem is BARE
