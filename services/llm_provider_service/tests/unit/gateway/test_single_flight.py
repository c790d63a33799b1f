"""Single flight on a real event loop: one call, many answers, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import random
import traceback
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.llm_provider_service.domain.completion import Rejection, RejectionReason
from services.llm_provider_service.domain.failures import AnswerRejected, ServerError
from services.llm_provider_service.domain.usage import Usage
from services.llm_provider_service.gateway.single_flight import SingleFlight
from services.llm_provider_service.resilience.deadline import Deadline


class OwnFault(Exception):
    """Says nothing about the request: another may lead."""


class Answer:
    """An answer that can be watched."""


Flights = SingleFlight[str, Any]
LONG = Deadline.after(3600, lambda: 0.0)
PAST = Deadline(at=0.0, clock=lambda: 1.0)


@pytest.fixture
async def flights() -> AsyncIterator[Flights]:
    """Whatever a test does, nothing runs, waits or complains afterwards."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    single: Flights = SingleFlight(promotes=lambda failure: isinstance(failure, OwnFault))
    yield single
    await _ticks(3)
    assert single.running == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    assert complaints == []


class Upstream:
    """Counts its calls; each ends after *ticks* turns of the loop, or when told."""

    def __init__(self, *, ticks: int = 0, fails: BaseException | None = None) -> None:
        self.calls = 0
        self.running = 0
        self.most_at_once = 0
        self.go = asyncio.Event()
        self._ticks = ticks
        self._fails = fails
        if ticks:
            self.go.set()

    async def __call__(self) -> str:
        self.calls += 1
        number = self.calls
        self.running += 1
        self.most_at_once = max(self.running, self.most_at_once)
        try:
            await self.go.wait()
            await _ticks(self._ticks)
        finally:
            self.running -= 1
        if self._fails is not None:
            raise self._fails
        return f"answer {number}"


async def _ticks(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def _start(
    flights: Flights, lead: Callable[[], Awaitable[Any]], number: int = 1, deadline: Deadline = LONG, key: str = "k"
) -> list[asyncio.Task[tuple[Any, bool]]]:
    """*number* requests that have all come as far as they can."""
    tasks = [asyncio.create_task(flights.run(key, lead, deadline)) for _ in range(number)]
    await _ticks(2)
    return tasks


async def test_five_hundred_identical_requests_are_one_call(flights: Flights) -> None:
    upstream = Upstream()
    tasks = await _start(flights, upstream, 500)
    assert flights.running == 1
    upstream.go.set()
    assert await asyncio.gather(*tasks) == [("answer 1", False)] + [("answer 1", True)] * 499
    assert (upstream.calls, flights.coalesced) == (1, 499)


async def test_a_request_alone_leads_and_the_next_one_calls_again(flights: Flights) -> None:
    upstream = Upstream(ticks=1)
    assert await flights.run("k", upstream, LONG) == ("answer 1", False)
    assert await flights.run("k", upstream, LONG) == ("answer 2", False)
    assert flights.coalesced == 0


async def test_different_keys_never_share_and_no_key_shares_with_nobody(flights: Flights) -> None:
    upstream = Upstream(ticks=3)
    outcomes = await asyncio.gather(*(flights.run(key, upstream, LONG) for key in ("a", "b", None, None)))
    assert upstream.calls == 4
    assert not any(follows for _, follows in outcomes)


@pytest.mark.parametrize("moment", range(8))
async def test_a_leader_that_is_cancelled_at_any_moment_leaves_the_lead_to_one_follower(
    flights: Flights, moment: int
) -> None:
    upstream = Upstream(ticks=4)
    leader, *followers = [asyncio.create_task(flights.run("k", upstream, LONG)) for _ in range(10)]
    await _ticks(moment)
    leader.cancel()
    outcomes = await asyncio.gather(leader, *followers, return_exceptions=True)
    was_cancelled = isinstance(outcomes[0], asyncio.CancelledError)
    started = moment > 0
    assert upstream.calls == (2 if was_cancelled and started else 1)
    assert upstream.most_at_once == 1
    assert {outcome[0] for outcome in outcomes[1:] if isinstance(outcome, tuple)} == {f"answer {upstream.calls}"}
    assert [outcome[1] for outcome in outcomes[1:] if isinstance(outcome, tuple)] == [not was_cancelled] + [True] * 8


async def test_leaders_cancelled_one_after_another_promote_the_one_that_came_next(flights: Flights) -> None:
    upstream = Upstream()
    tasks = await _start(flights, upstream, 5)
    for task in tasks[:4]:
        task.cancel()
        await _ticks(2)
    assert upstream.calls == 5
    upstream.go.set()
    assert await tasks[4] == ("answer 5", False)
    assert [task.cancelled() for task in tasks] == [True] * 4 + [False]


async def test_a_fault_of_the_leaders_own_is_its_own_and_the_next_leads(flights: Flights) -> None:
    upstream = Upstream(fails=OwnFault())
    tasks = await _start(flights, upstream, 4)
    upstream.go.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OwnFault] * 4
    assert (upstream.calls, upstream.most_at_once, flights.coalesced) == (4, 1, 0)


async def test_who_arrives_between_two_leaders_follows_the_second(flights: Flights) -> None:
    upstream = Upstream()
    leader, heir = await _start(flights, upstream, 2)
    leader.cancel()
    await asyncio.wait([leader])
    late = await _start(flights, upstream, 3)
    upstream.go.set()
    assert await heir == ("answer 2", False)
    assert await asyncio.gather(*late) == [("answer 2", True)] * 3


