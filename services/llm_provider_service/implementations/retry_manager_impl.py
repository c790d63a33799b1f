"""The only retry loop of the system: tenacity, with strategies that use the policy of `resilience/`.

After each failure tenacity asks, in this order: may it be retried (retry), how long to wait (wait), must it end (stop);
then the retry is paid for (before_sleep). The strategies keep no state of a run: they read the run from tenacity's
state.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, cast

from tenacity import AsyncRetrying, RetryCallState, stop_any
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.protocols import Returned
from services.llm_provider_service.resilience.retry_policy import RetryAllowance, RetryPolicy

Sleep = Callable[[float], Awaitable[None]]
Uniform = Callable[[], float]


class RetryRun(Generic[Returned]):
    """The attempts of one run; the first attempt is made already and ended in *first*."""

    def __init__(
        self, call: Callable[[int], Awaitable[Returned]], allowance: RetryAllowance, first: ProviderFailure
    ) -> None:
        self.allowance = allowance
        self._call = call
        self._first = first
        self._attempts = 0

    async def attempt(self) -> Returned:
        """Returns the outcome of the next attempt; the first one raises *first*."""
        self._attempts += 1
        if self._attempts == 1:
            raise self._first
        return await self._call(self._attempts)


class MayPass(retry_base):
    """Retry: only failures whose policy allows another attempt on the same target."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = error_of(retry_state)
        return isinstance(error, ProviderFailure) and error.may_retry


@dataclass(frozen=True, slots=True)
class JitteredWait(wait_base):
    """Wait: a random delay from the policy, never shorter than the vendor asked for."""

    policy: RetryPolicy
    uniform: Uniform

    def __call__(self, retry_state: RetryCallState) -> float:
        return self.policy.delay(retry_state.attempt_number, failure_of(retry_state), self.uniform())


class GivenUp(stop_base):
    """Stop: the caller has disconnected."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        return allowance_of(retry_state).given_up()


@dataclass(frozen=True, slots=True)
class AttemptsSpent(stop_base):
    """Stop: the target or the request has used its attempts."""

    policy: RetryPolicy

    def __call__(self, retry_state: RetryCallState) -> bool:
        allowed = self.policy.attempts(failure_of(retry_state), allowance_of(retry_state))
        return retry_state.attempt_number >= allowed


@dataclass(frozen=True, slots=True)
class BeyondPatience(stop_base):
    """Stop: the wait is longer than the policy's patience, and another candidate can answer."""

    policy: RetryPolicy

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self.policy.is_beyond_patience(retry_state.upcoming_sleep, allowance_of(retry_state))


@dataclass(frozen=True, slots=True)
class TooLate(stop_base):
    """Stop: after the wait, too little time would be left before the deadline."""

    policy: RetryPolicy

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self.policy.is_too_late(retry_state.upcoming_sleep, allowance_of(retry_state))


class BudgetSpent(stop_base):
    """Stop: the provider's retry budget does not cover another retry."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        return not allowance_of(retry_state).budget.covers(failure_of(retry_state).backoff)


def pay(retry_state: RetryCallState) -> None:
    """Take the retry's tokens, before the sleep. No other task runs between the check in `BudgetSpent` and this."""
    allowance_of(retry_state).budget.take(failure_of(retry_state).backoff)


def allowance_of(retry_state: RetryCallState) -> RetryAllowance:
    """Returns what the run may use."""
    run: RetryRun[Any] = retry_state.args[0]
    return run.allowance


def error_of(retry_state: RetryCallState) -> BaseException | None:
    """Returns the exception of the attempt, or None."""
    return retry_state.outcome.exception() if retry_state.outcome else None


def failure_of(retry_state: RetryCallState) -> ProviderFailure:
    """Returns the failure of the attempt; only for use after `MayPass` has checked that it is one."""
    return cast("ProviderFailure", error_of(retry_state))


class RetryManagerImpl:
    """Runs a call until it succeeds or the policy allows no further attempt."""

    def __init__(self, policy: RetryPolicy, *, sleep: Sleep, uniform: Uniform) -> None:
        retrying = AsyncRetrying(
            retry=MayPass(),
            wait=JitteredWait(policy, uniform),
            stop=stop_any(GivenUp(), AttemptsSpent(policy), BeyondPatience(policy), TooLate(policy), BudgetSpent()),
            before_sleep=pay,
            sleep=sleep,
            reraise=True,
        )
        self._next_outcome = retrying.wraps(_next_outcome)

    async def run(self, call: Callable[[int], Awaitable[Returned]], allowance: RetryAllowance) -> Returned:
        """Await `call(attempt_number)` until it succeeds or *allowance* ends it; raises the last failure.

        Tenacity starts only at the first failure: nearly every call succeeds at once and needs no loop.
        """
        try:
            return await call(1)
        except ProviderFailure as failure:
            first = failure
        try:
            return await self._next_outcome(RetryRun(call, allowance, first))
        finally:
            first.forget_its_frames()


async def _next_outcome(run: RetryRun[Returned]) -> Returned:
    return await run.attempt()
