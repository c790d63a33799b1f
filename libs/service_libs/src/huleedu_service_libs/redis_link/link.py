"""One link to one Redis server.

The bound on time is one `asyncio.timeout` around everything an operation does: redis-py's own socket timeouts are off,
because each costs another timer and their sum would be the bound. A command that is cut off, by that bound or by a
caller who left, closes its connection, so its reply can reach nobody else.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.logging import failure_fields, get_logger
from huleedu_service_libs.redis_link.values import LinkPolicy, LinkState, RedisAway, RedisRefused
from huleedu_service_libs.resilience.circuit_breaker import BreakerPolicy, CircuitBreaker, Permit, Transition
from huleedu_service_libs.tracing import SpanKind, traced

Returned = TypeVar("Returned")
Word = str | bytes | int | float

LONGEST_CLOSE_SECONDS = 0.5
# These are errors to redis-py, but the server behind them cannot be asked at all, by anybody.
NOT_THERE = frozenset({"BUSY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"})
PROBE_KEY = "huleedu:redis-link:probe"
PIPELINE = "pipeline"
SCRIPT = "script"

log = get_logger(__name__)


class RedisLink:
    """See the module's docstring; only `RedisAway` and `RedisRefused` leave it, never an exception of redis-py.

    *on_moved* hears whether Redis is available, at the start and at each change. The link is for one event loop.
    """

    def __init__(
        self,
        url: str,
        policy: LinkPolicy,
        *,
        on_moved: Callable[[bool], None] = lambda available: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._on_moved = on_moved
        self._failures = 0
        self._writable = True
        self._breaker = CircuitBreaker(
            "redis", _breaker_policy(policy), clock=clock, jitter=random.random, on_transition=self._moved
        )
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=policy.connections,
            timeout=policy.budget_seconds,
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 1),
            protocol=2,
            driver_info=None,
        )
        self._redis: Redis = Redis(connection_pool=self._pool)

    @property
    def available(self) -> bool:
        """Whether an operation would be tried now."""
        return self._breaker.state is CircuitBreakerState.CLOSED

    @property
    def state(self) -> LinkState:
        """What health shows."""
        return LinkState(available=self.available, writable=self._writable, failures=self._failures)

    async def run(self, *command: Word, seconds: float | None = None) -> Any:
        """The answer to *command*, within the budget, or within *seconds* if that is less.

        Raises `RedisAway`, at once while the link is down, and `RedisRefused`.
        """
        return await self._admitted(str(command[0]), lambda redis: _execute(redis, command), seconds)

    async def run_all(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """The answers to *commands*, sent together; a refused one's place holds its `RedisRefused`."""

        async def ask(redis: Redis) -> list[Any]:
            async with redis.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return list(await pipeline.execute(raise_on_error=False))

        answers = await self._admitted(PIPELINE, ask)
        return [self._refusal(one) if isinstance(one, ResponseError) else one for one in answers]

    async def run_script(self, source: str, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """What the Lua *source* returns; it is sent by its hash, and whole only where Redis does not have it."""
        script = self._redis.register_script(source)
        return await self._admitted(SCRIPT, lambda _: script(keys=keys, args=arguments))

    async def ping(self, *, open_now: bool = False) -> None:
        """Find out whether Redis answers; while the link is down, success brings it up."""
        if self._breaker.would_admit():
            with suppress(RedisAway, RedisRefused):
                await self._bounded(self._breaker.acquire(), _ping, self._policy.budget_seconds, open_now=open_now)
        if self.available and not self._writable:
            await self._try_to_write()

    async def keep_watch(self) -> None:
        """Ping for ever: this, and no caller, finds out that Redis is back."""
        while True:
            pause = self._policy.ping_seconds if self.available else self._breaker.snapshot().retry_in_seconds
            await asyncio.sleep(pause)
            await self.ping()

    async def close(self) -> None:
        """Close every connection, within half a second even if Redis hangs."""
        with suppress(TimeoutError, RedisError, OSError):
            async with asyncio.timeout(LONGEST_CLOSE_SECONDS):
                await self._pool.aclose()

    async def _admitted(
        self, operation: str, ask: Callable[[Redis], Awaitable[Returned]], seconds: float | None = None
    ) -> Returned:
        if self._breaker.state is not CircuitBreakerState.CLOSED:
            raise RedisAway("the link is down")
        budget = self._policy.budget_seconds
        with traced(f"redis {operation}", SpanKind.CLIENT) as span:
            span.set("db.system.name", "redis")
            return await self._bounded(
                self._breaker.acquire(), ask, budget if seconds is None else min(seconds, budget)
            )

    async def _bounded(
        self, permit: Permit, ask: Callable[[Redis], Awaitable[Returned]], seconds: float, *, open_now: bool = False
    ) -> Returned:
        try:
            async with asyncio.timeout(seconds):
                answer = await ask(self._redis)
        except TimeoutError:
            raise self._away(permit, "timeout", open_now) from None
        except ResponseError as error:
            if _code(error) in NOT_THERE:
                raise self._away(permit, _code(error), open_now) from None
            self._answered(permit)
            raise self._refusal(error) from None
        except (RedisError, OSError, ValueError) as error:  # ValueError: what answers there is not a Redis server
            hopeless = isinstance(error, AuthenticationError)
            raise self._away(permit, type(error).__name__, open_now or hopeless) from None
        except BaseException:  # CancelledError above all: the caller has gone, which says nothing about Redis
            permit.abandon()
            raise
        self._answered(permit)
        return answer

    def _answered(self, permit: Permit) -> None:
        self._failures = 0
        permit.succeed()

    def _away(self, permit: Permit, reason: str, open_now: bool) -> RedisAway:
        self._failures += 1
        permit.fail(reason, open_now=open_now)
        return RedisAway(reason)

    def _refusal(self, error: ResponseError) -> RedisRefused:
        refused = RedisRefused(_code(error))
        if refused.forbids_writes:
            if self._writable:
                log.warning("redis_refuses_writes", reason=refused.code)
            self._writable = False
        return refused

    async def _try_to_write(self) -> None:
        """A replica may have taken over under the same name, so look it up again before the next try."""
        with suppress(RedisError, OSError):
            await self._pool.disconnect(inuse_connections=False)
        try:
            await self.run("SET", PROBE_KEY, b"", "PX", 1000)
        except (RedisAway, RedisRefused):
            return
        self._writable = True
        log.info("redis_accepts_writes")

    def _moved(self, transition: Transition) -> None:
        """One line when Redis goes and one when it comes back, however many callers find out and pings fail."""
        if transition.current is CircuitBreakerState.CLOSED:
            log.info("redis_back")
            self._on_moved(self.available)
        elif transition.previous is CircuitBreakerState.CLOSED:
            log.warning("redis_away", reason=transition.last_failure)
            self._on_moved(self.available)


@asynccontextmanager
async def redis_link(
    url: str, policy: LinkPolicy, *, on_moved: Callable[[bool], None] = lambda available: None
) -> AsyncIterator[RedisLink]:
    """A link that has been pinged once, so it knows whether Redis is there, and that is watched until it is closed."""
    link = RedisLink(url, policy, on_moved=on_moved)
    on_moved(link.available)
    await link.ping(open_now=True)
    watch = asyncio.create_task(link.keep_watch())
    watch.add_done_callback(_report)
    try:
        yield link
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await link.close()


def _report(watch: asyncio.Task[None]) -> None:
    error = None if watch.cancelled() else watch.exception()
    if error is not None:
        log.error("redis_watch_ended", **failure_fields(error))


def _breaker_policy(policy: LinkPolicy) -> BreakerPolicy:
    return BreakerPolicy(
        consecutive_failures=policy.failures_in_row,
        minimum_calls=20,
        window_seconds=10.0,
        recovery_seconds=policy.retry_seconds,
        recovery_growth=2.0,
        recovery_cap_seconds=policy.longest_retry_seconds,
    )


def _execute(redis: Any, command: Sequence[Word]) -> Awaitable[Any]:
    return cast("Awaitable[Any]", redis.execute_command(*command))  # redis-py does not type it


async def _ping(redis: Redis) -> None:
    await redis.ping()


def _code(error: ResponseError) -> str:
    """The first word of Redis's answer; redis-py keeps it apart where it has a class of its own for the error."""
    return error.status_code or str(error).partition(" ")[0][:40]
