"""The one retry loop, with a clock that only its own waiting moves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

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

    def __init__(self, script: Sequence[BaseException | str], *, seconds: float = 60.0) -> None:
        self.clock = HandClock()
        self.slept: list[float] = []
        self.numbers: list[int] = []
        self.budget = RetryBudget()
        self.given_up = False
        self._script = list(script)
        self._deadline = Deadline.after(seconds, self.clock)
        self._manager = RetryManagerImpl(RetryPolicy(), sleep=self._sleep, uniform=lambda: 0.5)

    async def run(self) -> str:
        allowance = RetryAllowance(
            attempts_left=4,
            budget=self.budget,
            deadline=self._deadline,
            another_candidate=lambda: False,
            given_up=lambda: self.given_up,
        )
        return await self._manager.run(self._call, allowance)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now += seconds

    async def _call(self, number: int) -> str:
        self.numbers.append(number)
        outcome = self._script.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


async def test_a_success_is_the_end() -> None:
    bench = Bench(["answer"])
    assert await bench.run() == "answer"
    assert (bench.numbers, bench.slept) == ([1], [])


async def test_hiccups_are_slept_over_with_growing_pauses() -> None:
    bench = Bench([ServerError("a"), ServerError("b"), "answer"])
    assert await bench.run() == "answer"
    assert (bench.numbers, bench.slept) == ([1, 2, 3], [0.125, 0.25])
    assert bench.budget.tokens == 500 - 2 * 14


async def test_the_last_failure_is_the_one_that_is_told() -> None:
    failures = [ServerError("a"), ServerError("b"), RateLimited("c")]
    bench = Bench(failures)
    with pytest.raises(ProviderFailure) as raised:
        await bench.run()
    assert raised.value is failures[-1]
    assert bench.numbers == [1, 2, 3]


async def test_what_the_vendor_asks_for_is_waited() -> None:
    bench = Bench([RateLimited("a", retry_after=7), "answer"])
    assert await bench.run() == "answer"
    assert bench.slept == [7]


async def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    bench = Bench([RateLimited("a", retry_after=7)], seconds=7.4)
    with pytest.raises(RateLimited):
        await bench.run()
    assert (bench.slept, bench.budget.tokens) == ([], 500), "and it costs nothing"


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


async def test_a_caller_who_left_during_the_call_gets_no_second_one() -> None:
    bench = Bench([ServerError("a"), "answer"])
    bench.given_up = True
    with pytest.raises(ServerError):
        await bench.run()
    assert bench.numbers == [1]


@pytest.mark.parametrize("error", [TypeError("a bug"), asyncio.CancelledError()], ids=["bug", "cancel"])
@pytest.mark.parametrize("before", [0, 1])
async def test_bugs_and_cancellation_pass_through_untouched(error: BaseException, before: int) -> None:
    bench = Bench([*[ServerError("a")] * before, error, "never"])
    with pytest.raises(type(error)) as raised:
        await bench.run()
    assert raised.value is error
    assert len(bench.numbers) == before + 1
