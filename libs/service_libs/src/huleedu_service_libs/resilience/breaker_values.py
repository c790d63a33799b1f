"""Values of a circuit breaker: its policy, its snapshots and transitions, and the error for a refused call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from common_core.observability_enums import CircuitBreakerState


class TransitionCause(StrEnum):
    FAILURE_RATE = "failure_rate"
    FAILED_REQUESTS = "failed_requests"
    CONSECUTIVE_FAILURES = "consecutive_failures"
    OPEN_NOW = "open_now"
    PROBE_STARTED = "probe_started"
    PROBE_FAILED = "probe_failed"
    PROBE_SUCCEEDED = "probe_succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens and for how long. Raises ValueError for a rule that can never be true or is always true.

    `failed_requests` failed requests in a row open it, if the window holds no success. This row does not expire:
    otherwise requests that each take a minute to time out would never reach three. `consecutive_failures` (None: off)
    counts single calls; it is for a breaker that only counts connection failures. `recovery_growth` multiplies the
    pause after each failed probe, up to `recovery_cap_seconds`; jitter is added to that. `enabled=False` counts and
    shows everything but never opens.
    """

    failed_requests: int = 3
    failure_rate: float = 0.5
    minimum_calls: int = 10
    window_seconds: float = 60.0
    recovery_seconds: float = 10.0
    recovery_jitter: float = 0.1
    recovery_growth: float = 1.0
    recovery_cap_seconds: float = 300.0
    consecutive_failures: int | None = None
    enabled: bool = True

    def __post_init__(self) -> None:
        _require(self.failed_requests >= 1, "failed_requests must be at least 1")
        _require(0 < self.failure_rate <= 1, "failure_rate must be above 0 and at most 1")
        _require(self.minimum_calls >= 1, "minimum_calls must be at least 1")
        _require(0 < self.window_seconds < inf, "window_seconds must be above 0 and finite")
        _require(0 < self.recovery_seconds < inf, "recovery_seconds must be above 0 and finite")
        _require(0 <= self.recovery_jitter < 1, "recovery_jitter must be at least 0 and below 1")
        _require(1 <= self.recovery_growth < inf, "recovery_growth must be at least 1 and finite")
        calls_in_row = self.consecutive_failures
        _require(calls_in_row is None or calls_in_row >= 1, "consecutive_failures must be at least 1 or None")

    def longer_pause(self, pause: float) -> float:
        """Seconds to stay open after a failed probe, given the last *pause*; a base above the cap is kept."""
        return min(pause * self.recovery_growth, max(self.recovery_cap_seconds, self.recovery_seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSnapshot:
    """State of one breaker; `opened_at` is monotonic time, `retry_in_seconds` is 0 if a call would be admitted."""

    name: str
    state: CircuitBreakerState
    failures: int
    calls: int
    opened_at: float | None
    retry_in_seconds: float
    last_failure: str | None
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    name: str
    previous: CircuitBreakerState
    current: CircuitBreakerState
    cause: TransitionCause
    at: float
    retry_in_seconds: float
    last_failure: str | None
    generation: int


class CircuitOpenError(Exception):
    """The call was refused and nothing was sent.

    `retry_in_seconds` is the time until the next probe. While a probe runs, it is the pause that follows if that fails.
    """

    def __init__(self, name: str, retry_in_seconds: float) -> None:
        super().__init__(f"circuit breaker {name} is open, next probe in {retry_in_seconds:.3f} s")
        self.name = name
        self.retry_in_seconds = retry_in_seconds


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
