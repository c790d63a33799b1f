"""Makes the attempts of one request at one target: slow-start turn, slots, breaker permit, call, `accept`.

Each upstream call leaves one Attempt, whatever its outcome.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from services.llm_provider_service.domain.completion import CompletionAnswer, FinishReason
from services.llm_provider_service.domain.failures import AnswerRejected, OutputTruncated, ProviderTimeout
from services.llm_provider_service.domain.not_sent import CapacityExhausted, GatewayExhausted, NotSent, SwitchedOff
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.target import AccountKey, Target
from services.llm_provider_service.domain.time_waited import waited
from services.llm_provider_service.gateway.attempt_log import AttemptLog
from services.llm_provider_service.gateway.attempt_spans import attempt_span, describe
from services.llm_provider_service.gateway.metrics_recorder import MetricsRecorder
from services.llm_provider_service.gateway.run_state import Run
from services.llm_provider_service.gateway.target_state import TargetState
from services.llm_provider_service.protocols import LLMProviderProtocol, LLMRetryManagerProtocol
from services.llm_provider_service.resilience.breakers import TargetPermit
from services.llm_provider_service.resilience.call_slots import CallSlots, GatewayLimitReached, HeldSlots
from services.llm_provider_service.resilience.concurrency_limit import LimitReached
from services.llm_provider_service.resilience.deadline import Clock
from services.llm_provider_service.resilience.retry_policy import RetryAllowance, RetryPolicy
from services.llm_provider_service.resilience.slow_start import NoTurnInTime, Ramp
from services.llm_provider_service.settings.accounts import ProviderAccounts


class ProvidersByAccount(Protocol):
    """A mapping from each live account to its provider."""

    def __getitem__(self, key: AccountKey) -> LLMProviderProtocol: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTools:
    """The objects that attempts use; the same for every request."""

    providers: ProvidersByAccount
    accounts: ProviderAccounts
    retries: LLMRetryManagerProtocol
    policy: RetryPolicy
    targets: TargetState
    slots: CallSlots
    log: AttemptLog
    recorder: MetricsRecorder
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]


class TargetAttempts:
    """The attempts of *run* at *target*; *others* could be asked instead."""

    __slots__ = ("_others", "_run", "_target", "_tools")

    def __init__(self, tools: AttemptTools, run: Run, target: Target, others: tuple[Target, ...]) -> None:
        self._tools = tools
        self._run = run
        self._target = target
        self._others = others

    async def ask(self) -> CompletionAnswer:
        """Ask the target, with retries; a request that gives up counts once in the target's breaker."""
        tools, run = self._tools, self._run
        run.request = run.order.request
        allowance = RetryAllowance(
            attempts_left=tools.policy.attempts_per_request - run.calls if run.order.may_retry else 1,
            budget=tools.targets.budgets[self._target.provider],
            deadline=run.deadline,
            another_candidate=self._somebody_else,
            given_up=run.has_hung_up,
        )
        try:
            return await tools.retries.run(self._attempt, allowance)
        except ProviderFailure as failure:
            if _speaks_against_the_target(failure):
                tools.targets.breakers.count_failed_request(self._target, run.breaker_generation)
            raise

    def _somebody_else(self) -> bool:
        """Returns whether another candidate could answer now."""
        return any(map(self._tools.targets.available, self._others))

    def _patience(self) -> float:
        """Seconds that this request may wait for the target; short while another candidate could answer."""
        policy = self._tools.policy
        left = self._run.deadline.remaining() - policy.minimum_attempt_seconds
        return min(left, policy.patience_seconds) if self._somebody_else() else left

    async def _attempt(self, number: int) -> CompletionAnswer:
        """Make one attempt; waits only if the target is restricted (cooldown, slow start) or no slot is free."""
        tools, target = self._tools, self._target
        if number > 1:
            tools.log.retried(target)
        ticket: Ramp | None = None
        slots = tools.slots.take(target) if tools.targets.is_unrestricted(target) else None
        if slots is None:
            ticket, slots = await self._turn_and_slots()
        succeeded = False
        try:
            permit = self._permit()
            with attempt_span(target) as span:
                try:
                    answer = await self._call(permit)
                finally:
                    if span.recording:
                        describe(span, self._run.attempts[-1])
            succeeded = True
            return answer
        finally:
            slots.release()
            if ticket is not None:
                tools.targets.slow_start.leave(target, ticket, succeeded=succeeded)

    async def _turn_and_slots(self) -> tuple[Ramp | None, HeldSlots]:
        """Returns a slow-start ticket and slots; starts again if a cooldown began during the wait for slots."""
        slow_start = self._tools.targets.slow_start
        while True:
            ticket = await self._turn()
            try:
                slots = await self._take_slots()
            except BaseException:  # a caller who hangs up (CancelledError) gives its turn back too
                slow_start.leave(self._target, ticket, succeeded=False)
                raise
            if self._may_go(ticket):
                return ticket, slots
            slots.release_unused()
            slow_start.leave(self._target, ticket, succeeded=False)

    def _may_go(self, ticket: Ramp | None = None) -> bool:
        """Returns whether a call with *ticket* may start without waiting for a cooldown or a slow-start turn."""
        if self._tools.targets.cooldowns.remaining(self._target) > 0:
            return False
        return self._tools.targets.slow_start.admits(self._target, ticket)

    async def _take_slots(self) -> HeldSlots:
        """Take the slots; waits for the account's slot only if no other candidate could answer."""
        slots, target = self._tools.slots, self._target
        may_wait = slots.free(target) or not self._somebody_else()
        try:
            return await slots.enter(target, self._run.deadline, may_wait=may_wait)
        except GatewayLimitReached as full:
            self._run.shed = full.reason
            raise GatewayExhausted("all slots of the gateway are taken", retry_after=full.retry_after) from None
        except LimitReached as full:
            raise self._no_slot(full) from None

    def _no_slot(self, full: LimitReached) -> CapacityExhausted:
        self._tools.log.not_sent(self._run, self._target)
        return CapacityExhausted("all slots of this provider are taken", retry_after=full.retry_after)

    async def _turn(self) -> Ramp | None:
        """Wait for the end of the cooldown (others may extend it) and for this request's slow-start turn."""
        if self._may_go():
            return None
        self._refuse_long_cooldown(self._patience())
        if (ticket := self._turn_at_once()) is not None:
            return ticket
        try:
            with self._tools.slots.queue_place(self._target):
                return await self._waited_turn()
        except LimitReached as full:
            raise self._no_slot(full) from None

    def _turn_at_once(self) -> Ramp | None:
        """Returns a ticket if a turn is free now: then no place in the account's queue is needed."""
        cooling = self._tools.targets.cooldowns.remaining(self._target) > 0
        return None if cooling else self._tools.targets.slow_start.enter_at_once(self._target)

    async def _waited_turn(self) -> Ramp | None:
        cooldowns, slow_start, target = self._tools.targets.cooldowns, self._tools.targets.slow_start, self._target
        while True:
            patience = self._patience()
            self._refuse_long_cooldown(patience)
            left = cooldowns.remaining(target)
            if left > 0:
                await self._tools.sleep(left)
                continue
            ticket = await self._next_turn(patience)
            if cooldowns.remaining(target) <= 0:
                return ticket
            slow_start.leave(target, ticket, succeeded=False)

    async def _next_turn(self, patience: float) -> Ramp | None:
        since = self._tools.clock()
        try:
            return await self._tools.targets.slow_start.enter(self._target, patience)
        except NoTurnInTime:
            self._tools.log.not_sent(self._run, self._target)
            raise NotSent("others go first after the vendor's rate limit", retry_after=1.0) from None
        finally:
            waited(self._tools.clock() - since)

    def _refuse_long_cooldown(self, patience: float) -> None:
        left = self._tools.targets.cooldowns.remaining(self._target)
        if left > max(patience, 0.0):
            self._tools.log.not_sent(self._run, self._target)
            raise NotSent("the vendor asked to be left alone for a while", retry_after=left)

    def _permit(self) -> TargetPermit:
        """Returns a permit of both breakers for one call; raises `NotSent` if one is open or the account is off."""
        try:
            if (self._target.provider, self._target.account) not in self._tools.accounts.now.live_by_key:
                raise SwitchedOff("an operator has switched this provider off")
            permit = self._tools.targets.breakers.acquire(self._target)
        except NotSent:
            self._tools.log.not_sent(self._run, self._target)
            raise
        self._run.breaker_generation = permit.generation
        return permit

    async def _call(self, permit: TargetPermit) -> CompletionAnswer:
        """Make the upstream call and record it, whatever its outcome."""
        tools, run, target = self._tools, self._run, self._target
        tools.targets.scoreboard.started(target)
        tools.recorder.call_started(target.provider)
        started = tools.clock()
        run.calling = True
        try:
            answer = await tools.providers[target.provider, target.account].complete(
                run.request, target.model, run.deadline
            )
            self._judge(answer)
        except ProviderFailure as failure:
            seconds = tools.clock() - started
            tools.log.failed(run, target, failure, seconds)
            permit.fail(failure)
            self._remember(failure, seconds)
            raise
        except BaseException:
            # Cancelled, or a bug of ours: the call was made, so it must be in the books before this goes on.
            tools.log.cancelled(run, target, tools.clock() - started)
            permit.abandon()
            raise
        finally:
            run.calling = False
            tools.targets.scoreboard.finished(target)
            tools.recorder.call_ended(target.provider)
        seconds = tools.clock() - started
        permit.succeed()
        tools.targets.budgets[target.provider].succeeded()
        tools.targets.scoreboard.answered(target, seconds)
        tools.log.answered(run, target, answer, seconds)
        return answer

    def _remember(self, failure: ProviderFailure, seconds: float) -> None:
        tools, target = self._tools, self._target
        if failure.cools_down:
            asked_for = failure.retry_after
            wait = tools.policy.throttle_base_seconds if asked_for is None else asked_for
            tools.targets.cooldowns.cool(target, wait)
            tools.log.cooled(target, wait)
            tools.targets.slow_start.restart(target)
        if failure.trips_provider or _speaks_against_the_target(failure):
            tools.targets.scoreboard.failed(target, seconds)

    def _judge(self, answer: CompletionAnswer) -> None:
        """Raise if the request cannot use *answer*; after the first time, the next attempt quotes the reason."""
        run = self._run
        rejection = run.request.accept(answer)
        if rejection is None:
            return
        if answer.finish_reason is FinishReason.LENGTH:
            raise OutputTruncated(
                "the output limit was reached before the answer was complete",
                usage=answer.usage,
                served_model=answer.model,
            )
        asked_before, run.asked_again = run.asked_again, True
        run.request = run.order.request.asked_again(rejection)
        raise AnswerRejected(rejection, usage=answer.usage, served_model=answer.model, asked_before=asked_before)


def _speaks_against_the_target(failure: ProviderFailure) -> bool:
    neutral = isinstance(failure, ProviderTimeout) and not failure.own_limit
    return failure.trips_breaker and not neutral
