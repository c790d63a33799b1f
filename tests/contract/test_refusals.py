"""Every error that the orchestrator can end in has its example in the API document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from common_core.config_enums import LLMProviderType
from huleedu_service_libs.web.body_budget import BODIES_FILL_THE_MEMORY
from services.llm_provider_service.api.caller_identity import LOCAL_CALLER
from services.llm_provider_service.api.openapi.document import openapi_document
from services.llm_provider_service.api.problems import gateway_problem
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    Message,
    Rejection,
    RejectionReason,
    Role,
    TextPart,
)
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.failures import AnswerRejected
from services.llm_provider_service.domain.not_sent import NotSent
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN
from services.llm_provider_service.exceptions import TYPE_PREFIX, GatewayError
from services.llm_provider_service.gateway.error_mapping import (
    deadline_reached,
    nobody_is_live,
    overloaded,
    refusal,
)
from services.llm_provider_service.gateway.run_state import Run
from services.llm_provider_service.resilience.deadline import Deadline
from tests.contract.documents import PROBLEM, examples_of

REQUEST = CompletionRequest(messages=(Message(Role.USER, (TextPart("Which?"),)),))
TARGET = Target(LLMProviderType.MOCK, "mock-judge-1")
REJECTION = Rejection(reason=RejectionReason.NOT_JSON, message="not JSON")


def kinds(of: type[ProviderFailure] = ProviderFailure) -> Iterator[type[ProviderFailure]]:
    """Every class of failure that is raised: those with an outcome of their own or inherited."""
    if hasattr(of, "outcome"):
        yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def failure_of(kind: type[ProviderFailure]) -> ProviderFailure:
    if kind is AnswerRejected:
        return AnswerRejected(REJECTION, usage=USAGE_UNKNOWN, served_model=None, asked_before=True)
    return kind("what the vendor said")


def run_that_ended_in(failure: ProviderFailure) -> Run:
    order = CompletionOrder(
        request=REQUEST, request_type="comparison", request_id="r", correlation_id="c", caller=LOCAL_CALLER
    )
    run = Run(order=order, deadline=Deadline(at=60.0, clock=lambda: 0.0), request=REQUEST)
    run.failures.append((TARGET, failure))
    run.add(Attempt(number=1, target=TARGET, outcome=failure.outcome, duration_seconds=0.2))
    return run


def kind_of_problem(document: dict[str, Any]) -> dict[str, Any]:
    """What programs and people tell problems apart by."""
    return {name: document[name] for name in ("type", "title", "code", "status", "retryable")}


def assert_documented(error: GatewayError) -> None:
    problem = gateway_problem(error, {})
    response = openapi_document()["paths"]["/api/v1/comparison"]["post"]["responses"][str(problem.status)]
    said = {
        "type": TYPE_PREFIX + problem.type_slug,
        "title": problem.title,
        "code": problem.code,
        "status": problem.status,
        "retryable": problem.retryable,
    }
    assert said in [kind_of_problem(example) for example in examples_of(response["content"][PROBLEM])]


def test_a_body_that_finds_no_memory_is_documented() -> None:
    responses = openapi_document()["paths"]["/api/v1/comparison"]["post"]["responses"]
    examples = examples_of(responses[str(BODIES_FILL_THE_MEMORY.status)]["content"][PROBLEM])
    assert BODIES_FILL_THE_MEMORY.title in [example["title"] for example in examples]


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_failure_of_the_only_target_is_documented(kind: type[ProviderFailure]) -> None:
    assert_documented(refusal(run_that_ended_in(failure_of(kind)), retry_after=3.0, longest_pause=0.0))


def test_there_are_failures_that_were_never_sent_and_others() -> None:
    assert {NotSent, AnswerRejected} < set(kinds())


@pytest.mark.parametrize("error", [deadline_reached(), overloaded(2.0), nobody_is_live()], ids=lambda error: error.slug)
def test_what_the_gateway_itself_refuses_is_documented(error: GatewayError) -> None:
    assert_documented(error)
