"""Admission control: decides whether a request may wait for a slot or is refused on arrival."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SMOOTHING = 0.1
# Share of the waiting time that an estimated wait may use. Overload keeps the queue at its limit. Without this margin,
# every second request that was let in last would get its slot a moment too late, after the longest possible wait.
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
    """Number of slots, number of requests that may wait for one, and how many seconds each may wait."""

    slots: int
    queue_limit: int
    queue_seconds: float


class ServiceTime:
    """A moving average of how long a slot is held, in seconds."""

    def __init__(self) -> None:
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """Average in seconds; 0 until something was measured."""
        return self._seconds

    def observe(self, seconds: float) -> None:
        """Add one measurement to the average."""
        self._seconds += (seconds - self._seconds) * (SMOOTHING if self._seconds else 1.0)


def expected_wait(queued: int, slots: int, service_seconds: float) -> float:
    """Seconds until one of *slots* is free for a newcomer with *queued* others before it."""
    return (queued + 1) * service_seconds / slots


def refuses(
    policy: AdmissionPolicy, *, queued: int, service_seconds: float, patience_seconds: float, aside: int = 0
) -> float | None:
    """Seconds after which a refused newcomer should come back, or `None` if it may wait.

    *patience_seconds* is the time for waiting that the newcomer's deadline leaves. The expected wait may be at most
    SURE_SHARE of it and of the policy's limit, because it is an estimate. Requests *aside* count against the queue's
    limit, but not in the expected wait, because they wait for something other than a slot.
    """
    wait = expected_wait(queued, policy.slots, service_seconds)
    in_time = wait <= SURE_SHARE * min(policy.queue_seconds, patience_seconds)
    if queued + aside < policy.queue_limit and in_time:
        return None
    return max(wait, 1.0)
