from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import Any

import pytest

from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.circuit_breaker import (
    BreakerPolicy,
    CircuitBreaker,
    CircuitOpenError,
    Permit,
    Transition,
    TransitionCause,
)

CLOSED, OPEN, HALF_OPEN = CircuitBreakerState.CLOSED, CircuitBreakerState.OPEN, CircuitBreakerState.HALF_OPEN
RATE_ONLY = BreakerPolicy(failed_requests=1_000_000)


class Rig:
    """A breaker whose clock and jitter are attributes, with what it reported."""

    def __init__(self, policy: BreakerPolicy | None = None) -> None:
        self.now = 1000.0
        self.uniform = 0.5
        self.transitions: list[Transition] = []
        self.breaker = CircuitBreaker(
            "target",
            policy or BreakerPolicy(),
            clock=lambda: self.now,
            jitter=lambda: self.uniform,
            on_transition=self.transitions.append,
        )

    @property
    def state(self) -> CircuitBreakerState:
        return self.breaker.state

    def succeed(self, times: int = 1) -> None:
        for _ in range(times):
            self.breaker.acquire().succeed()

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.breaker.acquire().fail("ServerError")

    def give_up(self, times: int = 1) -> None:
        """Requests of one call each that fail for good."""
        for _ in range(times):
            permit = self.breaker.acquire()
            permit.fail("ServerError")
            self.breaker.count_failed_request(permit.generation)

    def open(self) -> None:
        self.breaker.acquire().fail("KeyRefused", open_now=True)

    def probe_after(self, seconds: float) -> Permit:
        self.now += seconds
        return self.breaker.acquire()

    def refused_for(self) -> float:
        with pytest.raises(CircuitOpenError) as refusal:
            self.breaker.acquire()
        return refusal.value.retry_in_seconds


@pytest.mark.parametrize(
    ("successes", "failures"),
    [(5, 4), (0, 9), (51, 50)],
    ids=["half of ten calls", "nine failures are too few calls", "just under half keeps it closed"],
)
def test_the_failure_that_makes_it_half_of_ten_calls_or_more_opens_it(successes: int, failures: int) -> None:
    rig = Rig(RATE_ONLY)
    rig.succeed(successes)
    rig.fail(failures)
    assert rig.state is CLOSED
    rig.fail()
    assert rig.state is OPEN
    assert rig.transitions[-1].cause is TransitionCause.FAILURE_RATE


def test_an_inexact_rate_is_met_by_exactly_that_share() -> None:
    assert 0.55 * 100 > 55
    rig = Rig(replace(RATE_ONLY, failure_rate=0.55, minimum_calls=100))
    rig.succeed(45)
    rig.fail(54)
    assert rig.state is CLOSED
    rig.fail()
    assert rig.state is OPEN


def test_failures_older_than_the_window_do_not_count() -> None:
    rig = Rig(RATE_ONLY)
    rig.fail(9)
    rig.now += 60
    rig.fail(9)
    assert rig.state is CLOSED
    rig.fail()
    assert rig.state is OPEN


def test_successes_older_than_the_window_do_not_hide_failures() -> None:
    rig = Rig(RATE_ONLY)
    rig.succeed(100)
    rig.now += 60
    rig.fail(10)
    assert rig.state is OPEN


def test_the_success_that_completes_a_bad_sample_does_not_open_it_but_the_next_failure_does() -> None:
    rig = Rig(RATE_ONLY)
    rig.fail(9)
    rig.succeed()
    assert rig.state is CLOSED
    rig.fail()
    assert rig.state is OPEN


def test_abandoned_permits_count_neither_way() -> None:
    rig = Rig(RATE_ONLY)
    rig.fail(9)
    for _ in range(50):
        rig.breaker.acquire().abandon()
    assert rig.breaker.snapshot().calls == 9
    rig.fail()
    assert rig.state is OPEN


def test_three_failed_requests_in_a_row_open_it() -> None:
    rig = Rig()
    rig.give_up(2)
    assert rig.state is CLOSED
    rig.give_up()
    assert rig.state is OPEN
    assert rig.transitions[-1].cause is TransitionCause.FAILED_REQUESTS


def test_the_retries_of_one_request_count_once() -> None:
    rig = Rig(replace(RATE_ONLY, failed_requests=3, minimum_calls=100))
    for _ in range(2):
        rig.fail(3)
        rig.breaker.count_failed_request(rig.breaker.generation)
    assert rig.state is CLOSED
    rig.fail(3)
    assert rig.state is CLOSED
    rig.breaker.count_failed_request(rig.breaker.generation)
    assert rig.state is OPEN


