"""What an answer must be like: its status and code, and a winner that the vendor really chose."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
from pydantic import ValidationError

from common_core.llm_contracts import CacheMode, FallbackMode, LLMComparisonResponse, ProblemDocument
from services.llm_provider_service.comparison.mock_judge import judge
from tests.faults.fault_upstream.exchange import VERDICT
from tests.soak.questions import RAW_VENDOR, REFUSED_WITH, Question
from tests.support.crowd import Reply
from tests.vendor_sim.server import SEEDS
from tests.vendor_sim.vendors import Vendor

# The page of the interface (docs/api.md), without what no question of a soak can bring about.
CODES = {
    400: {"VALIDATION_ERROR"},
    413: {"INVALID_REQUEST"},
    415: {"INVALID_REQUEST"},
    422: {"CONTENT_REFUSED"},
    502: {"PARSING_ERROR", "PROVIDER_AUTHENTICATION_ERROR", "INVALID_RESPONSE"},
    503: {"SERVICE_UNAVAILABLE", "CIRCUIT_BREAKER_OPEN"},
    504: {"TIMEOUT"},
}


def complaints(question: Question, reply: Reply) -> Iterator[str]:
    """Everything that is wrong with *reply*."""
    try:
        yield from _about_any(question, reply)
    except ValidationError as error:
        yield f"{reply.status}, but the body is none of the contract: {error}"


def _about_any(question: Question, reply: Reply) -> Iterator[str]:
    wanted = REFUSED_WITH.get(question.manner)
    if wanted is not None and reply.status != wanted:
        yield f"{question.manner}: {reply.status} instead of {wanted}"
    elif wanted is None and reply.status in REFUSED_WITH.values():
        yield f"{question.manner}: {reply.status} {reply.body[:300]!r}"
    if reply.status == 200:
        yield from _about_a_verdict(question, LLMComparisonResponse.model_validate_json(reply.body))
    else:
        yield from _about_a_problem(reply)


def _about_a_problem(reply: Reply) -> Iterator[str]:
    problem = ProblemDocument.model_validate_json(reply.body)
    if problem.code not in CODES.get(reply.status, ()):
        yield f"{reply.status} {problem.code}: {problem.detail}"
    if (reply.status == 503) != ("retry-after" in reply.headers):
        yield f"{reply.status} {problem.code}: Retry-After is {reply.headers.get('retry-after')}"


def _about_a_verdict(question: Question, answer: LLMComparisonResponse) -> Iterator[str]:
    winner, justification = judged(answer.provider, *question.essays)
    if (answer.winner, answer.justification) != (winner, justification):
        yield f"{answer.provider} said {winner}: {justification}; the answer {answer.winner}: {answer.justification}"
    if answer.metadata != question.fields["metadata"]:
        yield f"{question.number} got the answer to {answer.metadata}"
    if answer.cached and question.fields.get("cache") == CacheMode.BYPASS:
        yield f"{question.number} got a stored answer, which it did not want"
    named = question.overrides.get("provider_override")
    if named and question.fields["fallback"] == FallbackMode.NONE and answer.provider != named:
        yield f"{question.number} asked nobody but {named}, and {answer.provider} answered"


def judged(provider: str, essay_a: str, essay_b: str) -> tuple[str, str]:
    """Winner and reasons, as the simulated vendor finds them."""
    if provider == RAW_VENDOR:
        said = orjson.loads(VERDICT)
        return said["winner"], said["justification"]
    reading = judge(essay_a, essay_b, seed=SEEDS[Vendor(provider)])
    return reading.winner, reading.justification
