"""Drives the breaker beside a model that is a list of timestamped outcomes, read from scratch at each question."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from huleedu_service_libs.resilience.circuit_breaker import (
    BreakerPolicy,
    CircuitBreaker,
    CircuitOpenError,
    Permit,
    Transition,
)

# Whole seconds in a 60 s window of 60 buckets, and jitter, growth and rates that are sums of powers of two: all exact.
POLICIES = st.builds(
    BreakerPolicy,
    failed_requests=st.integers(1, 4),
    failure_rate=st.sampled_from([0.25, 0.5, 0.75, 1.0]),
    minimum_calls=st.integers(1, 10),
    recovery_jitter=st.sampled_from([0.0, 0.5]),
    recovery_growth=st.sampled_from([1.0, 2.0]),
    recovery_cap_seconds=st.just(40.0),
    consecutive_failures=st.none() | st.integers(1, 5),
)
ANY = st.integers(0, 10_000)


@dataclass(slots=True)
class Held:
    """A permit of the real breaker and what the model knows of it."""

    permit: Permit
    generation: int
    is_probe: bool
    settled: bool = False


@dataclass(slots=True)
class Model:
    policy: BreakerPolicy
    now: float = 0.0
    uniform: float = 0.5
    state: str = "closed"
    generation: int = 0
    opened_at: float | None = None
    probe_at: float = 0.0
    pause: float = 10.0
    probe_is_out: bool = False
    outcomes: list[tuple[float, str]] = field(default_factory=list)
    moves: list[tuple[str, str]] = field(default_factory=list)

    def in_window(self, kind: str) -> int:
        return sum(1 for at, what in self.outcomes if what == kind and self.now - at < 60)

    def in_row(self, kind: str) -> int:
        row: list[str] = []
        for _, what in self.outcomes:
            row = [] if what in ("success", "opening") else [*row, what]
        return row.count(kind)

    def next_pause(self) -> float:
        return min(self.pause * self.policy.recovery_growth, 40.0)

    def admits(self) -> bool:
        if self.state == "open":
            return self.now >= self.probe_at
        return self.state == "closed" or not self.probe_is_out

    def retry_in(self) -> float:
        if self.admits():
            return 0.0
        return self.probe_at - self.now if self.state == "open" else self.next_pause()

    def acquire(self) -> bool:
        """Whether the permit is the probe."""
        if self.state == "closed":
            return False
        if self.state == "open":
            self.move("half_open")
        self.probe_is_out = True
        return True

    def report(self, kind: str) -> None:
        self.outcomes.append((self.now, kind))

    def move(self, state: str) -> None:
        self.moves.append((self.state, state))
        self.state = state

    def open(self, pause: float) -> None:
        self.report("opening")
        self.pause = pause
        self.opened_at = self.now
        self.probe_at = self.now + pause * (1 + self.policy.recovery_jitter * (2 * self.uniform - 1))
        self.generation += 1
        self.probe_is_out = False
        self.move("open")

    def succeed(self, held: Held) -> None:
        if held.settled or held.generation != self.generation:
            return
        if held.is_probe:
            self.outcomes = []
            self.opened_at = None
            self.probe_is_out = False
            self.move("closed")
        else:
            self.report("success")

    def fail(self, held: Held, open_now: bool) -> None:
        if held.settled or held.generation != self.generation:
            return
        self.report("failure")
        failures = self.in_window("failure")
        calls = failures + self.in_window("success")
        rate_reached = calls >= self.policy.minimum_calls and failures / calls >= self.policy.failure_rate
        limit = self.policy.consecutive_failures
        row_reached = limit is not None and self.in_row("failure") >= limit
        if held.is_probe:
            self.open(self.next_pause())
        elif open_now or rate_reached or row_reached:
            self.open(10.0)

    def abandon(self, held: Held) -> None:
        if not held.settled and held.is_probe:
            self.probe_is_out = False

    def give_up(self, generation: int) -> None:
        if self.state != "closed" or generation != self.generation:
            return
        self.report("failed request")
        if self.in_row("failed request") >= self.policy.failed_requests and not self.in_window("success"):
            self.open(10.0)


class BreakerMachine(RuleBasedStateMachine):
    @initialize(policy=POLICIES)
    def start(self, policy: BreakerPolicy) -> None:
        self.model = Model(policy)
        self.held: list[Held] = []
        self.transitions: list[Transition] = []
        self.breaker = CircuitBreaker(
            "target",
            policy,
            clock=lambda: self.model.now,
            jitter=lambda: self.model.uniform,
            on_transition=self.transitions.append,
        )

    def pick(self, which: int) -> Held:
        return self.held[which % len(self.held)]

    @rule(seconds=st.sampled_from([1, 2, 5, 10, 15, 29, 31, 58, 59, 60]))
    def wait(self, seconds: int) -> None:
        self.model.now += seconds

    @precondition(lambda self: self.model.state == "open" and not self.model.admits())
    @rule(early=st.booleans())
    def wait_for_the_probe(self, early: bool) -> None:
        self.model.now += max(self.model.retry_in() - early, 0)

    @rule(uniform=st.sampled_from([0.0, 0.5, 1.0]))
    def set_jitter(self, uniform: float) -> None:
        self.model.uniform = uniform

    @rule()
    def acquire(self) -> None:
        if not self.model.admits():
            with pytest.raises(CircuitOpenError) as refusal:
                self.breaker.acquire()
            assert refusal.value.retry_in_seconds == self.model.retry_in()
            return
        permit = self.breaker.acquire()
        generation = self.model.generation
        self.held.append(Held(permit, generation, self.model.acquire()))

    @precondition(lambda self: self.held)
    @rule(which=ANY)
    def succeed(self, which: int) -> None:
        held = self.pick(which)
        self.model.succeed(held)
        held.settled = True
        held.permit.succeed()

    @precondition(lambda self: self.held)
    @rule(which=ANY, open_now=st.sampled_from([False, False, False, True]))
    def fail(self, which: int, open_now: bool) -> None:
        held = self.pick(which)
        self.model.fail(held, open_now)
        held.settled = True
        held.permit.fail("ServerError", open_now=open_now)

    @precondition(lambda self: self.held)
    @rule(which=ANY)
    def abandon(self, which: int) -> None:
        held = self.pick(which)
        self.model.abandon(held)
        held.settled = True
        held.permit.abandon()

    @precondition(lambda self: self.held)
    @rule(which=ANY)
    def lose(self, which: int) -> None:
        held = self.held.pop(which % len(self.held))
        self.model.abandon(held)
        del held
        gc.collect(0)

    @precondition(lambda self: self.held)
    @rule(which=ANY)
    def give_up(self, which: int) -> None:
        generation = self.pick(which).generation
        self.model.give_up(generation)
        self.breaker.count_failed_request(generation)

    @precondition(lambda self: self.model.state == "open")
    @rule()
    def recover(self) -> None:
        """The whole way back to closed, so that late answers meet a later generation."""
        self.model.now += self.model.retry_in()
        self.acquire()
        self.succeed(len(self.held) - 1)

    @rule(calls=st.lists(st.sampled_from(["succeed", "fail", "give up", "pause"]), min_size=1, max_size=12))
    def burst(self, calls: list[str]) -> None:
        """Calls one after the other, so that thresholds are reached in few steps."""
        for call in calls:
            if call == "pause":
                self.model.now += 60
                continue
            before = len(self.held)
            self.acquire()
            if len(self.held) == before:
                return
            if call == "succeed":
                self.succeed(before)
            else:
                self.fail(before, open_now=False)
            if call == "give up":
                self.give_up(before)

    @invariant()
    def they_agree(self) -> None:
        model, seen = self.model, self.breaker.snapshot()
        assert seen.state == model.state
        assert seen.generation == model.generation
        assert seen.opened_at == model.opened_at
        assert seen.retry_in_seconds == model.retry_in()
        assert seen.failures == model.in_window("failure")
        assert seen.calls == model.in_window("failure") + model.in_window("success")
        assert self.breaker.would_admit() == model.admits()
        assert [(moved.previous, moved.current) for moved in self.transitions] == model.moves


TestBreakerAgainstTheModel = BreakerMachine.TestCase
TestBreakerAgainstTheModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