def test_a_success_starts_the_row_again() -> None:
    rig = Rig()
    rig.give_up(2)
    rig.succeed()
    rig.now += 60
    rig.give_up(2)
    assert rig.state is CLOSED
    rig.give_up()
    assert rig.state is OPEN


def test_a_success_in_the_window_keeps_a_long_row_from_opening_it() -> None:
    rig = Rig(BreakerPolicy(minimum_calls=100))
    rig.succeed()
    rig.now += 58
    rig.give_up(5)
    assert rig.state is CLOSED
    rig.now += 2
    rig.give_up()
    assert rig.state is OPEN


def test_requests_that_each_take_longer_than_the_window_still_make_a_row() -> None:
    rig = Rig()
    for _ in range(3):
        assert rig.state is CLOSED
        rig.now += 75
        rig.give_up()
    assert rig.state is OPEN


def test_three_requests_that_fail_at_once_open_it_once() -> None:
    rig = Rig()
    permits = [rig.breaker.acquire() for _ in range(6)]
    for permit in permits:
        permit.fail("ServerError")
        rig.breaker.count_failed_request(permit.generation)
    assert rig.state is OPEN
    assert rig.breaker.generation == 1
    assert len(rig.transitions) == 1


def test_five_connect_failures_in_a_row_open_a_breaker_that_counts_them() -> None:
    rig = Rig(BreakerPolicy(consecutive_failures=5, minimum_calls=100))
    rig.fail(4)
    rig.succeed()
    rig.fail(4)
    assert rig.state is CLOSED
    rig.fail()
    assert rig.state is OPEN
    assert rig.transitions[-1].cause is TransitionCause.CONSECUTIVE_FAILURES


def test_consecutive_failures_may_lie_further_apart_than_the_window() -> None:
    rig = Rig(BreakerPolicy(consecutive_failures=5))
    for _ in range(4):
        rig.fail()
        rig.now += 100
    assert rig.state is CLOSED
    rig.fail()
    assert rig.state is OPEN


def test_consecutive_failures_alone_open_nothing_without_the_rule() -> None:
    rig = Rig()
    rig.fail(9)
    assert rig.state is CLOSED


def test_a_refused_key_opens_it_at_once() -> None:
    rig = Rig()
    rig.succeed(100)
    rig.open()
    assert rig.state is OPEN
    assert rig.transitions[-1].cause is TransitionCause.OPEN_NOW
    assert rig.transitions[-1].last_failure == "KeyRefused"


def test_an_open_breaker_refuses_and_says_for_how_long() -> None:
    rig = Rig()
    rig.open()
    assert rig.refused_for() == 10.0
    assert not rig.breaker.would_admit()
    rig.now += 9.75
    assert rig.refused_for() == 0.25
    assert not rig.breaker.would_admit()


def test_the_refusal_names_the_breaker() -> None:
    rig = Rig()
    rig.open()
    with pytest.raises(CircuitOpenError, match=r"target is open, next probe in 10\.000 s") as refusal:
        rig.breaker.acquire()
    assert refusal.value.name == "target"


@pytest.mark.parametrize(("uniform", "pause"), [(0.0, 9.0), (0.25, 9.5), (0.5, 10.0), (1.0, 11.0)])
def test_it_stays_open_for_ten_seconds_give_or_take_a_tenth(uniform: float, pause: float) -> None:
    rig = Rig()
    rig.uniform = uniform
    rig.open()
    assert rig.refused_for() == pytest.approx(pause)
    rig.now += pause - 0.001
    assert not rig.breaker.would_admit()
    rig.now += 0.002
    assert rig.breaker.would_admit()
    rig.breaker.acquire()


def test_would_admit_takes_nothing() -> None:
    rig = Rig()
    rig.open()
    rig.now += 10
    assert all(rig.breaker.would_admit() for _ in range(10))
    assert rig.state is OPEN
    assert rig.breaker.snapshot().retry_in_seconds == 0
    rig.breaker.acquire()
    assert rig.state is HALF_OPEN


