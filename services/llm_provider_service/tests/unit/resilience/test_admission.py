"""Who may wait for a slot, and who is sent away at the door."""

from __future__ import annotations

import pytest

from services.llm_provider_service.resilience.admission import AdmissionPolicy, ServiceTime, expected_wait, refuses

POLICY = AdmissionPolicy(slots=4, queue_limit=10, queue_seconds=5.0)


def test_the_wait_is_the_line_over_the_slots() -> None:
    assert expected_wait(queued=3, slots=4, service_seconds=2.0) == 2.0
    assert expected_wait(queued=0, slots=1, service_seconds=0.5) == 0.5


@pytest.mark.parametrize(
    ("queued", "service", "patience", "come_back"),
    [
        (0, 0.0, 60.0, None),
        (9, 1.6, 60.0, None),
        (10, 0.1, 60.0, 1.0),
        (9, 1.7, 60.0, 4.25),
        (3, 2.0, 2.4, 2.0),
        (3, 2.0, 2.5, None),
        (0, 0.0, -0.1, 1.0),
    ],
    ids=["idle", "surely in time", "line full", "in time at best", "patience too short", "patience enough", "no time"],
)
def test_whoever_cannot_be_served_in_time_is_told_when_to_come_back(
    queued: int, service: float, patience: float, come_back: float | None
) -> None:
    found = refuses(POLICY, queued=queued, service_seconds=service, patience_seconds=patience)
    assert found == (None if come_back is None else pytest.approx(come_back))


@pytest.mark.parametrize(("aside", "come_back"), [(6, None), (7, 1.0)], ids=["one place left", "line full"])
def test_who_waits_for_something_else_takes_a_place_and_no_time(aside: int, come_back: float | None) -> None:
    assert refuses(POLICY, queued=3, aside=aside, service_seconds=0.9, patience_seconds=60.0) == come_back


def test_the_service_time_follows_what_is_measured() -> None:
    measured = ServiceTime()
    assert measured.seconds == 0
    measured.observe(2.0)
    assert measured.seconds == 2.0, "the first measurement is all that is known"
    for _ in range(100):
        measured.observe(1.0)
    assert measured.seconds == pytest.approx(1.0, rel=0.01)
