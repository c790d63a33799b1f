"""The one retry loop, with a clock that only its own waiting moves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from services.llm_provider_service.domain.failures import RateLimited, RequestRejected, ServerError
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.implementations.retry_manager_impl import RetryManagerImpl
from services.llm_provider_service.resilience.deadline import Deadline
from services.llm_provider_service.resilience.retry_budget import RetryBudget
from services.llm_provider_service.resilience.retry_policy import RetryAllowance, RetryPolicy
from services.llm_provider_service.tests.unit.routing.samples import HandClock


class Bench:
    """A retry manager whose sleep moves the clock, and a call that plays a script."""

    def __init__(
        self,
        script: Sequence[BaseException | str],
        *,
        seconds: float = 60.0,
        attempts_left: int = 4,
        another: bool = False,
        given_up: bool = False,
    ) -> None:
        self.clock = HandClock()
        self.slept: list[float] = []
        self.numbers: list[int] = []
        self.budget = RetryBudget()
        self._given_up = given_up
        self._attempts_left = attempts_left
        self._another = another
        self._script = list(script)
        self._deadline = Deadline.after(seconds, self.clock)
        self._manager = RetryManagerImpl(RetryPolicy(), sleep=self._sleep, uniform=lambda: 0.5)

    async def run(self) -> str:
        return await self.run_with(self._manager)

    async def run_with(self, manager: RetryManagerImpl) -> str:
        allowance = RetryAllowance(
            attempts_left=self._attempts_left,
            budget=self.budget,
            deadline=self._deadline,
            another_candidate=lambda: self._another,
            given_up=lambda: self._given_up,
        )
        return await manager.run(self._call, allowance)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now += seconds

    async def _call(self, number: int) -> str:
        self.numbers.append(number)
        outcome = self._script.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@pytest.mark.parametrize(
    ("script", "slept", "paid"),
    [
        pytest.param(["answer"], [], 0, id="a success is the end"),
        pytest.param([ServerError("a"), ServerError("b"), "answer"], [0.125, 0.25], 2 * 14, id="hiccups, ever longer"),
        pytest.param([RateLimited("a", retry_after=7), "answer"], [7], 5, id="as long as the vendor asks"),
    ],
)
async def test_failures_that_pass_are_slept_over(
    script: list[ProviderFailure | str], slept: list[float], paid: int
) -> None:
    bench = Bench(script)
    assert await bench.run() == "answer"
    assert bench.numbers == list(range(1, len(script) + 1))
    assert (bench.slept, bench.budget.tokens) == (slept, 500 - paid)


async def test_the_last_failure_is_the_one_that_is_told() -> None:
    failures = [ServerError("a"), ServerError("b"), RateLimited("c")]
    bench = Bench(failures)
    with pytest.raises(ProviderFailure) as raised:
        await bench.run()
    assert raised.value is failures[-1]
    assert bench.numbers == [1, 2, 3]


async def test_what_cannot_pass_is_not_repeated() -> None:
    bench = Bench([RequestRejected("a")])
    with pytest.raises(RequestRejected):
        await bench.run()
    assert bench.numbers == [1]


async def test_an_empty_budget_ends_the_retrying() -> None:
    bench = Bench([ServerError("a")])
    while bench.budget.take(ServerError.backoff):
        pass
    with pytest.raises(ServerError):
        await bench.run()
    assert (bench.numbers, bench.slept) == ([1], [])


@pytest.mark.parametrize(
    "limits",
    [{"given_up": True}, {"attempts_left": 1}, {"another": True}, {"seconds": 4.4}],
    ids=["the caller left", "the last attempt", "another can answer sooner", "a wait beyond the deadline"],
)
async def test_whatever_ends_a_run_no_retry_is_paid_for(limits: dict[str, Any]) -> None:
    bench = Bench([RateLimited("a", retry_after=4), "answer"], **limits)
    with pytest.raises(RateLimited):
        await bench.run()
    assert (bench.numbers, bench.slept, bench.budget.tokens) == ([1], [], 500)


async def test_runs_that_wait_at_the_same_time_do_not_meet() -> None:
    """All runs share one set of strategies; one that begins during another's wait leaves its numbers alone."""
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(_seconds: float) -> None:
        waiting.set()
        await go_on.wait()

    manager = RetryManagerImpl(RetryPolicy(), sleep=sleep, uniform=lambda: 0.5)
    slow, quick = Bench([ServerError("a"), "slow"]), Bench([RequestRejected("b")])
    first = asyncio.create_task(slow.run_with(manager))
    await waiting.wait()
    with pytest.raises(RequestRejected):
        await quick.run_with(manager)
    go_on.set()
    assert await first == "slow"
    assert (slow.numbers, quick.numbers) == ([1, 2], [1])
    assert (slow.budget.tokens, quick.budget.tokens) == (500 - 14, 500)


@pytest.mark.parametrize("error", [TypeError("a bug"), asyncio.CancelledError()], ids=["bug", "cancel"])
@pytest.mark.parametrize("before", [0, 1])
async def test_bugs_and_cancellation_pass_through_untouched(error: BaseException, before: int) -> None:
    bench = Bench([*[ServerError("a")] * before, error, "never"])
    with pytest.raises(type(error)) as raised:
        await bench.run()
    assert raised.value is error
    assert len(bench.numbers) == before + 1