async def test_a_hundred_concurrent_callers_send_one_probe() -> None:
    rig = Rig()
    rig.open()
    rig.now += 10
    answered = asyncio.Event()
    sent: list[int] = []

    async def call(caller: int) -> None:
        permit = rig.breaker.acquire()
        sent.append(caller)
        await answered.wait()
        permit.succeed()

    callers = [asyncio.create_task(call(caller)) for caller in range(100)]
    await asyncio.sleep(0)
    assert sent == [0]
    assert sum(caller.done() for caller in callers) == 99
    answered.set()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert sent == [0]
    assert sum(isinstance(outcome, CircuitOpenError) for outcome in outcomes) == 99
    assert rig.state is CLOSED


def test_while_the_probe_is_out_the_refusal_gives_the_pause_its_failure_would_bring() -> None:
    rig = Rig(BreakerPolicy(recovery_growth=2.0))
    rig.open()
    probe = rig.probe_after(10)
    assert not rig.breaker.would_admit()
    assert rig.refused_for() == 20.0
    probe.fail("ServerError")
    assert rig.refused_for() == 20.0


def test_one_success_closes_it_and_the_past_is_forgotten() -> None:
    rig = Rig()
    rig.give_up(2)
    rig.fail(7)
    rig.open()
    rig.probe_after(10).succeed()
    assert rig.state is CLOSED
    assert rig.breaker.would_admit()
    snapshot = rig.breaker.snapshot()
    assert (snapshot.calls, snapshot.failures, snapshot.opened_at, snapshot.retry_in_seconds) == (0, 0, None, 0)
    rig.give_up(2)
    assert rig.state is CLOSED
    rig.give_up()
    assert rig.state is OPEN


def test_a_failed_probe_opens_it_again_for_a_full_pause() -> None:
    rig = Rig()
    rig.open()
    probe = rig.probe_after(10)
    rig.now += 3
    probe.fail("ServerError")
    assert rig.state is OPEN
    assert rig.transitions[-1].cause is TransitionCause.PROBE_FAILED
    assert rig.refused_for() == 10.0
    assert rig.breaker.snapshot().opened_at == rig.now
    rig.probe_after(10).succeed()
    assert rig.state is CLOSED


def test_an_abandoned_probe_leaves_the_slot_to_the_next_caller() -> None:
    rig = Rig()
    rig.open()
    abandoned = rig.probe_after(10)
    abandoned.abandon()
    assert rig.state is HALF_OPEN
    assert rig.breaker.would_admit()
    assert rig.breaker.snapshot().retry_in_seconds == 0
    probe = rig.breaker.acquire()
    assert not rig.breaker.would_admit()
    abandoned.succeed()
    abandoned.abandon()
    assert rig.state is HALF_OPEN
    assert not rig.breaker.would_admit()
    probe.succeed()
    assert rig.state is CLOSED


async def test_a_cancelled_probe_leaves_the_slot_to_the_next_caller() -> None:
    rig = Rig()
    rig.open()
    rig.now += 10

    async def call() -> None:
        permit = rig.breaker.acquire()
        try:
            await asyncio.Event().wait()
        finally:
            permit.abandon()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    assert not rig.breaker.would_admit()
    task.cancel()
    await asyncio.wait([task])
    assert rig.breaker.would_admit()


def test_a_probe_whose_permit_was_lost_does_not_close_the_target_off() -> None:
    rig = Rig()
    rig.open()
    lost = rig.probe_after(10)
    assert not rig.breaker.would_admit()
    del lost
    gc.collect()
    assert rig.breaker.would_admit()
    rig.succeed()
    assert rig.state is CLOSED


def test_a_late_success_from_before_the_opening_does_not_close_it() -> None:
    rig = Rig()
    late = [rig.breaker.acquire() for _ in range(2)]
    rig.open()
    late[0].succeed()
    assert rig.state is OPEN
    probe = rig.probe_after(10)
    late[1].succeed()
    assert rig.state is HALF_OPEN
    assert not rig.breaker.would_admit()
    probe.abandon()


def test_a_late_failure_from_before_the_opening_does_not_extend_it() -> None:
    rig = Rig()
    late = [rig.breaker.acquire() for _ in range(3)]
    rig.open()
    rig.now += 4
    late[0].fail("ServerError", open_now=True)
    assert rig.refused_for() == 6.0
    probe = rig.probe_after(6)
    late[1].fail("ServerError", open_now=True)
    assert rig.state is HALF_OPEN
    late[2].abandon()
    assert not rig.breaker.would_admit()
    probe.succeed()
    assert rig.state is CLOSED
    assert len(rig.transitions) == 3


