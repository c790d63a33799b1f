"""A circuit breaker for one event loop. It gives out permits, so that a call of any length (or a stream) can hold one.

Nothing here awaits or locks: each method finishes before another task runs. Not safe across threads.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.breaker_values import (
    BreakerPolicy,
    BreakerSnapshot,
    CircuitOpenError,
    Transition,
    TransitionCause,
)
from huleedu_service_libs.resilience.rolling_window import RollingWindow

__all__ = [
    "BreakerPolicy",
    "BreakerSnapshot",
    "CircuitBreaker",
    "CircuitOpenError",
    "Permit",
    "Transition",
    "TransitionCause",
]

LONGEST_FAILURE_TEXT = 200
_CLOSED, _OPEN, _HALF_OPEN = CircuitBreakerState.CLOSED, CircuitBreakerState.OPEN, CircuitBreakerState.HALF_OPEN


class Permit:
    """Permission for one call. Only the first of `succeed`, `fail` and `abandon` counts; later ones do nothing.

    Settle it in a `finally`. A permit that is lost without this counts as abandoned when it is garbage-collected.
    """

    __slots__ = ("__weakref__", "_breaker", "generation")

    def __init__(self, breaker: CircuitBreaker, generation: int) -> None:
        self._breaker: CircuitBreaker | None = breaker
        self.generation = generation

    def succeed(self) -> None:
        breaker, self._breaker = self._breaker, None
        if breaker is not None:
            breaker._on_success(self.generation)

    def fail(self, reason: str, *, open_now: bool = False) -> None:
        """Record a failure; *reason* is a class name or a short redacted text for operators, cut at 200 characters.

        *open_now* opens the breaker at once, for a failure that no retry can fix (a refused key).
        """
        breaker, self._breaker = self._breaker, None
        if breaker is not None:
            breaker._on_failure(self.generation, reason, open_now)

    def abandon(self) -> None:
        """Give the permit back without a result, because the call says nothing about the target.

        Examples: it was cancelled, the caller's own deadline passed, or the request itself was wrong.
        """
        breaker, self._breaker = self._breaker, None
        if breaker is not None:
            breaker._on_abandon(self.generation)


class CircuitBreaker:
    """Closed, open, or half-open with exactly one probe; *clock* is monotonic seconds, *jitter* uniform in 0 to 1.

    The generation is the number of openings so far. Reports of permits and failed requests from an earlier generation
    are ignored, so calls that were running when the breaker opened can neither close it nor keep it open. A success
    never opens it, even if it brings the calls to `minimum_calls` while the failure rate is too high, because it is the
    newest fact about the target. *on_transition* is called last, when the new state is complete; its exceptions reach
    the caller.
    """

    __slots__ = (
        "_clock",
        "_failed_requests_in_row",
        "_failures_in_row",
        "_jitter",
        "_last_failure",
        "_on_transition",
        "_opened_at",
        "_pause",
        "_policy",
        "_probe",
        "_probe_at",
        "_window",
        "generation",
        "name",
        "state",
    )

    def __init__(
        self,
        name: str,
        policy: BreakerPolicy,
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        on_transition: Callable[[Transition], None] | None = None,
    ) -> None:
        self.name = name
        self.state = _CLOSED
        self.generation = 0
        self._policy = policy
        self._clock = clock
        self._jitter = jitter
        self._on_transition = on_transition
        self._window = RollingWindow(policy.window_seconds)
        self._failures_in_row = 0
        self._failed_requests_in_row = 0
        self._last_failure: str | None = None
        self._opened_at: float | None = None
        self._pause = policy.recovery_seconds
        self._probe_at = 0.0
        # A weak reference: a probe whose permit was lost must not block the target for ever. A permit that is still
        # held belongs to a running call, and the call's own deadline ends it. So a probe needs no maximum age.
        self._probe: weakref.ref[Permit] | None = None

    def acquire(self) -> Permit:
        """Returns a permit. Raises CircuitOpenError while open, or while half-open with the probe still running."""
        if self.state is _CLOSED:
            return Permit(self, self.generation)
        return self._acquire_probe()

    def would_admit(self) -> bool:
        """Returns whether `acquire` would succeed now; takes no permit."""
        return self.state is _CLOSED or self._retry_in(self._clock()) <= 0

    def count_failed_request(self, generation: int) -> None:
        """Count a request that gave up on this target, once, however often it was retried.

        *generation* is that of the request's last permit; reports from before an opening are ignored.
        """
        if generation != self.generation or self.state is not _CLOSED:
            return
        self._failed_requests_in_row += 1
        now = self._clock()
        successes, _ = self._window.totals(now)
        if self._failed_requests_in_row >= self._policy.failed_requests and not successes:
            self._open(now, TransitionCause.FAILED_REQUESTS)

    def has_failures(self) -> bool:
        """Returns whether the window holds a failure; cheaper than a snapshot."""
        return self._window.totals(self._clock())[1] > 0

    def snapshot(self) -> BreakerSnapshot:
        now = self._clock()
        successes, failures = self._window.totals(now)
        return BreakerSnapshot(
            name=self.name,
            state=self.state,
            failures=failures,
            calls=successes + failures,
            opened_at=self._opened_at,
            retry_in_seconds=self._retry_in(now),
            last_failure=self._last_failure,
            generation=self.generation,
        )

    def _retry_in(self, now: float) -> float:
        if self.state is _OPEN:
            return max(0.0, self._probe_at - now)
        probe_is_out = self._probe is not None and self._probe() is not None
        return self._policy.longer_pause(self._pause) if probe_is_out else 0.0

    def _acquire_probe(self) -> Permit:
        now = self._clock()
        retry_in = self._retry_in(now)
        if retry_in > 0:
            raise CircuitOpenError(self.name, retry_in)
        probe = Permit(self, self.generation)
        self._probe = weakref.ref(probe)
        if self.state is _OPEN:
            self._move(_HALF_OPEN, TransitionCause.PROBE_STARTED, now)
        return probe

    def _on_success(self, generation: int) -> None:
        if generation != self.generation:
            return
        now = self._clock()
        if self.state is _HALF_OPEN:
            self._close(now)
            return
        self._window.add_success(now)
        self._failures_in_row = 0
        self._failed_requests_in_row = 0

    def _on_failure(self, generation: int, reason: str, open_now: bool) -> None:
        if generation != self.generation:
            return
        now = self._clock()
        self._last_failure = reason[:LONGEST_FAILURE_TEXT]
        self._failures_in_row += 1
        self._window.add_failure(now)
        cause = self._cause_to_open(now, open_now)
        if cause is not None:
            self._open(now, cause)

    def _on_abandon(self, generation: int) -> None:
        if generation == self.generation and self.state is _HALF_OPEN:
            self._probe = None

    def _cause_to_open(self, now: float, open_now: bool) -> TransitionCause | None:
        policy = self._policy
        if self.state is _HALF_OPEN:
            return TransitionCause.PROBE_FAILED
        if open_now:
            return TransitionCause.OPEN_NOW
        if policy.consecutive_failures is not None and self._failures_in_row >= policy.consecutive_failures:
            return TransitionCause.CONSECUTIVE_FAILURES
        successes, failures = self._window.totals(now)
        calls = successes + failures
        if calls >= policy.minimum_calls and failures / calls >= policy.failure_rate:
            return TransitionCause.FAILURE_RATE
        return None

    def _open(self, now: float, cause: TransitionCause) -> None:
        policy = self._policy
        if not policy.enabled:
            return
        self._pause = policy.longer_pause(self._pause) if self.state is _HALF_OPEN else policy.recovery_seconds
        self._probe_at = now + self._pause + self._pause * policy.recovery_jitter * (2 * self._jitter() - 1)
        self._opened_at = now
        self.generation += 1
        self._forget_rows_and_probe()
        self._move(_OPEN, cause, now)

    def _close(self, now: float) -> None:
        """Close with an empty window: old failures are over, and the probe's success must not hide the next outage."""
        self._window.clear()
        self._opened_at = None
        self._forget_rows_and_probe()
        self._move(_CLOSED, TransitionCause.PROBE_SUCCEEDED, now)

    def _forget_rows_and_probe(self) -> None:
        self._failures_in_row = 0
        self._failed_requests_in_row = 0
        self._probe = None

    def _move(self, state: CircuitBreakerState, cause: TransitionCause, now: float) -> None:
        previous, self.state = self.state, state
        if self._on_transition is None:
            return
        self._on_transition(
            Transition(
                name=self.name,
                previous=previous,
                current=state,
                cause=cause,
                at=now,
                retry_in_seconds=self._retry_in(now),
                last_failure=self._last_failure,
                generation=self.generation,
            )
        )
