"""The bench itself, with tiny numbers: every figure is there, and the page keeps what was measured before."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from pathlib import Path

import pytest

from tests.load.extent import Extent
from tests.load.figures import Goal, Measured, Subject, Tail, added, middle
from tests.load.measuring import measure
from tests.load.report import save
from tests.load.second_worker import WORTH

TINY = Extent(
    rounds=2,
    requests=300,
    warm_up=60,
    questions=30,
    connections=8,
    starts=1,
    latency_rounds=1,
    latency_requests=60,
    hold_ms=20,
    worker_rounds=1,
)


@pytest.mark.sockets
@pytest.mark.serial
def test_a_tiny_run_gives_every_figure_and_stops_what_it_started() -> None:
    said: list[str] = []
    measured = measure(TINY, said.append)
    for subject in set(Subject) - {Subject.NGINX}:
        assert len(measured.cpu[subject]) == TINY.rounds
        assert measured.micros(subject) > 0
    assert measured.ratio(Subject.BARE) == 1.0
    assert measured.second_worker.value > 0
    assert all(0 <= share < 1 for share in measured.disturbance)
    assert middle(measured.direct).p50 >= TINY.hold_ms
    assert middle(measured.added_by_service).p50 > 0
    assert all(isfinite(goal.value) for goal in measured.goals())
    assert said[-1] == "what a second worker is worth"


def figures(miss: float, hit: float = 50.0, worker: float = 1.02) -> Measured:
    """Two rounds in which the second was disturbed."""
    return Measured(
        cpu={
            Subject.BARE: (100.0, 200.0),
            Subject.MISS: (miss, 2 * miss),
            Subject.MISS_CONNECTED: (miss, 2 * miss),
            Subject.HIT: (hit, 2 * hit),
            Subject.HIT_REDIS: (90.0, 180.0),
        },
        disturbance=(0.01, 0.3),
        added_by_service=(Tail(1.0, 2.0),),
        added_by_bare=(Tail(0.5, 1.0),),
        direct=(Tail(50.0, 51.0),),
        resident_mib=(80.0,),
        ready_seconds=(0.9,),
        second_worker=Goal(name="a worker, over a process alone", value=worker, limit=2 / WORTH, unit="×"),
    )


def test_a_disturbed_round_disturbs_no_ratio() -> None:
    measured = figures(miss=150.0)
    assert (measured.ratio(Subject.MISS), measured.ratio(Subject.HIT)) == (1.5, 0.5)
    assert [goal.reached for goal in measured.goals()] == [True] * len(measured.goals())
    assert not figures(miss=200.0).goals()[0].reached


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (figures(miss=590.0), []),
        (figures(miss=610.0), ["a miss costs 6.1 times a bare pass-through", "a miss with Redis costs 6.1 times"]),
        (figures(miss=150.0, hit=160.0), ["a hit costs as much as a miss"]),
        (figures(miss=85.0), ["a hit from Redis costs as much as a miss"]),
        (figures(miss=150.0, worker=1.2), ["a worker, over a process alone: 1.20 times"]),
    ],
    ids=["dear", "a miss", "a hit", "from Redis", "a worker"],
)
def test_what_no_busy_machine_explains_ends_the_bench_with_1(measured: Measured, said: list[str]) -> None:
    assert measured.accidents() == said


def test_percentiles_are_compared_within_a_round() -> None:
    through, direct = Tail.of([0.052] * 100), Tail.of([0.050] * 100)
    assert added(through, direct).p50 == pytest.approx(2.0)
    assert added(through, direct).p99 == pytest.approx(2.0)


def test_the_page_keeps_earlier_results_below_the_new_one(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "performance.md"
    save(figures(miss=150.0), TINY, datetime(2026, 11, 23, 10, 0, tzinfo=UTC), page)
    save(figures(miss=170.0), TINY, datetime(2026, 11, 24, 10, 0, tzinfo=UTC), page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Performance")
    assert text.count("# Performance\n") == 1
    assert text.index("## 2026-11-24 10:00 UTC") < text.index("## 2026-11-23 10:00 UTC")
    assert "| a miss, over the bare pass-through | 1.70× | ≤ 1.5× | no |" in text
    assert "| a miss, over the bare pass-through | 1.50× | ≤ 1.5× | yes |" in text