def test_late_answers_do_not_count_after_it_closed_again() -> None:
    rig = Rig(BreakerPolicy(consecutive_failures=2))
    late = [rig.breaker.acquire() for _ in range(40)]
    rig.open()
    rig.probe_after(10).succeed()
    for permit in late[:20]:
        permit.fail("ServerError", open_now=True)
    for permit in late[20:]:
        permit.succeed()
    assert rig.state is CLOSED
    assert rig.breaker.snapshot().calls == 0
    rig.fail()
    assert rig.state is CLOSED


def test_a_late_success_does_not_start_the_row_of_a_later_generation_again() -> None:
    rig = Rig()
    late = rig.breaker.acquire()
    rig.open()
    rig.probe_after(10).succeed()
    rig.give_up(2)
    late.succeed()
    rig.give_up()
    assert rig.state is OPEN


def test_requests_that_give_up_late_neither_open_it_again_nor_count_later() -> None:
    rig = Rig()
    rig.open()
    for _ in range(5):
        rig.breaker.count_failed_request(0)
        rig.breaker.count_failed_request(rig.breaker.generation)
    assert rig.breaker.generation == 1
    rig.now += 4
    assert rig.refused_for() == 6.0
    probe = rig.probe_after(6)
    for _ in range(5):
        rig.breaker.count_failed_request(0)
        rig.breaker.count_failed_request(rig.breaker.generation)
    assert rig.state is HALF_OPEN
    probe.succeed()
    for _ in range(5):
        rig.breaker.count_failed_request(0)
    rig.give_up(2)
    assert rig.state is CLOSED


def test_the_first_settlement_of_a_permit_wins() -> None:
    rig = Rig()
    permit = rig.breaker.acquire()
    permit.succeed()
    permit.fail("ServerError", open_now=True)
    permit.abandon()
    permit.succeed()
    snapshot = rig.breaker.snapshot()
    assert (snapshot.state, snapshot.calls, snapshot.failures) == (CLOSED, 1, 0)
    permit = rig.breaker.acquire()
    permit.fail("ServerError")
    permit.fail("ServerError")
    permit.succeed()
    snapshot = rig.breaker.snapshot()
    assert (snapshot.calls, snapshot.failures) == (2, 1)
    permit = rig.breaker.acquire()
    permit.abandon()
    permit.fail("ServerError", open_now=True)
    assert rig.state is CLOSED


def test_a_permit_can_be_held_for_longer_than_the_window_and_counts_when_it_ends() -> None:
    rig = Rig(RATE_ONLY)
    stream = rig.breaker.acquire()
    rig.fail(9)
    rig.now += 600
    stream.fail("StreamCut")
    assert rig.breaker.snapshot().calls == 1


def test_the_pause_does_not_grow_by_default() -> None:
    rig = Rig()
    rig.open()
    for _ in range(5):
        rig.probe_after(10).fail("ServerError")
        assert rig.refused_for() == 10.0


def test_the_pause_grows_with_each_failed_probe_up_to_its_cap_and_a_closing_success_resets_it() -> None:
    rig = Rig(BreakerPolicy(recovery_growth=2.0, recovery_cap_seconds=35.0))
    rig.open()
    pauses = [rig.refused_for()]
    for _ in range(3):
        rig.probe_after(pauses[-1]).fail("ServerError")
        pauses.append(rig.refused_for())
    assert pauses == [10.0, 20.0, 35.0, 35.0]
    rig.probe_after(35).succeed()
    rig.open()
    assert rig.refused_for() == 10.0


def test_jitter_does_not_compound_with_growth() -> None:
    rig = Rig(BreakerPolicy(recovery_growth=2.0))
    rig.uniform = 1.0
    rig.open()
    rig.probe_after(11).fail("ServerError")
    assert rig.refused_for() == pytest.approx(22.0)


def test_a_long_outage_does_not_overflow_the_pause() -> None:
    rig = Rig(BreakerPolicy(recovery_growth=10.0))
    rig.open()
    for _ in range(400):
        rig.probe_after(300).fail("ServerError")
    assert rig.refused_for() == 300.0


def test_a_pause_above_the_cap_of_growth_is_kept() -> None:
    rig = Rig(BreakerPolicy(recovery_seconds=900.0, recovery_growth=2.0))
    rig.open()
    assert rig.refused_for() == 900.0
    rig.probe_after(900).fail("ServerError")
    assert rig.refused_for() == 900.0


