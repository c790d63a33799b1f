"""The only retry loop of the system: tenacity's, with strategies that ask resilience/ what is retried and when.

After each failure tenacity asks, in this order: may it pass (retry), how long to wait (wait), is it to end (stop); then
the retry is paid for (before_sleep). No strategy keeps anything of a run: it reads the run from the state.
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
    """The attempts of one run, the first of which has been made and ended in *first*."""

    def __init__(
        self, call: Callable[[int], Awaitable[Returned]], allowance: RetryAllowance, first: ProviderFailure
    ) -> None:
        self.allowance = allowance
        self._call = call
        self._first = first
        self._attempts = 0

    async def attempt(self) -> Returned:
        """The outcome of the next attempt; that of the first is known."""
        self._attempts += 1
        if self._attempts == 1:
            raise self._first
        return await self._call(self._attempts)


class MayPass(retry_base):
    """Retry: failures of an attempt whose policy says that the same target may be asked again, and nothing else."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = error_of(retry_state)
        return isinstance(error, ProviderFailure) and error.may_retry


@dataclass(frozen=True, slots=True)
class JitteredWait(wait_base):
    """Wait: as long as the policy draws, and never shorter than the vendor asked for."""

    policy: RetryPolicy
    uniform: Uniform

    def __call__(self, retry_state: RetryCallState) -> float:
        return self.policy.delay(retry_state.attempt_number, failure_of(retry_state), self.uniform())


class GivenUp(stop_base):
    """Stop: the caller has hung up."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        return allowance_of(retry_state).given_up()


@dataclass(frozen=True, slots=True)
class AttemptsSpent(stop_base):
    """Stop: the target or the request has had its attempts."""

    policy: RetryPolicy

    def __call__(self, retry_state: RetryCallState) -> bool:
        allowed = self.policy.attempts(failure_of(retry_state), allowance_of(retry_state))
        return retry_state.attempt_number >= allowed


@dataclass(frozen=True, slots=True)
class BeyondPatience(stop_base):
    """Stop: another candidate can answer before the wait is over."""

    policy: RetryPolicy

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self.policy.is_beyond_patience(retry_state.upcoming_sleep, allowance_of(retry_state))


@dataclass(frozen=True, slots=True)
class TooLate(stop_base):
    """Stop: after the wait, too little would be left before the deadline."""

    policy: RetryPolicy

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self.policy.is_too_late(retry_state.upcoming_sleep, allowance_of(retry_state))


class BudgetSpent(stop_base):
    """Stop: the provider's budget does not cover one more retry."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        return not allowance_of(retry_state).budget.covers(failure_of(retry_state).backoff)


def pay(retry_state: RetryCallState) -> None:
    """Before the sleep: take the retry's price. The event loop does nothing else since `BudgetSpent` has looked."""
    allowance_of(retry_state).budget.take(failure_of(retry_state).backoff)


def allowance_of(retry_state: RetryCallState) -> RetryAllowance:
    """What the run may use."""
    run: RetryRun[Any] = retry_state.args[0]
    return run.allowance


def error_of(retry_state: RetryCallState) -> BaseException | None:
    """What the attempt raised, if it did."""
    return retry_state.outcome.exception() if retry_state.outcome else None


def failure_of(retry_state: RetryCallState) -> ProviderFailure:
    """The failure that the attempt ended in; for what is asked after `MayPass` has seen that it is one."""
    return cast("ProviderFailure", error_of(retry_state))


class RetryManagerImpl:
    """Runs calls until one succeeds or the policy says that the next one would be no use."""

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
        """See `LLMRetryManagerProtocol`.

        Tenacity begins with the first failure: nearly every call succeeds at once, and would pay for a loop in vain.
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
