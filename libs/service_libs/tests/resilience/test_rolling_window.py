from __future__ import annotations

from huleedu_service_libs.resilience.rolling_window import BUCKETS, RollingWindow


def test_a_call_is_forgotten_between_59_and_60_seconds_after_it() -> None:
    for made_at in (0.0, 0.4, 0.999, 7.25, 123456.789):
        window = RollingWindow(60.0)
        window.add_failure(made_at)
        assert window.totals(made_at + 59.0) == (0, 1)
        assert window.totals(made_at + 60.0) == (0, 0)


def test_calls_leave_one_bucket_at_a_time() -> None:
    window = RollingWindow(60.0)
    for second in range(60):
        window.add_success(float(second))
        window.add_failure(second + 0.5)
    assert window.totals(59.9) == (60, 60)
    assert window.totals(60.0) == (59, 59)
    assert window.totals(118.9) == (1, 1)
    assert window.totals(119.0) == (0, 0)


def test_an_addition_after_a_long_silence_starts_from_nothing() -> None:
    window = RollingWindow(60.0)
    window.add_failure(1.0)
    window.add_success(1000.0)
    assert window.totals(1000.0) == (1, 0)


def test_an_addition_into_a_bucket_that_totals_already_forgot_is_counted_once() -> None:
    window = RollingWindow(60.0)
    window.add_failure(1.0)
    assert window.totals(500.0) == (0, 0)
    window.add_failure(500.0)
    assert window.totals(559.9) == (0, 1)
    assert window.totals(560.0) == (0, 0)


def test_a_cleared_window_is_empty_and_usable_at_the_same_instant() -> None:
    window = RollingWindow(60.0)
    window.add_failure(5.0)
    window.clear()
    assert window.totals(5.0) == (0, 0)
    window.add_success(5.0)
    assert window.totals(5.0) == (1, 0)


def test_memory_does_not_grow_with_the_call_rate() -> None:
    window = RollingWindow(60.0)
    for call in range(200_000):
        window.add_success(call / 1000)
    assert len(window._buckets) == BUCKETS
    assert window.totals(199.999) == (60_000, 0)