def test_the_snapshot_says_what_an_operator_asks() -> None:
    rig = Rig()
    rig.succeed(2)
    rig.breaker.acquire().fail("ServerError")
    closed = rig.breaker.snapshot()
    assert (closed.name, closed.state, closed.failures, closed.calls) == ("target", CLOSED, 1, 3)
    assert (closed.opened_at, closed.retry_in_seconds, closed.last_failure) == (None, 0.0, "ServerError")
    rig.open()
    opened_at = rig.now
    rig.now += 4
    opened = rig.breaker.snapshot()
    assert (opened.state, opened.failures, opened.calls, opened.generation) == (OPEN, 2, 4, 1)
    assert (opened.opened_at, opened.retry_in_seconds, opened.last_failure) == (opened_at, 6.0, "KeyRefused")


def test_looking_at_a_breaker_forgets_what_left_the_window() -> None:
    rig = Rig()
    rig.fail(2)
    assert rig.breaker.has_failures()
    rig.now += 60
    assert rig.breaker.snapshot().failures == 0
    assert not rig.breaker.has_failures()


def test_a_long_failure_text_is_cut() -> None:
    rig = Rig()
    rig.breaker.acquire().fail("x" * 10_000)
    assert rig.breaker.snapshot().last_failure == "x" * 200


def test_every_transition_is_reported_when_the_new_state_is_complete() -> None:
    rig = Rig()
    rig.open()
    rig.probe_after(10).fail("ServerError")
    rig.probe_after(10).succeed()
    assert [(moved.previous, moved.current, moved.cause, moved.generation) for moved in rig.transitions] == [
        (CLOSED, OPEN, TransitionCause.OPEN_NOW, 1),
        (OPEN, HALF_OPEN, TransitionCause.PROBE_STARTED, 1),
        (HALF_OPEN, OPEN, TransitionCause.PROBE_FAILED, 2),
        (OPEN, HALF_OPEN, TransitionCause.PROBE_STARTED, 2),
        (HALF_OPEN, CLOSED, TransitionCause.PROBE_SUCCEEDED, 2),
    ]
    assert [moved.at for moved in rig.transitions] == [1000.0, 1010.0, 1010.0, 1020.0, 1020.0]
    assert [moved.retry_in_seconds for moved in rig.transitions] == [10.0, 10.0, 10.0, 10.0, 0.0]
    assert {moved.name for moved in rig.transitions} == {"target"}


def test_a_listener_that_raises_leaves_a_complete_state_behind() -> None:
    def refuse(transition: Transition) -> None:
        raise RuntimeError(transition.cause)

    breaker = CircuitBreaker("target", BreakerPolicy(), clock=lambda: 0.0, jitter=lambda: 0.5, on_transition=refuse)
    with pytest.raises(RuntimeError, match="open_now"):
        breaker.acquire().fail("KeyRefused", open_now=True)
    assert breaker.state is OPEN
    assert breaker.snapshot().retry_in_seconds == 10.0


def test_a_breaker_without_a_listener_works() -> None:
    breaker = CircuitBreaker("target", BreakerPolicy(), clock=lambda: 0.0, jitter=lambda: 0.5)
    breaker.acquire().fail("KeyRefused", open_now=True)
    assert breaker.state is OPEN


def test_a_disabled_breaker_counts_and_never_opens() -> None:
    rig = Rig(BreakerPolicy(enabled=False, consecutive_failures=2))
    rig.give_up(50)
    rig.open()
    assert rig.state is CLOSED
    assert rig.breaker.would_admit()
    assert rig.breaker.snapshot().failures == 51
    assert rig.transitions == []


@pytest.mark.parametrize(
    "field",
    [
        {"failed_requests": 0},
        {"failure_rate": 0.0},
        {"failure_rate": 1.01},
        {"failure_rate": float("nan")},
        {"minimum_calls": 0},
        {"window_seconds": 0.0},
        {"recovery_seconds": 0.0},
        {"recovery_jitter": -0.1},
        {"recovery_jitter": 1.0},
        {"window_seconds": float("inf")},
        {"recovery_seconds": float("inf")},
        {"recovery_growth": 0.99},
        {"consecutive_failures": 0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_and_the_field_is_named(field: dict[str, Any]) -> None:
    (name,) = field
    with pytest.raises(ValueError, match=name):
        replace(BreakerPolicy(), **field)
