"""A concurrency limit: whoever finds all slots taken waits briefly in line, or is refused on arrival."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from services.llm_provider_service.domain.wait_time import waited
from services.llm_provider_service.resilience.admission import AdmissionPolicy, ServiceTime, ShedReason, refuses
from services.llm_provider_service.resilience.deadline import Clock, Deadline


class LimitReached(Exception):
    """No slot in time; come back after `retry_after` seconds."""

    def __init__(self, retry_after: float, reason: ShedReason) -> None:
        super().__init__("no slot in time")
        self.retry_after = retry_after
        self.reason = reason


def _unheard(seconds: float) -> None:
    return None


class ConcurrencyLimit:
    """At most `policy.slots` holders; first come, first served; for one event loop.

    *on_waited* hears the seconds that each one in line waited, whatever it got.
    """

    def __init__(self, policy: AdmissionPolicy, *, clock: Clock, on_waited: Callable[[float], None] = _unheard) -> None:
        self._policy = policy
        self._clock = clock
        self._on_waited = on_waited
        self._held = 0
        self._entered = 0.0  # the sum of the moments at which the slots in use were taken
        self._line: deque[asyncio.Future[float]] = deque()
        self._aside = 0
        self._service_time = ServiceTime()

    @property
    def held(self) -> int:
        """CallSlots in use."""
        return self._held

    @property
    def waiting(self) -> int:
        """Newcomers in line, and those who stand aside."""
        return len(self._line) + self._aside

    @property
    def free(self) -> bool:
        """Whether a newcomer would get a slot at once."""
        return self._held < self._policy.slots and not self._line

    def take(self) -> float | None:
        """Take a slot if there is one at once, and return the moment; `leave` must follow. `None`: there is none."""
        if self._line or self._held >= self._policy.slots:
            return None
        now = self._clock()
        self._held += 1
        self._entered += now
        return now

    async def enter(self, deadline: Deadline, *, reserve_seconds: float, may_wait: bool = True) -> float:
        """Take a slot and return the moment; `leave` must follow. Raises `LimitReached`.

        *reserve_seconds* of *deadline* must be left when the slot is there.
        """
        taken = self.take()
        if taken is not None:
            return taken
        return await self._queue(deadline.remaining() - reserve_seconds, may_wait)

    def leave(self, entered: float) -> None:
        """Give the slot back that was taken at *entered*; the next in line gets it."""
        self._service_time.observe(self._clock() - entered)
        self._entered -= entered
        if self._line:
            self._hand_on()
        else:
            self._held -= 1

    def give_back(self, entered: float) -> None:
        """Give back a slot that was not used; it says nothing about how long one is held."""
        self._entered -= entered
        self._hand_on()

    def stand_aside(self) -> None:
        """Wait for something else than a slot, and count as one in line; `come_back` must follow.

        Raises `LimitReached`.
        """
        if self._full:
            raise LimitReached(max(self._service_time.seconds, 1.0), ShedReason.QUEUE_FULL)
        self._aside += 1

    def come_back(self) -> None:
        """Stand aside no longer."""
        self._aside -= 1

    def resize(self, policy: AdmissionPolicy) -> None:
        """From now on *policy* holds. Who waits gets what became free; what is held above it is not taken away."""
        self._policy = policy
        while self._line and self._held < policy.slots:
            turn = self._line.popleft()
            if not turn.done():
                self._held += 1
                turn.set_result(self._taken())

    @property
    def _full(self) -> bool:
        return self.waiting >= self._policy.queue_limit

    async def _queue(self, patience: float, may_wait: bool) -> float:
        come_back = refuses(
            self._policy,
            queued=len(self._line),
            aside=self._aside,
            service_seconds=max(self._service_time.seconds, self._mean_age()),
            patience_seconds=patience,
        )
        if come_back is not None or not may_wait:
            raise LimitReached(come_back or 1.0, ShedReason.QUEUE_FULL if self._full else ShedReason.WAIT_TOO_LONG)
        since = self._clock()
        try:
            return await self._wait_in_line(min(self._policy.queue_seconds, patience))
        finally:
            seconds = self._clock() - since
            self._on_waited(seconds)
            waited(seconds)

    def _mean_age(self) -> float:
        """Seconds for which the slots in use have been held: calls that hang are seen before they end."""
        return self._clock() - self._entered / self._held if self._held else 0.0

    def _taken(self) -> float:
        """The moment at which a slot is handed to whoever waits."""
        now = self._clock()
        self._entered += now
        return now

    async def _wait_in_line(self, seconds: float) -> float:
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(seconds):
                return await turn
        except TimeoutError:
            self._step_out(turn)
            raise LimitReached(max(self._service_time.seconds, 1.0), ShedReason.WAITED_IN_VAIN) from None
        except asyncio.CancelledError:
            self._step_out(turn)
            raise

    def _step_out(self, turn: asyncio.Future[float]) -> None:
        """Leave the line; a slot that was handed over in the same moment goes to the next."""
        if turn.done() and not turn.cancelled():
            self.give_back(turn.result())
        elif turn in self._line:
            self._line.remove(turn)

    def _hand_on(self) -> None:
        while self._line and self._held <= self._policy.slots:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(self._taken())
                return
        self._held -= 1
