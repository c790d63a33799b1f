"""Asks the candidates of a plan, one after the other, until one answers.

For each candidate, from the outside in: retry( cooldown, slots, breaker( provider ), the request's own `accept` ). Each
upstream call leaves one Attempt, whatever happens to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from services.llm_provider_service.domain.completion import CompletionAnswer, FinishReason
from services.llm_provider_service.domain.failures import AnswerRejected, OutputTruncated, ProviderTimeout
from services.llm_provider_service.domain.not_sent import CapacityExhausted, GatewayExhausted, NotSent, SwitchedOff
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.target import AccountKey, Target
from services.llm_provider_service.domain.waiting import waited
from services.llm_provider_service.gateway.attempt_log import AttemptLog
from services.llm_provider_service.gateway.attempt_spans import attempt_span, describe
from services.llm_provider_service.gateway.error_mapping import refusal
from services.llm_provider_service.gateway.run_state import HungUp, Run
from services.llm_provider_service.gateway.target_state import TargetState
from services.llm_provider_service.protocols import LLMProviderProtocol, LLMRetryManagerProtocol
from services.llm_provider_service.resilience.breakers import TargetPermit
from services.llm_provider_service.resilience.call_slots import CallSlots, GatewayLimitReached, HeldSlots
from services.llm_provider_service.resilience.concurrency_limit import LimitReached
from services.llm_provider_service.resilience.deadline import Clock
from services.llm_provider_service.resilience.retry_policy import RetryAllowance, RetryPolicy
from services.llm_provider_service.resilience.slow_start import NoTurnInTime, Ramp
from services.llm_provider_service.routing.candidates import Candidate
from services.llm_provider_service.settings.accounts import ProviderAccounts


class ProvidersByAccount(Protocol):
    """Where the provider of each account that is live now is found."""

    def __getitem__(self, key: AccountKey) -> LLMProviderProtocol: ...


class AttemptRunner:
    """Turns a plan into an answer or an error."""

    def __init__(
        self,
        providers: ProvidersByAccount,
        *,
        accounts: ProviderAccounts,
        retries: LLMRetryManagerProtocol,
        policy: RetryPolicy,
        targets: TargetState,
        slots: CallSlots,
        attempt_log: AttemptLog,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._providers = providers
        self._accounts = accounts
        self._retries = retries
        self._policy = policy
        self._targets = targets
        self._slots = slots
        self._attempt_log = attempt_log
        self._clock = clock
        self._sleep = sleep

    async def try_candidates(self, run: Run, candidates: Sequence[Candidate]) -> tuple[CompletionAnswer, Target]:
        """The first usable answer and who gave it; raises a `GatewayError`, or `HungUp` when the caller has gone."""
        for place, candidate in enumerate(candidates):
            if not self._may_start(run):
                break
            others = tuple(other.target for other in candidates[place + 1 :])
            try:
                return await self._ask(run, candidate.target, others), candidate.target
            except ProviderFailure as failure:
                failure.forget_its_frames()
                run.failures.append((candidate.target, failure))
                if not failure.fails_over:
                    break
        if run.hung_up and not (run.failures and run.failures[-1][1].is_the_last_word):
            raise HungUp
        longest_pause = self._policy.throttle_cap_seconds + self._policy.minimum_attempt_seconds
        raise refusal(run, retry_after=self._shortest_wait(run, candidates), longest_pause=longest_pause)

    def _shortest_wait(self, run: Run, candidates: Sequence[Candidate]) -> float:
        """Seconds until the first of *candidates* and of those left out may be asked, as vendors and breakers say.

        While the gateway itself is full it is no use that those it never came to could be asked.
        """
        last = run.failures[-1][1] if run.failures else None
        if isinstance(last, GatewayExhausted):
            return last.retry_after or 0.0
        asked_for = {target: failure.retry_after or 0.0 for target, failure in run.failures}
        targets = [candidate.target for candidate in candidates]
        targets += [one.target for one in run.skipped if one.seconds is not None]
        return min(max(asked_for.get(target, 0.0), self._targets.available_in(target)) for target in targets)

    def _may_start(self, run: Run) -> bool:
        enough_time = run.deadline.remaining() >= self._policy.minimum_attempt_seconds
        return enough_time and run.calls < self._policy.attempts_per_request and not run.hung_up

    async def _ask(self, run: Run, target: Target, others: tuple[Target, ...]) -> CompletionAnswer:
        """Ask *target*, again if need be; a request that gives up on it counts once in its breaker."""
        another = partial(self._somebody_else, others)
        run.request = run.order.request
        allowance = RetryAllowance(
            attempts_left=self._policy.attempts_per_request - run.calls if run.order.may_retry else 1,
            budget=self._targets.budgets[target.provider],
            deadline=run.deadline,
            another_candidate=another,
            given_up=run.has_hung_up,
        )
        try:
            return await self._retries.run(partial(self._call, run, target, another), allowance)
        except ProviderFailure as failure:
            if _speaks_against_the_target(failure):
                self._targets.breakers.count_failed_request(target, run.breaker_generation)
            raise

    def _somebody_else(self, others: tuple[Target, ...]) -> bool:
        return any(map(self._targets.available, others))

    def _patience(self, run: Run, another: Callable[[], bool]) -> float:
        """Seconds that this request may wait for a target: briefly while somebody else could answer."""
        left = run.deadline.remaining() - self._policy.minimum_attempt_seconds
        return min(left, self._policy.patience_seconds) if another() else left

    def _refuse_long_cooldown(self, run: Run, target: Target, patience: float) -> None:
        left = self._targets.cooldowns.remaining(target)
        if left > max(patience, 0.0):
            self._attempt_log.not_sent(run, target)
            raise NotSent("the vendor asked to be left alone for a while", retry_after=left)

    async def _call(self, run: Run, target: Target, another: Callable[[], bool], number: int) -> CompletionAnswer:
        """One attempt: turn, slots, permit, call, judgement, log of the attempt."""
        if number > 1:
            self._attempt_log.retried(target)
        ticket, slots = await self._turn_and_slots(run, target, another)
        succeeded = False
        try:
            answer = await self._permitted_call(run, target)
            succeeded = True
            return answer
        finally:
            slots.leave()
            self._targets.slow_start.leave(target, ticket, succeeded=succeeded)

    async def _turn_and_slots(
        self, run: Run, target: Target, another: Callable[[], bool]
    ) -> tuple[Ramp | None, HeldSlots]:
        """Both at once; a cooldown that began while this request waited for its slots sends it back."""
        while True:
            ticket = await self._turn(run, target, another)
            try:
                slots = await self._take_slots(run, target, another)
            except BaseException:  # a caller who hangs up (CancelledError) gives its turn back too
                self._targets.slow_start.leave(target, ticket, succeeded=False)
                raise
            if self._may_go(target, ticket):
                return ticket, slots
            slots.give_back()
            self._targets.slow_start.leave(target, ticket, succeeded=False)

    def _may_go(self, target: Target, ticket: Ramp | None = None) -> bool:
        """Whether a call to *target* with *ticket* need wait neither for a cooldown nor for a turn."""
        if self._targets.cooldowns.remaining(target) > 0:
            return False
        return self._targets.slow_start.admits(target, ticket)

    async def _take_slots(self, run: Run, target: Target, another: Callable[[], bool]) -> HeldSlots:
        """Waiting for one of the provider's makes sense only when nobody else could answer."""
        may_wait = self._slots.free(target) or not another()
        try:
            return await self._slots.enter(target, run.deadline, may_wait=may_wait)
        except GatewayLimitReached as full:
            run.shed = full.reason
            raise GatewayExhausted("all slots of the gateway are taken", retry_after=full.retry_after) from None
        except LimitReached as full:
            raise self._no_slot(run, target, full) from None

    def _no_slot(self, run: Run, target: Target, full: LimitReached) -> CapacityExhausted:
        self._attempt_log.not_sent(run, target)
        return CapacityExhausted("all slots of this provider are taken", retry_after=full.retry_after)

    async def _turn(self, run: Run, target: Target, another: Callable[[], bool]) -> Ramp | None:
        """Wait until *target* has cooled down, which others may have prolonged, and it is this request's turn."""
        if self._may_go(target):
            return None
        self._refuse_long_cooldown(run, target, self._patience(run, another))
        if (ticket := self._turn_at_once(target)) is not None:
            return ticket
        try:
            with self._slots.aside(target):
                return await self._waited_turn(run, target, another)
        except LimitReached as full:
            raise self._no_slot(run, target, full) from None

    def _turn_at_once(self, target: Target) -> Ramp | None:
        """Whoever need not wait needs no place in the provider's line, which may be full or not exist."""
        cooling = self._targets.cooldowns.remaining(target) > 0
        return None if cooling else self._targets.slow_start.enter_at_once(target)

    async def _waited_turn(self, run: Run, target: Target, another: Callable[[], bool]) -> Ramp | None:
        while True:
            patience = self._patience(run, another)
            self._refuse_long_cooldown(run, target, patience)
            left = self._targets.cooldowns.remaining(target)
            if left > 0:
                await self._sleep(left)
                continue
            since = self._clock()
            try:
                ticket = await self._targets.slow_start.enter(target, patience)
            except NoTurnInTime:
                self._attempt_log.not_sent(run, target)
                raise NotSent("others go first after the vendor's rate limit", retry_after=1.0) from None
            finally:
                waited(self._clock() - since)
            if self._targets.cooldowns.remaining(target) <= 0:
                return ticket
            self._targets.slow_start.leave(target, ticket, succeeded=False)

    async def _permitted_call(self, run: Run, target: Target) -> CompletionAnswer:
        if target.account_key not in self._accounts.now.live_by_key:
            self._attempt_log.not_sent(run, target)
            raise SwitchedOff("an operator has switched this provider off")
        try:
            permit = self._targets.breakers.acquire(target)
        except NotSent:
            self._attempt_log.not_sent(run, target)
            raise
        run.breaker_generation = permit.generation
        with attempt_span(target) as span:
            try:
                return await self._counted_call(run, target, permit)
            finally:
                if span.recording:
                    describe(span, run.attempts[-1])

    async def _counted_call(self, run: Run, target: Target, permit: TargetPermit) -> CompletionAnswer:
        self._targets.scoreboard.started(target)
        self._attempt_log.call_started(target)
        started = self._clock()
        run.calling = True
        try:
            answer = await self._providers[target.account_key].complete(run.request, target.model, run.deadline)
            self._judge(run, answer)
        except ProviderFailure as failure:
            seconds = self._clock() - started
            self._attempt_log.failed(run, target, failure, seconds)
            permit.fail(failure)
            self._remember(target, failure, seconds)
            raise
        except BaseException:
            # Cancelled, or a bug of ours: the call was made, so it must be in the log of attempts before this goes on.
            self._attempt_log.cancelled(run, target, self._clock() - started)
            permit.abandon()
            raise
        finally:
            run.calling = False
            self._targets.scoreboard.finished(target)
            self._attempt_log.call_ended(target)
        seconds = self._clock() - started
        permit.succeed()
        self._targets.budgets[target.provider].succeeded()
        self._targets.scoreboard.answered(target, seconds)
        self._attempt_log.answered(run, target, answer, seconds)
        return answer

    def _remember(self, target: Target, failure: ProviderFailure, seconds: float) -> None:
        if failure.cools_down:
            asked_for = failure.retry_after
            wait = self._policy.throttle_base_seconds if asked_for is None else asked_for
            self._targets.cooldowns.cool(target, wait)
            self._attempt_log.cooled(target, wait)
            self._targets.slow_start.restart(target)
        if failure.trips_provider or _speaks_against_the_target(failure):
            self._targets.scoreboard.failed(target, seconds)

    def _judge(self, run: Run, answer: CompletionAnswer) -> None:
        """Raise if the request cannot use *answer*; the first time, the next attempt will quote the reason."""
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
