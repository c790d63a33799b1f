"""How hard: whether a failed attempt is repeated on the same target, and after how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from services.llm_provider_service.domain.failure_policy import Backoff
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.resilience.deadline import Deadline
from services.llm_provider_service.resilience.retry_budget import RetryBudget


class RetryAllowance(NamedTuple):
    """What one run of the retry loop, on one target, may use.

    `attempts_left` is what the whole request may still spend, `budget` what all requests to the provider may.
    `another_candidate` says whether somebody else could answer instead, at the moment of asking. `given_up` turns true
    when the caller has hung up: no new attempt starts then.
    """

    attempts_left: int
    budget: RetryBudget
    deadline: Deadline
    another_candidate: Callable[[], bool]
    given_up: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits and pauses, in attempts and seconds; the first attempt counts.

    Pauses are drawn evenly between zero and `min(cap, base * 2**(n - 1))` after the n-th failure (full jitter), and are
    never shorter than what the vendor asked for.
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
        """The longest pause that is drawn after *failures* failures (from 1)."""
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
        """How many this target gets when *failure* was the last one, the first attempt included."""
        another = allowance.another_candidate() and not failure.is_re_asked
        of_target = self.attempts_while_another_can_answer if another else self.attempts_per_target
        return min(of_target, failure.max_attempts, allowance.attempts_left)

    def is_beyond_patience(self, delay: float, allowance: RetryAllowance) -> bool:
        """Whether another candidate is the better choice than a wait of *delay* seconds."""
        return delay > self.patience_seconds and allowance.another_candidate()

    def is_too_late(self, delay: float, allowance: RetryAllowance) -> bool:
        """Whether an attempt after *delay* seconds could not last long enough before the deadline."""
        return delay + self.minimum_attempt_seconds > allowance.deadline.remaining()
