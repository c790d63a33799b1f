"""How many at once: may a newcomer wait for a slot, or is it kinder to refuse it on arrival?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SMOOTHING = 0.1
# Overload keeps the line at its limit. If that were the whole of the time, every second one that was let in last would
# find its slot a moment late, and be refused after the longest wait there is: who may wait must get a slot.
SURE_SHARE = 0.8


class ShedReason(StrEnum):
    """Why a request was refused without an attempt; also the closed set of the metric label."""

    QUEUE_FULL = "queue_full"
    WAIT_TOO_LONG = "wait_too_long"
    WAITED_IN_VAIN = "waited_in_vain"
    PROVIDER_SLOTS = "provider_slots"
    NO_TIME_LEFT = "no_time_left"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionPolicy:
    """CallSlots that work at once, newcomers that may wait for one, and how many seconds each may wait."""

    slots: int
    queue_limit: int
    queue_seconds: float


class ServiceTime:
    """A moving average of how long a slot is held, in seconds."""

    def __init__(self) -> None:
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """The average; 0 until something was measured."""
        return self._seconds

    def observe(self, seconds: float) -> None:
        """Take one measurement in."""
        self._seconds += (seconds - self._seconds) * (SMOOTHING if self._seconds else 1.0)


def expected_wait(queued: int, slots: int, service_seconds: float) -> float:
    """Seconds that a newcomer behind *queued* others will wait until one of *slots* is free."""
    return (queued + 1) * service_seconds / slots


def refuses(
    policy: AdmissionPolicy, *, queued: int, service_seconds: float, patience_seconds: float, aside: int = 0
) -> float | None:
    """Seconds after which a refused newcomer should come back, or `None` if it may wait.

    *patience_seconds* is what the newcomer's own deadline leaves for waiting. The wait that is expected must leave some
    of it, and of the policy's time, because it is an estimate. Those *aside* have a place in line, but as they wait for
    something else than a slot, nobody waits for them.
    """
    wait = expected_wait(queued, policy.slots, service_seconds)
    in_time = wait <= SURE_SHARE * min(policy.queue_seconds, patience_seconds)
    if queued + aside < policy.queue_limit and in_time:
        return None
    return max(wait, 1.0)
