"""Example problems caused by a provider, or by having none to ask; built by the code that raises them."""

from __future__ import annotations

from collections.abc import Iterator

from common_core.llm_attempts import AttemptOutcome
from huleedu_service_libs.web.body_budget import BODIES_FILL_THE_MEMORY
from huleedu_service_libs.web.problem import Problem
from services.llm_provider_service.api.openapi.examples import FIRST
from services.llm_provider_service.api.openapi.problem_examples import (
    MODEL,
    OUT_OF_MEMORY,
    STOPPED_UNDER_WAY,
    STOPPING,
)
from services.llm_provider_service.api.problems import gateway_problem
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.failure_values import CallerMessage
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.exceptions import GatewayError
from services.llm_provider_service.gateway.error_mapping import (
    deadline_reached,
    nobody_answered,
    nobody_is_live,
    overloaded,
    vendor_error,
)

TARGET = Target(FIRST, MODEL)


def _attempts(*ended: tuple[AttemptOutcome, float]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(number=number, target=TARGET, outcome=outcome, duration_seconds=seconds)
        for number, (outcome, seconds) in enumerate(ended, 1)
    )


def _told(kind: type[ProviderFailure] = ProviderFailure) -> Iterator[tuple[type[ProviderFailure], CallerMessage]]:
    """Yields every class below *kind* that has its own `caller_message`."""
    for below in kind.__subclasses__():
        if below.caller_message is not None and "caller_message" in vars(below):
            yield below, below.caller_message
        yield from _told(below)


def _problem(error: GatewayError) -> Problem:
    return gateway_problem(error, {})


def _of_vendor(kind: type[ProviderFailure], caller_message: CallerMessage) -> Problem:
    failure = ProviderFailure(caller_message.example)
    return _problem(vendor_error(TARGET, failure, caller_message, _attempts((kind.outcome, 0.412))))


VENDOR_PROBLEMS = tuple(
    _of_vendor(kind, message) for kind, message in sorted(_told(), key=lambda row: (row[1].status, row[1].slug))
)

CAPACITY_PROBLEMS = (
    _problem(
        nobody_answered(_attempts((AttemptOutcome.RATE_LIMITED, 0.041), (AttemptOutcome.SERVER_ERROR, 0.212)), 3.0)
    ),
    _problem(nobody_answered(_attempts((AttemptOutcome.NOT_SENT, 0.0)), 8.0)),
    _problem(nobody_is_live()),
    _problem(overloaded(2.0)),
    BODIES_FILL_THE_MEMORY,
    STOPPING,
    STOPPED_UNDER_WAY,
    OUT_OF_MEMORY,
    _problem(deadline_reached(_attempts((AttemptOutcome.TIMED_OUT, 60.0)))),
)
