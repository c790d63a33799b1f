"""Sends the commands of many callers over a few Redis connections, batched.

Commands that arrive during one round trip are sent together in the next one. A caller waits for its answers, not for a
connection. If a caller leaves early, the connection still reads its reply and drops it, so replies never get out of
order and no connection has to be closed. redis-py's pool is not used because it is not fair: with 24 callers on its 16
connections some waited for more than 150 ms while others came back again and again. A batched command costs a fifth of
a command there.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, Task
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.observability.logging import failure_fields, get_logger
from huleedu_service_libs.redis_link.values import NoAnswer, RedisRefused, Word

MOST_TOGETHER = 128
# How often, in seconds, we look for callers whose time is up; they hear of it at most this much late.
LOOK_SECONDS = 0.01

log = get_logger(__name__)


TOO_LATE = NoAnswer("timeout")


@dataclass(frozen=True, slots=True)
class _PendingCommand:
    packed: bytes
    commands: int
    give_up_at: float
    answers: Future[list[Any] | NoAnswer]


class CommandMultiplexer:
    """Uses *connections* connections; one round trip may take *seconds*.

    *on_way* is called once per round trip, however many commands it carried: with `None` if Redis answered, else with
    the loss. So if this process is too busy to read answers, that counts once per connection and not once per caller.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int,
        seconds: float,
        on_way: Callable[[NoAnswer | None], None],
        background: BackgroundWork,
    ) -> None:
        factory: Any = ConnectionPool.from_url(
            url,
            socket_timeout=None,  # one timer bounds the whole trip; redis-py would set one per step
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        self._connections: list[AbstractConnection] = [factory.make_connection() for _ in range(connections)]
        self._seconds = seconds
        self._on_way = on_way
        self._background = background
        self._waiting: deque[_PendingCommand] = deque()
        self._idle: list[Future[None]] = []
        self._open: deque[_PendingCommand] = deque()
        self._watched = False
        self._tasks: list[Task[NoReturn]] = []

    async def execute(self, commands: Sequence[Sequence[Word]], seconds: float) -> list[Any] | NoAnswer:
        """Returns the answers to *commands*, in order, or `NoAnswer` if they do not come within *seconds*.

        A refused command has a `RedisRefused` in its place.
        """
        if not self._tasks:
            self._tasks = [
                self._background.start("redis_connection", partial(self._serve, one)) for one in self._connections
            ]
        loop = asyncio.get_running_loop()
        command = _PendingCommand(packed(commands), len(commands), loop.time() + seconds, loop.create_future())
        self._open.append(command)
        self._waiting.append(command)
        self._wake_one()
        if not self._watched:
            self._watched = True
            loop.call_later(LOOK_SECONDS, self._give_up, loop)
        return await command.answers

    async def reconnect(self) -> None:
        """Close every connection, so that the server's address is looked up again; answers under way are lost."""
        for connection in self._connections:
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def close(self) -> None:
        """Stop sending and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.reconnect()

    async def _serve(self, connection: AbstractConnection) -> NoReturn:
        while True:
            pending = [one for one in await self._together() if not one.answers.done()]
            if pending:
                await self._go(connection, pending)

    async def _together(self) -> list[_PendingCommand]:
        while not self._waiting:
            idle: Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            await idle
        pending = []
        commands = 0
        while commands < MOST_TOGETHER and self._waiting:
            pending.append(self._waiting.popleft())
            commands += pending[-1].commands
        return pending

    def _wake_one(self) -> None:
        while self._idle:
            idle = self._idle.pop()
            if not idle.done():
                idle.set_result(None)
                return

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give `TOO_LATE` to callers whose time is up. One look at all of them is cheaper than one timer for each."""
        now = loop.time()
        still_open = deque[_PendingCommand]()
        for command in self._open:
            if command.answers.done():
                continue
            if command.give_up_at <= now:
                command.answers.set_result(TOO_LATE)
            else:
                still_open.append(command)
        self._open = still_open
        self._watched = bool(still_open)
        if still_open:
            loop.call_later(LOOK_SECONDS, self._give_up, loop)

    async def _go(self, connection: AbstractConnection, pending: list[_PendingCommand]) -> None:
        outcome: list[Any] | NoAnswer = NoAnswer("cancelled")
        try:
            async with asyncio.timeout(self._seconds):
                outcome = await self._exchange(connection, pending)
        except TimeoutError:
            outcome = NoAnswer("timeout")
        except (RedisError, OSError, ValueError) as error:  # ValueError: the peer is not a Redis server
            outcome = NoAnswer(type(error).__name__, hopeless=isinstance(error, AuthenticationError))
        except (
            Exception
        ) as error:  # a bug in one command must not end the connection's task: all others would wait for nothing
            log.error("redis_connection_failed", **failure_fields(error))
            outcome = NoAnswer(type(error).__name__)
        finally:
            _hand_out(pending, outcome)
        self._on_way(outcome if isinstance(outcome, NoAnswer) else _absence(outcome))

    async def _exchange(self, connection: AbstractConnection, pending: list[_PendingCommand]) -> list[Any]:
        """Send and receive; if the connection was stale (as after a restart of Redis), try once more on a new one."""
        was_connected = connection.is_connected
        try:
            return await _send_and_receive(connection, pending)
        except RedisConnectionError:
            if not was_connected:
                raise
        await connection.disconnect(nowait=True)
        return await _send_and_receive(connection, pending)


def packed(commands: Sequence[Sequence[Word]]) -> bytes:
    """Returns *commands* in Redis's format (RESP, text as UTF-8); takes a third of redis-py's time."""
    pieces: list[bytes] = []
    for command in commands:
        pieces.append(b"*%d\r\n" % len(command))
        for word in command:
            raw = word if isinstance(word, bytes) else str(word).encode()
            pieces.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(pieces)


async def _send_and_receive(connection: AbstractConnection, pending: list[_PendingCommand]) -> list[Any]:
    await connection.send_packed_command([b"".join([command.packed for command in pending])])
    return [await _answer(connection) for _ in range(sum(command.commands for command in pending))]


async def _answer(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        # The first word of Redis's message; redis-py stores it separately where it has its own class for the error.
        return RedisRefused(error.status_code or str(error).partition(" ")[0][:40])


def _absence(answers: list[Any]) -> NoAnswer | None:
    codes = (one.code for one in answers if isinstance(one, RedisRefused) and one.is_absence)
    return next(map(NoAnswer, codes), None)


def _hand_out(pending: list[_PendingCommand], outcome: list[Any] | NoAnswer) -> None:
    first = 0
    for command in pending:
        mine = outcome if isinstance(outcome, NoAnswer) else outcome[first : first + command.commands]
        first += command.commands
        if not command.answers.done():
            command.answers.set_result(mine)
