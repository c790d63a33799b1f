"""Each of the strategies that tenacity asks, alone: what it says of one state of one run."""

from __future__ import annotations

import asyncio

import pytest
from tenacity import AsyncRetrying, RetryCallState

from services.llm_provider_service.domain.completion import Rejection, RejectionReason
from services.llm_provider_service.domain.failures import AnswerRejected, RateLimited, RequestRejected, ServerError
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN
from services.llm_provider_service.implementations.retry_manager_impl import (
    AttemptsSpent,
    BeyondPatience,
    BudgetSpent,
    GivenUp,
    JitteredWait,
    MayPass,
    RetryRun,
    TooLate,
    pay,
)
from services.llm_provider_service.resilience.deadline import Deadline
from services.llm_provider_service.resilience.retry_budget import CAPACITY, RetryBudget
from services.llm_provider_service.resilience.retry_policy import RetryAllowance, RetryPolicy

POLICY = RetryPolicy()
FIRST = ServerError("first")


def state_after(
    error: BaseException | None = FIRST,
    *,
    attempt: int = 1,
    wait: float = 0.0,
    seconds: float = 60.0,
    another: bool = False,
    given_up: bool = False,
    budget: RetryBudget | None = None,
) -> RetryCallState:
    """What tenacity knows after an attempt that ended in *error*, or in a success."""
    allowance = RetryAllowance(
        attempts_left=4,
        budget=budget or RetryBudget(),
        deadline=Deadline(at=seconds, clock=lambda: 0.0),
        another_candidate=lambda: another,
        given_up=lambda: given_up,
    )
    state = RetryCallState(AsyncRetrying(), fn=None, args=(RetryRun(succeed, allowance, FIRST),), kwargs={})
    state.attempt_number = attempt
    state.upcoming_sleep = wait
    if error is None:
        state.set_result("answer")
    else:
        state.set_exception((type(error), error, None))
    return state


async def succeed(number: int) -> str:
    """A call that succeeds."""
    return f"answer {number}"


def empty_budget() -> RetryBudget:
    """One that covers no retry of any price."""
    budget = RetryBudget()
    while budget.take(RateLimited.backoff):
        pass
    return budget


def to_be_asked_again() -> AnswerRejected:
    """An answer that the request could not use, for the first time."""
    rejection = Rejection(reason=RejectionReason.NOT_JSON, message="no verdict")
    return AnswerRejected(rejection, usage=USAGE_UNKNOWN, served_model=None, asked_before=False)


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (ServerError("x"), True),
        (RateLimited("x"), True),
        (ServerError("x", retry_forbidden=True), False),
        (RequestRejected("x"), False),
        (RequestRejected("x", retry_encouraged=True), True),
        (TypeError("a bug"), False),
        (asyncio.CancelledError(), False),
        (None, False),
    ],
    ids=["hiccup", "throttle", "forbidden", "refusal", "encouraged", "bug", "cancel", "success"],
)
def test_only_failures_that_may_pass_are_retried(error: BaseException | None, retried: bool) -> None:
    assert MayPass()(state_after(error)) is retried


@pytest.mark.parametrize(
    ("failure", "attempt", "seconds"),
    [
        (ServerError("x"), 1, 0.125),
        (ServerError("x"), 2, 0.25),
        (RateLimited("x"), 1, 0.5),
        (RateLimited("x", retry_after=7), 1, 7),
        (to_be_asked_again(), 2, 0),
    ],
    ids=["hiccup", "second hiccup", "throttle", "as asked", "re-ask"],
)
def test_the_wait_is_what_the_policy_draws(failure: ProviderFailure, attempt: int, seconds: float) -> None:
    assert JitteredWait(POLICY, lambda: 0.5)(state_after(failure, attempt=attempt)) == seconds


@pytest.mark.parametrize("given_up", [False, True])
def test_a_caller_who_has_hung_up_stops_it(given_up: bool) -> None:
    assert GivenUp()(state_after(given_up=given_up)) is given_up


@pytest.mark.parametrize(
    ("failure", "another", "last"),
    [(ServerError("x"), False, 3), (ServerError("x"), True, 2), (to_be_asked_again(), True, 3)],
    ids=["alone", "beside another", "re-ask beside another"],
)
def test_the_last_attempt_stops_it(failure: ProviderFailure, another: bool, last: int) -> None:
    spent = AttemptsSpent(POLICY)
    assert not spent(state_after(failure, attempt=last - 1, another=another))
    assert spent(state_after(failure, attempt=last, another=another))


@pytest.mark.parametrize(("wait", "another", "stops"), [(3.0, True, False), (3.1, True, True), (3.1, False, False)])
def test_a_long_wait_stops_it_where_another_can_answer(wait: float, another: bool, stops: bool) -> None:
    assert BeyondPatience(POLICY)(state_after(wait=wait, another=another)) is stops


@pytest.mark.parametrize(("wait", "stops"), [(2.0, False), (2.01, True)])
def test_the_deadline_stops_it_when_too_little_is_left_after_the_wait(wait: float, stops: bool) -> None:
    assert TooLate(POLICY)(state_after(wait=wait, seconds=2.5)) is stops


def test_an_empty_budget_stops_it_but_for_a_re_ask() -> None:
    assert not BudgetSpent()(state_after())
    assert BudgetSpent()(state_after(budget=empty_budget()))
    assert not BudgetSpent()(state_after(to_be_asked_again(), budget=empty_budget()))


@pytest.mark.parametrize(
    ("failure", "price"), [(ServerError("x"), 14), (RateLimited("x"), 5), (to_be_asked_again(), 0)]
)
def test_each_retry_pays_for_the_kind_of_its_failure(failure: ProviderFailure, price: int) -> None:
    budget = RetryBudget()
    pay(state_after(failure, budget=budget))
    assert budget.tokens == CAPACITY - price


async def test_a_run_begins_with_the_failure_that_is_known_and_numbers_the_calls_after_it() -> None:
    run: RetryRun[str] = state_after().args[0]
    with pytest.raises(ServerError) as raised:
        await run.attempt()
    assert raised.value is FIRST
    assert [await run.attempt(), await run.attempt()] == ["answer 2", "answer 3"]
