"""A concurrency limit: if all slots are taken, a request waits briefly in a queue or is refused on arrival."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from services.llm_provider_service.domain.time_waited import waited
from services.llm_provider_service.resilience.admission import AdmissionPolicy, ServiceTime, ShedReason, refuses
from services.llm_provider_service.resilience.deadline import Clock, Deadline


class LimitReached(Exception):
    """No slot was free in time; the caller may come back after `retry_after` seconds."""

    def __init__(self, retry_after: float, reason: ShedReason) -> None:
        super().__init__("no slot in time")
        self.retry_after = retry_after
        self.reason = reason


def _unheard(seconds: float) -> None:
    return None


class ConcurrencyLimit:
    """At most `policy.slots` holders; first come, first served; for one event loop.

    *on_waited* is called with the seconds that each queued request waited, whatever the result.
    """

    def __init__(self, policy: AdmissionPolicy, *, clock: Clock, on_waited: Callable[[float], None] = _unheard) -> None:
        self._policy = policy
        self._clock = clock
        self._on_waited = on_waited
        self._held = 0
        self._entered = 0.0  # sum of the times at which the slots in use were taken
        self._line: deque[asyncio.Future[float]] = deque()
        self._aside = 0
        self._service_time = ServiceTime()

    @property
    def held(self) -> int:
        """Number of slots in use."""
        return self._held

    @property
    def waiting(self) -> int:
        """Number of requests in the queue, those aside included."""
        return len(self._line) + self._aside

    @property
    def free(self) -> bool:
        """Returns whether a newcomer would get a slot at once."""
        return self._held < self._policy.slots and not self._line

    def take(self) -> float | None:
        """Take a slot if one is free and return the time; `release` must follow. `None` if none is free."""
        if self._line or self._held >= self._policy.slots:
            return None
        now = self._clock()
        self._held += 1
        self._entered += now
        return now

    async def enter(self, deadline: Deadline, *, reserve_seconds: float, may_wait: bool = True) -> float:
        """Take a slot, waiting if needed, and return the time; `release` must follow. Raises `LimitReached`.

        *reserve_seconds* of *deadline* must be left when the slot is taken.
        """
        taken = self.take()
        if taken is not None:
            return taken
        return await self._queue(deadline.remaining() - reserve_seconds, may_wait)

    def release(self, entered: float) -> None:
        """Return the slot that was taken at *entered*; the next request in the queue gets it."""
        self._service_time.observe(self._clock() - entered)
        self._entered -= entered
        if self._line:
            self._pass_slot_on()
        else:
            self._held -= 1

    def release_unused(self, entered: float) -> None:
        """Return an unused slot; it does not count for the average time that a slot is held."""
        self._entered -= entered
        self._pass_slot_on()

    def hold_queue_place(self) -> None:
        """Count as queued while waiting for something other than a slot; `release_queue_place` must follow.

        Raises `LimitReached` if the queue is full.
        """
        if self._full:
            raise LimitReached(max(self._service_time.seconds, 1.0), ShedReason.QUEUE_FULL)
        self._aside += 1

    def release_queue_place(self) -> None:
        """End `hold_queue_place`."""
        self._aside -= 1

    def resize(self, policy: AdmissionPolicy) -> None:
        """Use *policy* from now on. Queued requests get new slots at once; slots in use above the limit are kept."""
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
        retry_after = refuses(
            self._policy,
            queued=len(self._line),
            aside=self._aside,
            service_seconds=max(self._service_time.seconds, self._mean_age()),
            patience_seconds=patience,
        )
        if retry_after is not None or not may_wait:
            raise LimitReached(retry_after or 1.0, ShedReason.QUEUE_FULL if self._full else ShedReason.WAIT_TOO_LONG)
        since = self._clock()
        try:
            return await self._wait_in_line(min(self._policy.queue_seconds, patience))
        finally:
            seconds = self._clock() - since
            self._on_waited(seconds)
            waited(seconds)

    def _mean_age(self) -> float:
        """Average seconds for which the slots in use have been held: it shows hanging calls before they end."""
        return self._clock() - self._entered / self._held if self._held else 0.0

    def _taken(self) -> float:
        """Record that a waiting request gets a slot; returns the time."""
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
            self._leave_queue(turn)
            raise LimitReached(max(self._service_time.seconds, 1.0), ShedReason.WAITED_IN_VAIN) from None
        except asyncio.CancelledError:
            self._leave_queue(turn)
            raise

    def _leave_queue(self, turn: asyncio.Future[float]) -> None:
        """Leave the queue; if a slot was handed over at the same moment, the next request gets it."""
        if turn.done() and not turn.cancelled():
            self.release_unused(turn.result())
        elif turn in self._line:
            self._line.remove(turn)

    def _pass_slot_on(self) -> None:
        while self._line and self._held <= self._policy.slots:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(self._taken())
                return
        self._held -= 1
