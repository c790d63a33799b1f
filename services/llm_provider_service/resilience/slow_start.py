"""Slow start after a cooldown: first one call, then two, then four, so that not all waiting calls start at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from services.llm_provider_service.domain.target import Target

FULLY_OPEN = 64
MOST_TARGETS = 1000


class NoTurnInTime(Exception):
    """No turn came before the wait was over."""


@dataclass(slots=True)
class Ramp:
    """Slow start of one target: how many calls may run, how many run, and which calls wait."""

    allowed: int = 1
    out: int = 0
    line: deque[asyncio.Future[Ramp]] = field(default_factory=deque)

    def wake(self) -> None:
        """Give turns to the first waiting calls, as many as are allowed."""
        while self.line and self.out < self.allowed:
            turn = self.line.popleft()
            if not turn.done():
                self.out += 1
                turn.set_result(self)

    def give_back(self, *, succeeded: bool = False) -> None:
        """Count the end of one running call; a success allows one more."""
        self.allowed = max(1, self.allowed + succeeded)
        self.out -= 1
        self.wake()

    def restarted(self) -> Ramp:
        """Returns the ramp for a new cooldown: waiting calls wait there, running calls no longer count.

        A ramp that allows one call is kept, and no call starts before its running call has ended. Otherwise each of
        many 429s without a wait time would let another call start. Its success only brings the ramp back to one.
        """
        if self.allowed <= 1:
            self.allowed = 1 - self.out
            return self
        fresh = Ramp(line=self.line)
        self.line = deque()
        fresh.wake()
        return fresh


class SlowStart:
    """Limits the calls to targets that have just cooled down; other targets are not limited.

    Each success allows one more call, so a wave of successes is followed by a wave of twice its size; from 64 on the
    limit is removed. A new cooldown starts again with one call. Calls that were sent before it neither raise the limit
    nor have to end first, which could take long. For one event loop.
    """

    def __init__(self) -> None:
        self._ramps: OrderedDict[Target, Ramp] = OrderedDict()

    def restart(self, target: Target) -> None:
        """Start again with one call, for the time after the cooldown of *target*."""
        ramp = self._ramps.get(target)
        self._ramps[target] = Ramp() if ramp is None else ramp.restarted()
        self._ramps.move_to_end(target)
        if len(self._ramps) > MOST_TARGETS:
            self._open(next(iter(self._ramps)))

    def limits(self, target: Target) -> bool:
        """Returns whether calls to *target* need a ticket now."""
        return target in self._ramps

    def admits(self, target: Target, ticket: Ramp | None) -> bool:
        """Returns whether a call to *target* may start with *ticket*; a ticket from before a new cooldown is void."""
        ramp = self._ramps.get(target)
        return ramp is None or ramp is ticket

    async def enter(self, target: Target, patience_seconds: float) -> Ramp | None:
        """Wait for a turn and return its ticket, for `leave`; `None` if there is no limit.

        Raises `NoTurnInTime` after *patience_seconds*.
        """
        ramp = self._ramps.get(target)
        if ramp is None:
            return None
        return self.enter_at_once(target) or await self._wait(ramp, patience_seconds)

    def enter_at_once(self, target: Target) -> Ramp | None:
        """Returns a ticket if a turn is free and no call waits for it; `None` otherwise, or if there is no limit."""
        ramp = self._ramps.get(target)
        if ramp is None or ramp.line or ramp.out >= ramp.allowed:
            return None
        ramp.out += 1
        return ramp

    def leave(self, target: Target, ticket: Ramp | None, *, succeeded: bool) -> None:
        """Count the end of the call of *ticket*. A call without a ticket started before the cooldown and is ignored."""
        if ticket is None:
            return
        ticket.give_back(succeeded=succeeded)
        if ticket.allowed >= FULLY_OPEN and self._ramps.get(target) is ticket:
            self._open(target)

    def _open(self, target: Target) -> None:
        """Remove the limit: all waiting calls may start."""
        ramp = self._ramps.pop(target)
        ramp.allowed = ramp.out + len(ramp.line)
        ramp.wake()

    async def _wait(self, ramp: Ramp, seconds: float) -> Ramp:
        turn: asyncio.Future[Ramp] = asyncio.get_running_loop().create_future()
        line = ramp.line  # stays the queue of this target, even if a new ramp takes it over
        line.append(turn)
        try:
            async with asyncio.timeout(seconds):
                return await turn
        except TimeoutError:
            self._leave_queue(line, turn)
            raise NoTurnInTime from None
        except asyncio.CancelledError:
            self._leave_queue(line, turn)
            raise

    def _leave_queue(self, line: deque[asyncio.Future[Ramp]], turn: asyncio.Future[Ramp]) -> None:
        """Leave the queue; a turn that came at the same moment goes to the next call."""
        if turn.done() and not turn.cancelled():
            turn.result().give_back()
        elif turn in line:
            line.remove(turn)
