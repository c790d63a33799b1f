"""Back slowly: after a cooldown one call goes first, then two, then four, so that the end of a wait is no stampede."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from services.llm_provider_service.domain.target import Target

FULLY_OPEN = 64
MOST_TARGETS = 1000


class NoTurn(Exception):
    """No turn came in time."""


@dataclass(slots=True)
class Ramp:
    """How many calls to one target may be out, how many are, and who waits."""

    allowed: int = 1
    out: int = 0
    line: deque[asyncio.Future[None]] = field(default_factory=deque)

    def wake(self) -> None:
        """Give turns to the first in line, as many as may go."""
        while self.line and self.out < self.allowed:
            turn = self.line.popleft()
            if not turn.done():
                self.out += 1
                turn.set_result(None)

    def give_back(self) -> None:
        """One of those who were out is back."""
        self.out -= 1
        self.wake()


class Turnstile:
    """Limits the calls to targets that have just cooled down; all others pass without a trace.

    Each success lets one more out, so a wave that succeeds is followed by one of twice its size; from 64 on the limit
    is lifted. A new cooldown starts again with one. For one event loop.
    """

    def __init__(self) -> None:
        self._ramps: OrderedDict[Target, Ramp] = OrderedDict()

    def restart(self, target: Target) -> None:
        """*target* cools down: when it is back, one call goes first."""
        self._ramps.setdefault(target, Ramp()).allowed = 1
        self._ramps.move_to_end(target)
        if len(self._ramps) > MOST_TARGETS:
            self._open(next(iter(self._ramps)))

    def limits(self, target: Target) -> bool:
        """Whether calls to *target* need a turn."""
        return target in self._ramps

    async def enter(self, target: Target, patience_seconds: float) -> Ramp | None:
        """Wait for a turn and return its ticket, for `leave`; `None` where nothing is limited. Raises `NoTurn`."""
        ramp = self._ramps.get(target)
        if ramp is None:
            return None
        if ramp.out < ramp.allowed and not ramp.line:
            ramp.out += 1
        else:
            await self._wait(ramp, patience_seconds)
        return ramp

    def leave(self, target: Target, ticket: Ramp | None, *, succeeded: bool) -> None:
        """The call of *ticket* is over. One without a ticket left before the cooldown, and says nothing about it."""
        if ticket is None:
            return
        ticket.allowed += succeeded
        ticket.give_back()
        if ticket.allowed >= FULLY_OPEN and self._ramps.get(target) is ticket:
            self._open(target)

    def _open(self, target: Target) -> None:
        """Lift the limit: whoever waits may go."""
        ramp = self._ramps.pop(target)
        ramp.allowed = ramp.out + len(ramp.line)
        ramp.wake()

    async def _wait(self, ramp: Ramp, seconds: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ramp.line.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            self._step_out(ramp, turn)
            raise NoTurn from None
        except asyncio.CancelledError:
            self._step_out(ramp, turn)
            raise

    def _step_out(self, ramp: Ramp, turn: asyncio.Future[None]) -> None:
        """Leave the line; a turn that came in the same moment goes to the next."""
        if turn.done() and not turn.cancelled():
            ramp.give_back()
        elif turn in ramp.line:
            ramp.line.remove(turn)
