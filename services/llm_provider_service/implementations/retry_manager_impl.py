"""The only retry loop of the system, on tenacity; what is retried and when is decided in resilience/."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState

from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.protocols import Returned
from services.llm_provider_service.resilience.retry_policy import RetryAllowance, RetryPolicy

Sleep = Callable[[float], Awaitable[None]]
Uniform = Callable[[], float]


class RetryManagerImpl:
    """Runs calls until one succeeds or the policy says that the next one would be no use."""

    def __init__(self, policy: RetryPolicy, *, sleep: Sleep, uniform: Uniform) -> None:
        self._policy = policy
        self._sleep = sleep
        self._uniform = uniform

    async def run(self, call: Callable[[int], Awaitable[Returned]], allowance: RetryAllowance) -> Returned:
        """See `LLMRetryManagerProtocol`; the policy is asked once for each failure."""
        try:
            return await call(1)
        except ProviderFailure as failure:
            first = failure
        try:
            return await self._again(call, allowance, first)
        finally:
            first.forget_its_frames()

    async def _again(
        self, call: Callable[[int], Awaitable[Returned]], allowance: RetryAllowance, first: ProviderFailure
    ) -> Returned:
        """The loop; its first round is the call that has *first* as its outcome.

        It starts only now because nearly every call succeeds at once, and tenacity's preparations cost 13 µs.
        """
        pause: float | None = None
        held = [allowance]  # taken away at the end: tenacity's objects hold each other and `decide`, not the request

        def decide(state: RetryCallState) -> bool:
            nonlocal pause
            failure = state.outcome.exception() if state.outcome else None
            pause = self._pause_after(state.attempt_number, failure, held[0])
            return pause is not None

        try:
            async for attempt in AsyncRetrying(
                retry=decide, wait=lambda state: pause or 0.0, sleep=self._sleep, reraise=True
            ):
                with attempt:
                    number = attempt.retry_state.attempt_number
                    if number == 1:
                        raise first
                    return await call(number)
        finally:
            held.clear()
        raise AssertionError("tenacity ended without an outcome")

    def _pause_after(self, failures: int, failure: BaseException | None, allowance: RetryAllowance) -> float | None:
        if not isinstance(failure, ProviderFailure):
            return None
        pause = self._policy.next_delay(failures, failure, allowance, self._uniform())
        return pause if pause is not None and allowance.budget.take(failure.backoff) else None
