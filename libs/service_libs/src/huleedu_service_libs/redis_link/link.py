"""A link to one Redis server, bounded in time, with a circuit breaker that all callers share.

One timer bounds everything that an operation does: waiting for a connection, connecting, sending, receiving, and the
retry of a stale connection.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NoReturn

from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.observability.logging import get_logger
from huleedu_service_libs.observability.tracing import SpanKind, traced
from huleedu_service_libs.redis_link.values import LinkPolicy, LinkState, NoAnswer, RedisAway, RedisRefused, Word
from huleedu_service_libs.resilience.circuit_breaker import BreakerPolicy, CircuitBreaker, Transition

LONGEST_CLOSE_SECONDS = 0.5
PROBE_KEY = "huleedu:redis-link:probe"
PIPELINE = "pipeline"

log = get_logger(__name__)


class RedisLink:
    """Runs Redis commands within a time budget; raises only `RedisAway` and `RedisRefused`, no redis-py exceptions.

    *on_moved* is called with whether Redis is available, at the start and at each change. For one event loop only.
    """

    def __init__(
        self,
        url: str,
        policy: LinkPolicy,
        background: BackgroundWork,
        *,
        on_moved: Callable[[bool], None] = lambda available: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from huleedu_service_libs.redis_link.command_multiplexer import (
            CommandMultiplexer,  # redis-py is large, so it is imported with the first link only
        )

        self._policy = policy
        self._on_moved = on_moved
        self._failures = 0
        self._writable = True
        self._ever_answered = False
        self._breaker = CircuitBreaker(
            "redis", _breaker_policy(policy), clock=clock, jitter=random.random, on_transition=self._moved
        )
        self._multiplexer = CommandMultiplexer(
            url,
            connections=policy.connections,
            seconds=policy.budget_seconds,
            on_way=self._seen,
            background=background,
        )

    @property
    def available(self) -> bool:
        """Returns whether an operation would be tried now."""
        return self._breaker.state is CircuitBreakerState.CLOSED

    @property
    def state(self) -> LinkState:
        """Returns the state that the health endpoint shows."""
        return LinkState(available=self.available, writable=self._writable, failures=self._failures)

    async def run(self, *command: Word, seconds: float | None = None) -> Any:
        """Returns the answer to *command*, within the budget, or within *seconds* if that is less.

        Raises `RedisAway` (at once while the link is down) and `RedisRefused`.
        """
        (answer,) = await self._admitted(str(command[0]), [command], seconds)
        if isinstance(answer, RedisRefused):
            raise answer
        return answer

    async def run_all(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Returns the answers to *commands*, sent together; a refused command has a `RedisRefused` in its place.

        Raises `RedisAway`.
        """
        return await self._admitted(PIPELINE, commands)

    async def ping(self) -> None:
        """Check whether Redis answers; while the link is down, a success brings it up again."""
        if self.available:
            with suppress(RedisAway, RedisRefused):
                await self.run("PING")
        elif self._breaker.would_admit():
            await self._probe()
        if self.available and not self._writable:
            await self._try_to_write()

    async def keep_watch(self) -> NoReturn:
        """Ping for ever. Only these pings find out that Redis is back; a caller never does."""
        while True:
            pause = self._policy.ping_seconds if self.available else self._breaker.snapshot().retry_in_seconds
            await asyncio.sleep(pause)
            await self.ping()

    async def close(self) -> None:
        """Close every connection, within 0.5 s even if Redis hangs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_CLOSE_SECONDS):
                await self._multiplexer.close()

    async def _admitted(
        self, operation: str, commands: Sequence[Sequence[Word]], seconds: float | None = None
    ) -> list[Any]:
        if self._breaker.state is not CircuitBreakerState.CLOSED:
            raise RedisAway("the link is down")
        budget = self._policy.budget_seconds
        with traced(f"redis {operation}", SpanKind.CLIENT) as span:
            span.set("db.system.name", "redis")
            return await self._bounded(commands, budget if seconds is None else min(seconds, budget))

    async def _bounded(self, commands: Sequence[Sequence[Word]], seconds: float) -> list[Any]:
        answers = await self._multiplexer.execute(commands, seconds)
        if isinstance(answers, NoAnswer):
            raise RedisAway(answers.reason)
        refusals = [one for one in answers if isinstance(one, RedisRefused)]
        absence = next((one for one in refusals if one.is_absence), None)
        if absence is not None:
            raise RedisAway(absence.code)
        self._note_refusals(refusals)
        return answers

    async def _probe(self) -> None:
        permit = self._breaker.acquire()
        try:
            await self._bounded([("PING",)], self._policy.budget_seconds)
        except RedisAway as away:
            permit.fail(str(away))
        else:
            permit.succeed()
        finally:
            permit.abandon()  # does nothing if the permit is settled already

    def _seen(self, lost: NoAnswer | None) -> None:
        """Count one round trip in the breaker; while it is not closed only the probe counts, with its own permit."""
        self._failures = 0 if lost is None else self._failures + 1
        if self._breaker.state is not CircuitBreakerState.CLOSED:
            return
        permit = self._breaker.acquire()
        if lost is None:
            permit.succeed()
        else:
            permit.fail(lost.reason, open_now=lost.hopeless or not self._ever_answered)
        self._ever_answered = self._ever_answered or lost is None

    def _note_refusals(self, refusals: list[RedisRefused]) -> None:
        for refused in refusals:
            if refused.forbids_writes and self._writable:
                self._writable = False
                log.warning("redis_refuses_writes", reason=refused.code)

    async def _try_to_write(self) -> None:
        """Reconnect, then try a write: a new primary may have the same name, so its address is looked up again."""
        await self._multiplexer.reconnect()
        with suppress(RedisAway, RedisRefused):
            await self.run("SET", PROBE_KEY, b"", "PX", 1000)
            self._writable = True
            log.info("redis_accepts_writes")

    def _moved(self, transition: Transition) -> None:
        """Log one line when Redis goes away and one when it comes back, however many calls and pings fail."""
        if transition.current is CircuitBreakerState.CLOSED:
            log.info("redis_back")
            self._on_moved(self.available)
        elif transition.previous is CircuitBreakerState.CLOSED:
            log.warning("redis_away", reason=transition.last_failure)
            self._on_moved(self.available)


@asynccontextmanager
async def redis_link(
    url: str,
    policy: LinkPolicy,
    background: BackgroundWork,
    *,
    on_moved: Callable[[bool], None] = lambda available: None,
) -> AsyncIterator[RedisLink]:
    """Yields a link that was pinged once, so its state is known; it is watched until the block ends, then closed."""
    link = RedisLink(url, policy, background, on_moved=on_moved)
    on_moved(link.available)
    await link.ping()
    try:
        async with background.going_on({"redis_watch": link.keep_watch}):
            yield link
    finally:
        await link.close()


def _breaker_policy(policy: LinkPolicy) -> BreakerPolicy:
    return BreakerPolicy(
        consecutive_failures=policy.failures_in_row,
        minimum_calls=20,
        window_seconds=10.0,
        recovery_seconds=policy.retry_seconds,
        recovery_growth=2.0,
        recovery_cap_seconds=policy.longest_retry_seconds,
    )