async def test_an_ordinary_failure_is_shared_and_costs_one_call(flights: Flights) -> None:
    failure = AnswerRejected(
        Rejection(reason=RejectionReason.NOT_JSON, message="no JSON"),
        usage=Usage(input_tokens=9),
        served_model="m",
        asked_before=True,
    )
    upstream = Upstream(fails=failure)
    tasks = await _start(flights, upstream, 50)
    upstream.go.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert upstream.calls == 1
    assert outcomes[0] is failure
    assert len({id(outcome) for outcome in outcomes}) == 50
    for copy in outcomes:
        assert isinstance(copy, AnswerRejected)
        assert (str(copy), copy.rejection, copy.usage) == ("no JSON", failure.rejection, failure.usage)
        assert (copy.served_model, copy.may_retry) == ("m", False)
    assert await flights.run("k", Upstream(ticks=1), LONG) == ("answer 1", False)


async def test_a_shared_failure_keeps_its_cause_and_no_frames_of_other_requests(flights: Flights) -> None:
    failure = ServerError("503", status=503, retry_after=2.0)
    failure.__cause__ = OSError("reset")
    upstream = Upstream(fails=failure)
    tasks = await _start(flights, upstream, 50)
    upstream.go.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for copy in outcomes[1:]:
        assert isinstance(copy, ServerError)
        assert copy.__cause__ is failure.__cause__
        assert (copy.status, copy.retry_after) == (503, 2.0)
        assert len(traceback.extract_tb(copy.__traceback__)) <= 3


async def test_a_followers_own_deadline_ends_only_its_own_wait(flights: Flights) -> None:
    upstream = Upstream()
    patient = await _start(flights, upstream, 2)
    (hasty,) = await _start(flights, upstream, deadline=PAST)
    with pytest.raises(TimeoutError):
        await hasty
    assert upstream.calls == 1
    upstream.go.set()
    assert await asyncio.gather(*patient) == [("answer 1", False), ("answer 1", True)]


async def test_a_follower_that_is_cancelled_disturbs_nobody(flights: Flights) -> None:
    upstream = Upstream()
    leader, gone, other = await _start(flights, upstream, 3)
    gone.cancel()
    await asyncio.wait([gone])
    upstream.go.set()
    assert await leader == ("answer 1", False)
    assert await other == ("answer 1", True)
    assert gone.cancelled()


async def test_a_follower_that_goes_as_it_is_promoted_passes_the_lead_on(flights: Flights) -> None:
    upstream = Upstream()
    leader, heir, next_heir = await _start(flights, upstream, 3)
    leader.cancel()
    await asyncio.sleep(0)  # the leader has handed over, the heir has not woken up yet
    heir.cancel()
    await asyncio.wait([leader, heir])
    upstream.go.set()
    assert await next_heir == ("answer 2", False)
    assert (leader.cancelled(), heir.cancelled(), upstream.calls) == (True, True, 2)


async def test_a_follower_that_goes_as_it_is_answered_loses_nothing_for_the_others(flights: Flights) -> None:
    upstream = Upstream()
    leader, gone, other = await _start(flights, upstream, 3)
    upstream.go.set()
    await _ticks(1)
    gone.cancel()
    await asyncio.wait([leader, gone, other])
    assert (leader.result(), other.result()) == (("answer 1", False), ("answer 1", True))
    assert upstream.calls == 1


async def test_when_everybody_goes_nothing_is_left(flights: Flights) -> None:
    tasks = await _start(flights, Upstream(), 20)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    assert flights.running == 0


async def test_no_reference_to_an_answer_or_a_failure_stays(flights: Flights) -> None:
    kept: list[weakref.ref[Any]] = []

    async def answers() -> Answer:
        await _ticks(3)
        answer = Answer()
        kept.append(weakref.ref(answer))
        return answer

    async def fails() -> Answer:
        await _ticks(3)
        failure = ServerError("503")
        kept.append(weakref.ref(failure))
        raise failure

    for lead in (answers, fails):
        await asyncio.gather(*(flights.run("k", lead, LONG) for _ in range(20)), return_exceptions=True)
    await _ticks(2)
    gc.collect()
    assert [reference() for reference in kept] == [None, None]


@pytest.mark.parametrize("seed", range(30))
async def test_in_a_storm_of_requests_that_come_and_go_everyone_who_stays_is_answered(
    flights: Flights, seed: int
) -> None:
    dice = random.Random(seed)
    upstream = Upstream(ticks=5)
    staying: list[asyncio.Task[tuple[Any, bool]]] = []
    going: list[asyncio.Task[tuple[Any, bool]]] = []
    for _ in range(100):
        task = asyncio.create_task(flights.run("k", upstream, dice.choice((LONG, LONG, PAST))))
        dice.choice((staying, going)).append(task)
        await _ticks(dice.randrange(3))
        for leaver in going:
            if dice.random() < 0.3:
                leaver.cancel()
    outcomes = await asyncio.gather(*staying, return_exceptions=True)
    await asyncio.gather(*going, return_exceptions=True)
    assert upstream.most_at_once == 1
    assert upstream.running == 0
    assert {type(outcome) for outcome in outcomes} <= {tuple, TimeoutError}
    assert sum(isinstance(outcome, tuple) for outcome in outcomes) > len(staying) / 3
