"""Retry policy: whether a failed attempt is repeated on the same target, and after which delay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from services.llm_provider_service.domain.failure_values import Backoff
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.resilience.deadline import Deadline
from services.llm_provider_service.resilience.retry_budget import RetryBudget


class RetryAllowance(NamedTuple):
    """What one run of the retry loop, on one target, may use.

    `attempts_left` is for the whole request; `budget` is shared by all requests to the provider. `another_candidate`
    tells whether another candidate could answer instead, at the time of the call. `given_up` becomes true when the
    caller has disconnected; then no new attempt starts.
    """

    attempts_left: int
    budget: RetryBudget
    deadline: Deadline
    another_candidate: Callable[[], bool]
    given_up: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits in attempts, delays in seconds; the first attempt counts.

    After the n-th failure the delay is uniform between zero and `min(cap, base * 2**(n - 1))` (full jitter), and never
    shorter than the vendor asked for.
    """

    attempts_per_target: int = 3
    attempts_while_another_can_answer: int = 2
    attempts_per_request: int = 4
    base_seconds: float = 0.25
    cap_seconds: float = 4.0
    throttle_base_seconds: float = 1.0
    throttle_cap_seconds: float = 8.0
    minimum_attempt_seconds: float = 0.5
    patience_seconds: float = 3.0

    def ceiling(self, failures: int, backoff: Backoff) -> float:
        """Longest random delay in seconds after *failures* failures (from 1)."""
        if backoff is Backoff.NONE:
            return 0.0
        throttled = backoff is Backoff.THROTTLE
        base = self.throttle_base_seconds if throttled else self.base_seconds
        cap = self.throttle_cap_seconds if throttled else self.cap_seconds
        return float(min(cap, base * 2 ** (failures - 1)))

    def delay(self, failures: int, failure: ProviderFailure, uniform: float) -> float:
        """Seconds to wait after *failures* failures, the last of which is *failure*; *uniform* is from [0, 1)."""
        drawn = self.ceiling(failures, failure.backoff) * uniform
        return max(drawn, failure.retry_after or 0.0)

    def attempts(self, failure: ProviderFailure, allowance: RetryAllowance) -> int:
        """Number of attempts that this target gets if *failure* was the last one, the first attempt included."""
        another = allowance.another_candidate() and not failure.is_re_asked
        of_target = self.attempts_while_another_can_answer if another else self.attempts_per_target
        return min(of_target, failure.max_attempts, allowance.attempts_left)

    def is_beyond_patience(self, delay: float, allowance: RetryAllowance) -> bool:
        """Returns whether asking another candidate is better than a wait of *delay* seconds."""
        return delay > self.patience_seconds and allowance.another_candidate()

    def is_too_late(self, delay: float, allowance: RetryAllowance) -> bool:
        """Returns whether an attempt after *delay* seconds would have too little time before the deadline."""
        return delay + self.minimum_attempt_seconds > allowance.deadline.remaining()
