from __future__ import annotations

import pytest

from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.breaker_registry import CircuitBreakerRegistry
from huleedu_service_libs.resilience.circuit_breaker import BreakerPolicy, CircuitBreaker, Transition

POLICY = BreakerPolicy()


class Rig:
    def __init__(self, *, capacity: int = 3, enabled: bool = True) -> None:
        self.now = 1000.0
        self.transitions: list[tuple[str, Transition]] = []
        self.registry: CircuitBreakerRegistry[str] = CircuitBreakerRegistry(
            clock=lambda: self.now,
            jitter=lambda: 0.5,
            on_transition=lambda key, transition: self.transitions.append((key, transition)),
            enabled=enabled,
            capacity=capacity,
        )

    def get(self, key: str) -> CircuitBreaker:
        return self.registry.get(key, POLICY)

    def open(self, key: str) -> None:
        self.get(key).acquire().fail("KeyRefused", open_now=True)

    @property
    def keys(self) -> list[str]:
        return list(self.registry.snapshots())


def test_a_key_has_one_breaker_and_keeps_the_policy_it_was_made_with() -> None:
    rig = Rig()
    breaker = rig.get("a")
    assert rig.registry.get("a", BreakerPolicy(failed_requests=1)) is breaker
    assert rig.get("b") is not breaker
    breaker.count_failed_request(0)
    assert breaker.state is CircuitBreakerState.CLOSED


def test_breakers_do_not_share_failures() -> None:
    rig = Rig()
    rig.open("a")
    assert not rig.get("a").would_admit()
    assert rig.get("b").would_admit()


def test_a_new_breaker_follows_the_policy_that_asked_for_it() -> None:
    rig = Rig()
    breaker = rig.registry.get("a", BreakerPolicy(failed_requests=1))
    breaker.count_failed_request(0)
    assert breaker.state is CircuitBreakerState.OPEN


def test_snapshots_show_every_breaker_under_its_key() -> None:
    rig = Rig()
    rig.get("a")
    rig.open("b")
    snapshots = rig.registry.snapshots()
    assert {key: (snapshot.name, snapshot.state) for key, snapshot in snapshots.items()} == {
        "a": ("a", CircuitBreakerState.CLOSED),
        "b": ("b", CircuitBreakerState.OPEN),
    }


def test_transitions_are_reported_with_the_key() -> None:
    rig = Rig()
    rig.open("b")
    assert [(key, transition.current) for key, transition in rig.transitions] == [("b", CircuitBreakerState.OPEN)]


def test_keys_need_not_be_text() -> None:
    registry: CircuitBreakerRegistry[tuple[str, str | None]] = CircuitBreakerRegistry(
        clock=lambda: 0.0, jitter=lambda: 0.5
    )
    own = registry.get(("vendor", None), POLICY)
    assert registry.get(("vendor", "model"), POLICY) is not own
    own.acquire().fail("KeyRefused", open_now=True)
    assert registry.snapshots()["vendor", None].state is CircuitBreakerState.OPEN


def test_the_least_recently_used_breaker_makes_room() -> None:
    rig = Rig()
    for key in "abc":
        rig.get(key)
    rig.get("a")
    rig.get("d")
    assert rig.keys == ["c", "a", "d"]


def test_looking_is_not_using() -> None:
    rig = Rig()
    for key in "abc":
        rig.get(key)
    rig.registry.snapshots()
    rig.get("d")
    assert rig.keys == ["b", "c", "d"]


def test_a_breaker_with_failures_in_its_window_outlives_a_clean_one() -> None:
    rig = Rig()
    rig.get("a").acquire().fail("ServerError")
    rig.get("b").acquire().succeed()
    rig.get("c")
    rig.get("d")
    assert rig.keys == ["a", "c", "d"]
    rig.now += 60
    rig.get("e")
    assert rig.keys == ["c", "d", "e"]


def test_an_open_breaker_outlives_a_closed_one_with_failures() -> None:
    rig = Rig()
    rig.open("a")
    for key in "bc":
        rig.get(key).acquire().fail("ServerError")
    rig.get("d")
    assert rig.keys == ["a", "c", "d"]


def test_a_half_open_breaker_outlives_a_closed_one_even_when_its_window_is_empty() -> None:
    rig = Rig()
    rig.open("a")
    rig.now += 60
    probe = rig.get("a").acquire()
    for key in "bcd":
        rig.get(key)
    assert rig.keys == ["a", "c", "d"]
    probe.abandon()


def test_an_open_breaker_goes_only_when_all_are_open() -> None:
    rig = Rig()
    for key in "abc":
        rig.open(key)
    rig.get("d")
    assert rig.keys == ["b", "c", "d"]


def test_ten_thousand_names_do_not_grow_it_nor_reach_an_open_breaker() -> None:
    rig = Rig(capacity=100)
    rig.open("known")
    for number in range(10_000):
        rig.get(f"made-up-{number}")
    assert len(rig.registry.snapshots()) == 100
    assert not rig.get("known").would_admit()


def test_the_default_capacity_is_a_thousand() -> None:
    registry: CircuitBreakerRegistry[int] = CircuitBreakerRegistry(clock=lambda: 0.0, jitter=lambda: 0.5)
    for number in range(1001):
        registry.get(number, POLICY)
    assert len(registry.snapshots()) == 1000


def test_a_permit_of_an_evicted_breaker_can_still_be_settled() -> None:
    rig = Rig(capacity=1)
    permit = rig.get("a").acquire()
    rig.get("b")
    permit.fail("KeyRefused", open_now=True)
    assert rig.get("a").would_admit()


def test_breakers_of_a_disabled_registry_never_open() -> None:
    rig = Rig(enabled=False)
    rig.open("a")
    assert rig.get("a").would_admit()
    assert rig.registry.snapshots()["a"].failures == 1
    assert rig.transitions == []


def test_a_registry_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity"):
        Rig(capacity=0)
