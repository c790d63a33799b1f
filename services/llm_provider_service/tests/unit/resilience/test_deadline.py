"""One total deadline."""

from __future__ import annotations

from services.llm_provider_service.providers.transport.time_limits import TimeLimits
from services.llm_provider_service.resilience.deadline import Deadline
from services.llm_provider_service.tests.unit.routing.samples import HandClock

LIMITS = TimeLimits(connect=2, first_byte=45, idle=30, total=60)


def test_it_runs_down_and_goes_below_zero() -> None:
    clock = HandClock()
    deadline = Deadline.after(10, clock)
    clock.now += 4
    assert deadline.remaining() == 6
    clock.now += 7
    assert deadline.remaining() == -1
    assert not deadline.callers_own


def test_a_call_never_gets_more_than_what_is_left() -> None:
    assert LIMITS.within(100) is LIMITS
    assert LIMITS.within(7).total == 7
    assert (LIMITS.within(7).connect, LIMITS.within(7).first_byte) == (2, 45)
    assert LIMITS.within(-1).total > 0, "nought would mean: no limit"
