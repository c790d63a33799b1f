"""From an order to its result. The order of the layers is written here and nowhere else:

    a  plan      who may be asked, in which order (planner)
    b  cache     under the name of the first target; a hit ends here
    c  flight    identical orders of one caller that run at the same time share one answer
    d  attempts  for each candidate: retry( cooldown, slots or a refusal on arrival, breaker( provider ), the
                 order's own judgement ) (attempts, call_slots)
    e  settle    sum up what it cost, fill the cache under the target that answered

From c on the work runs in a task of its own. A caller who hangs up does not stop a call that is under way: it ends
within its deadline and is in the books, but no new attempt starts. Work that waits for anything else is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from common_core.llm_contracts import CacheMode, ResultFlag
from huleedu_service_libs.observability.logging import failure_fields, get_logger
from huleedu_service_libs.observability.tracing import traced
from services.llm_provider_service.cache.entry import CachedAnswer
from services.llm_provider_service.cache.key import CacheKey, FlightKey, cache_key, flight_key
from services.llm_provider_service.domain.completion import CompletionAnswer, FinishReason
from services.llm_provider_service.domain.completion_order import CompletionOrder, CompletionResult
from services.llm_provider_service.domain.money import FREE, total_cost
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.time_waited import is_order, waited
from services.llm_provider_service.domain.usage import total_usage
from services.llm_provider_service.exceptions import DeadlineReached, GatewayError, GatewayOverloaded
from services.llm_provider_service.gateway.error_mapping import deadline_reached, nobody_can_be_asked
from services.llm_provider_service.gateway.fallback import Fallback
from services.llm_provider_service.gateway.incident_log import log_refused
from services.llm_provider_service.gateway.metrics_recorder import MetricsRecorder
from services.llm_provider_service.gateway.planner import Planner
from services.llm_provider_service.gateway.run_state import HungUp, Run
from services.llm_provider_service.gateway.single_flight import SingleFlight
from services.llm_provider_service.protocols import LLMCacheManagerProtocol
from services.llm_provider_service.resilience.admission import ShedReason
from services.llm_provider_service.resilience.deadline import Clock, Deadline
from services.llm_provider_service.resilience.wait_budget import WaitBudget
from services.llm_provider_service.routing.candidates import Candidate
from services.llm_provider_service.routing.plan import Plan

log = get_logger(__name__)

Flights = SingleFlight[FlightKey, CompletionResult]
HUNG_UP = "hung_up"
CACHE_HIT = "huleedu.cache.hit"

# The time that one order may wait for the shared cache. The platform allows 0.2 s; the rest is for a busy event loop.
LOOK_UP_SECONDS = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorLimits:
    """Limits in seconds: the longest time for one order, and the shortest time that an attempt needs.

    Without `caching` every order bypasses the cache and shares no flight.
    """

    request_seconds: float
    minimum_attempt_seconds: float
    caching: bool


class _CacheLookup(NamedTuple):
    """The state when the cache was read: flights *landed* until then, and the rest of the wait budget."""

    budget: WaitBudget
    landed: int


class LLMOrchestratorImpl:
    """`LLMOrchestratorProtocol`: runs an order through plan, cache, single flight, attempts and settlement."""

    def __init__(
        self,
        *,
        planner: Planner,
        cache: LLMCacheManagerProtocol,
        flights: Flights,
        fallback: Fallback,
        recorder: MetricsRecorder,
        limits: OrchestratorLimits,
        clock: Clock,
        wall_clock: Callable[[], float],
    ) -> None:
        self._planner = planner
        self._cache = cache
        self._flights = flights
        self._fallback = fallback
        self._recorder = recorder
        self._limits = limits
        self._clock = clock
        self._wall_clock = wall_clock
        self._tasks: set[asyncio.Task[CompletionResult]] = set()
        self._grace_over = asyncio.Event()

    async def complete(self, order: CompletionOrder) -> CompletionResult:
        """Answer *order*; raises a `GatewayError` if no provider could."""
        if not self._limits.caching:
            order = order._replace(cache=CacheMode.BYPASS)
        is_order()
        started = self._clock()
        target: Target | None = None
        try:
            made = self._planner.plan(order)
            target = made.first
            result = await self._answer(order, made)
        except GatewayError as error:
            self._recorder.order_ended(order, error.target or target, error.code)
            log_refused(order, error)
            raise
        except asyncio.CancelledError:
            self._recorder.order_ended(order, target, HUNG_UP)
            raise
        self._recorder.order_ended(order, result.target, "cached" if result.cached else "success")
        self._recorder.answered(result.target, self._clock() - started, cached=result.cached)
        return result

    def is_under_way(self, request_id: str) -> bool:
        """Returns whether work for that request still runs; it may, even if its caller has disconnected."""
        return any(task.get_name() == request_id for task in self._tasks)

    def stop_waiting(self) -> None:
        """End the grace period of a stop: calls that still run are cancelled in `finish_running`."""
        self._grace_over.set()

    async def finish_running(self) -> None:
        """Wait for calls whose callers have disconnected; after the grace period, cancel and record them."""
        over = asyncio.create_task(self._grace_over.wait())
        while self._tasks and not over.done():
            await asyncio.wait({*self._tasks, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, order: CompletionOrder, made: Plan) -> CompletionResult:
        if made.first is None:
            raise nobody_can_be_asked(made.skipped, made.retry_after)
        deadline = self._deadline(order)
        key = cache_key(order, made.first)
        budget = WaitBudget(min(LOOK_UP_SECONDS, deadline.at - self._clock()))
        landed = self._flights.landed
        if order.cache is CacheMode.USE:
            hit = await self._look_up(order, made, key, budget)
            if hit is not None:
                return hit
        if not made.candidates:
            raise nobody_can_be_asked(made.skipped, made.retry_after)
        run = Run(order=order, deadline=deadline, request=order.request, skipped=made.skipped)
        return await self._shielded(run, made, key, _CacheLookup(budget, landed))

    async def _look_up(
        self, order: CompletionOrder, made: Plan, key: CacheKey, budget: WaitBudget
    ) -> CompletionResult | None:
        """Returns the stored answer of the first target, else of the candidate that replaces it while it is away."""
        with traced("cache get") as span:
            entry = await self._cache.get(key, budget)
            if entry is None and made.candidates and made.candidates[0].target != made.first:
                entry = await self._cache.get(cache_key(order, made.candidates[0].target), budget)
            if span.recording:
                span.set(CACHE_HIT, entry is not None)
        if entry is None:
            return None
        same = made.first is not None and entry.target.answers_like(made.first)
        fallback_used = set() if same else {ResultFlag.FALLBACK_USED}
        return CompletionResult(
            answer=entry.answer,
            target=entry.target,
            cost=FREE,
            attempts=(),
            cached=True,
            flags=entry.flags | fallback_used,
        )

    def _deadline(self, order: CompletionOrder) -> Deadline:
        allowed = self._limits.request_seconds
        if order.timeout_seconds is None or order.timeout_seconds >= allowed:
            return Deadline(at=self._clock() + allowed, clock=self._clock)
        return Deadline(at=self._clock() + order.timeout_seconds, clock=self._clock, callers_own=True)

    async def _shielded(self, run: Run, made: Plan, key: CacheKey, asked: _CacheLookup) -> CompletionResult:
        task = asyncio.create_task(self._in_flight(run, made, key, asked), name=run.order.request_id)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            run.hung_up = True
            task.add_done_callback(_nobody_listens)
            if not (run.calling or run.answered):
                task.cancel()
            raise
        finally:
            del task  # task → error → traceback → this frame → task: a reference cycle

    async def _in_flight(self, run: Run, made: Plan, key: CacheKey, asked: _CacheLookup) -> CompletionResult:
        """Answer *run*, or take the answer of an identical request that is running."""
        flight = flight_key(run.order, key)
        joined = self._clock()
        lead = partial(self._lead, run, made, key, asked, flight, joined)
        try:
            result, follows = await self._flights.run(flight, lead, run.deadline)
        except TimeoutError:
            raise deadline_reached() from None
        finally:
            if not run.leads:
                waited(self._clock() - joined)
        return _second_hand(result) if follows else result

    async def _lead(
        self, run: Run, made: Plan, key: CacheKey, asked: _CacheLookup, flight: FlightKey | None, joined: float
    ) -> CompletionResult:
        """Answer *run* as the leader of its flight, for itself and its followers."""
        run.leads = True
        waited(self._clock() - joined)
        if run.order.cache is CacheMode.USE and self._flights.has_landed(flight, since=asked.landed):
            hit = await self._look_up(run.order, made, key, asked.budget)
            if hit is not None:
                return hit
        if run.deadline.remaining() < self._limits.minimum_attempt_seconds:
            self._recorder.shed(ShedReason.NO_TIME_LEFT)
            raise deadline_reached()
        try:
            answer, candidate = await self._fallback.try_candidates(run, made.candidates)
            run.answered = True
        except GatewayOverloaded:
            self._recorder.shed(run.shed)
            raise
        return await self._settle(run, made, key, answer, candidate)

    async def _settle(
        self, run: Run, made: Plan, key: CacheKey, answer: CompletionAnswer, candidate: Candidate
    ) -> CompletionResult:
        target, cost = candidate.target, run.paid[0].cost
        same = made.first is not None and target.answers_like(made.first)
        if len(run.paid) > 1:
            cost = total_cost([attempt.cost for attempt in run.paid])
            answer = replace(answer, usage=total_usage(attempt.usage for attempt in run.paid))
        result = CompletionResult(
            answer=answer,
            target=target,
            cost=cost,
            attempts=tuple(run.attempts),
            cached=False,
            flags=_flags(run, answer, candidate, fallback_used=not same),
        )
        if run.order.cache is not CacheMode.BYPASS and answer.finish_reason is not FinishReason.LENGTH:
            own_key = key if same else cache_key(run.order, target)
            entry = CachedAnswer.of(result, stored_at=self._wall_clock())
            await self._cache.put(own_key, entry, replaces=run.order.cache is CacheMode.REFRESH)
        return result


def is_the_leaders_own(failure: Exception) -> bool:
    """Returns whether *failure* concerns the leader only (its deadline, its disconnect), so a follower should lead."""
    return isinstance(failure, DeadlineReached | HungUp) or (isinstance(failure, GatewayError) and failure.early)


def _nobody_listens(task: asyncio.Task[CompletionResult]) -> None:
    """Retrieve the outcome of work whose caller has disconnected; logs only bugs of ours."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, (GatewayError, HungUp)):
        log.error("order_without_caller_failed", **failure_fields(error))


def _flags(run: Run, answer: CompletionAnswer, candidate: Candidate, *, fallback_used: bool) -> frozenset[ResultFlag]:
    flags = set()
    if fallback_used:
        flags.add(ResultFlag.FALLBACK_USED)
    if not candidate.known:
        flags.add(ResultFlag.UNKNOWN_MODEL)
    if not answer.usage.known:
        flags.add(ResultFlag.USAGE_UNKNOWN)
    if run.asked_again:
        flags.add(ResultFlag.REASKED)
    return frozenset(flags)


def _second_hand(result: CompletionResult) -> CompletionResult:
    """Returns the result for a follower: the same answer, at no cost."""
    return result._replace(cached=True, cost=FREE, attempts=())
