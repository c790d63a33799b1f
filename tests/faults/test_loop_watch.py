"""A late event loop is measured, shown, and keeps traffic away."""

from __future__ import annotations

import re
import time

import pytest

from huleedu_service_libs.observability.event_loop_lag import EventLoopLag
from tests.support.gateway import Gateway, running_gateway


class Clock:
    """A monotonic clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_beat_on_time_has_no_lag_and_a_late_one_its_own() -> None:
    clock, heard = Clock(), list[float]()
    watch = EventLoopLag(1.0, clock=clock, on_lag=heard.append)
    for step in (0.1, 0.1, 0.85, 2.1):
        clock.now += step
        watch.beat()
    assert heard == pytest.approx([0.0, 0.0, 0.75, 2.0])
    assert watch.worst() == pytest.approx(2.0)


def test_the_loop_is_late_above_the_limit_for_five_seconds() -> None:
    clock = Clock()
    watch = EventLoopLag(1.0, clock=clock, on_lag=lambda _lag: None)
    clock.now += 1.05
    watch.beat()
    assert not watch.late
    clock.now += 1.2
    watch.beat()
    assert watch.late
    for _ in range(49):
        clock.now += 0.1
        watch.beat()
    assert watch.late
    for _ in range(3):
        clock.now += 0.1
        watch.beat()
    assert not watch.late


def test_an_overdue_beat_can_be_seen_before_it_comes() -> None:
    clock = Clock()
    watch = EventLoopLag(1.0, clock=clock, on_lag=lambda _lag: None)
    clock.now += 3.1
    assert watch.overdue() == pytest.approx(3.0)
    assert watch.late


@pytest.mark.sockets
async def test_a_stalled_loop_is_seen_in_the_metric_and_fails_readiness() -> None:
    """The gateway runs in this test's own loop, so this test can stall it."""
    async with running_gateway(EVENT_LOOP_LAG_LIMIT_SECONDS=0.3) as gateway:
        before = await late_beats(gateway)
        time.sleep(0.9)  # noqa: ASYNC251 — the stalled loop is what is tested
        answer = await gateway.get("/readyz")
        assert (answer.status, answer.body["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert re.search(r"event loop was \d+\.\d+ s late", answer.body["detail"])
        assert (await gateway.get("/healthz")).status == 200, "a late service is alive"
        assert await late_beats(gateway) > before


async def late_beats(gateway: Gateway) -> float:
    """How many beats came more than half a second late."""
    punctual = await gateway.metric("llm_provider_event_loop_lag_seconds_bucket", le="0.5")
    return await gateway.metric("llm_provider_event_loop_lag_seconds_count") - punctual
