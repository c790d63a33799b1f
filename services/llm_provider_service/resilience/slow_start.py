"""Back slowly: after a cooldown one call goes first, then two, then four, so that the end of a wait is no stampede."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from services.llm_provider_service.domain.target import Target

FULLY_OPEN = 64
MOST_TARGETS = 1000


class NoTurnInTime(Exception):
    """No turn came in time."""


@dataclass(slots=True)
class Ramp:
    """How many calls to one target may be out, how many are, and who waits."""

    allowed: int = 1
    out: int = 0
    line: deque[asyncio.Future[Ramp]] = field(default_factory=deque)

    def wake(self) -> None:
        """Give turns to the first in line, as many as may go."""
        while self.line and self.out < self.allowed:
            turn = self.line.popleft()
            if not turn.done():
                self.out += 1
                turn.set_result(self)

    def give_back(self, *, succeeded: bool = False) -> None:
        """One of those who were out is back."""
        self.allowed = max(1, self.allowed + succeeded)
        self.out -= 1
        self.wake()

    def restarted(self) -> Ramp:
        """What takes its place in a new cooldown: who waits goes on waiting there, and who is out counts no more.

        At most one is out of a ramp that stands at one, and nobody joins it before it is back: else each of many 429s
        without a wait would let another one out. Its success only brings the ramp back to one.
        """
        if self.allowed <= 1:
            self.allowed = 1 - self.out
            return self
        fresh = Ramp(line=self.line)
        self.line = deque()
        fresh.wake()
        return fresh


class SlowStart:
    """Limits the calls to targets that have just cooled down; all others pass without a trace.

    Each success lets one more out, so a wave that succeeds is followed by one of twice its size; from 64 on the limit
    is lifted. A new cooldown starts again with one, whatever is out: calls that were sent before it widen nothing, and
    nobody waits for their end, which may be far. For one event loop.
    """

    def __init__(self) -> None:
        self._ramps: OrderedDict[Target, Ramp] = OrderedDict()

    def restart(self, target: Target) -> None:
        """*target* cools down: when it is back, one call goes first."""
        ramp = self._ramps.get(target)
        self._ramps[target] = Ramp() if ramp is None else ramp.restarted()
        self._ramps.move_to_end(target)
        if len(self._ramps) > MOST_TARGETS:
            self._open(next(iter(self._ramps)))

    def limits(self, target: Target) -> bool:
        """Whether calls to *target* need a ticket now."""
        return target in self._ramps

    def admits(self, target: Target, ticket: Ramp | None) -> bool:
        """Whether a call to *target* may go with *ticket*; one of a ramp that a cooldown has replaced is void."""
        ramp = self._ramps.get(target)
        return ramp is None or ramp is ticket

    async def enter(self, target: Target, patience_seconds: float) -> Ramp | None:
        """Wait for a turn and return its ticket, for `leave`; `None` where nothing is limited.

        Raises `NoTurnInTime`.
        """
        ramp = self._ramps.get(target)
        if ramp is None:
            return None
        return self.enter_at_once(target) or await self._wait(ramp, patience_seconds)

    def enter_at_once(self, target: Target) -> Ramp | None:
        """A ticket, if there is a turn and nobody waits for it; `None` also where nothing is limited."""
        ramp = self._ramps.get(target)
        if ramp is None or ramp.line or ramp.out >= ramp.allowed:
            return None
        ramp.out += 1
        return ramp

    def leave(self, target: Target, ticket: Ramp | None, *, succeeded: bool) -> None:
        """The call of *ticket* is over. One without a ticket left before the cooldown, and says nothing about it."""
        if ticket is None:
            return
        ticket.give_back(succeeded=succeeded)
        if ticket.allowed >= FULLY_OPEN and self._ramps.get(target) is ticket:
            self._open(target)

    def _open(self, target: Target) -> None:
        """Lift the limit: whoever waits may go."""
        ramp = self._ramps.pop(target)
        ramp.allowed = ramp.out + len(ramp.line)
        ramp.wake()

    async def _wait(self, ramp: Ramp, seconds: float) -> Ramp:
        turn: asyncio.Future[Ramp] = asyncio.get_running_loop().create_future()
        line = ramp.line  # stays the line of this target, whatever ramp it comes to belong to
        line.append(turn)
        try:
            async with asyncio.timeout(seconds):
                return await turn
        except TimeoutError:
            self._step_out(line, turn)
            raise NoTurnInTime from None
        except asyncio.CancelledError:
            self._step_out(line, turn)
            raise

    def _step_out(self, line: deque[asyncio.Future[Ramp]], turn: asyncio.Future[Ramp]) -> None:
        """Leave the line; a turn that came in the same moment goes to the next."""
        if turn.done() and not turn.cancelled():
            turn.result().give_back()
        elif turn in line:
            line.remove(turn)
