"""What other replicas say of a target: believed for a while, by a clock that is passed in."""

from __future__ import annotations

import pytest

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import DEFAULT_ACCOUNT, Target
from services.llm_provider_service.resilience.cooldowns import Cooldowns
from services.llm_provider_service.resilience.peer_reports import LONGEST_SECONDS, MOST_REPORTS, PeerReports
from services.llm_provider_service.resilience.wait_budget import WaitBudget
from services.llm_provider_service.tests.unit.routing.samples import HandClock

MOCK = LLMProviderType.MOCK
TARGET = Target(MOCK, "one")


def test_a_report_holds_for_its_target_until_its_time() -> None:
    clock = HandClock()
    peer_reports = PeerReports(clock)
    peer_reports.learn((MOCK, DEFAULT_ACCOUNT, "one"), 10)
    assert (peer_reports.remaining(TARGET), peer_reports.remaining(Target(MOCK, "two"))) == (10, 0)
    clock.now += 10
    assert peer_reports.remaining(TARGET) == 0


def test_a_report_about_a_provider_holds_for_all_its_models_and_the_longer_one_counts() -> None:
    peer_reports = PeerReports(HandClock())
    peer_reports.learn((MOCK, DEFAULT_ACCOUNT, None), 5)
    peer_reports.learn((MOCK, DEFAULT_ACCOUNT, "one"), 8)
    assert (peer_reports.remaining(TARGET), peer_reports.remaining(Target(MOCK, "two"))) == (8, 5)
    peer_reports.forget((MOCK, DEFAULT_ACCOUNT, "one"))
    peer_reports.forget((MOCK, DEFAULT_ACCOUNT, "one"))
    assert peer_reports.remaining(TARGET) == 5


def test_there_are_none_once_the_last_has_ended_even_if_nobody_asks_for_its_target() -> None:
    clock = HandClock()
    peer_reports = PeerReports(clock)
    assert peer_reports.none
    peer_reports.learn((MOCK, DEFAULT_ACCOUNT, "one"), 20)
    peer_reports.learn((MOCK, DEFAULT_ACCOUNT, "two"), 10)
    clock.now += 15
    assert not peer_reports.none
    clock.now += 5
    assert peer_reports.none
    peer_reports.learn((MOCK, DEFAULT_ACCOUNT, "two"), 10)
    assert not peer_reports.none
    assert peer_reports.remaining(Target(MOCK, "two")) == 10


def test_there_are_none_once_all_are_forgotten() -> None:
    peer_reports = PeerReports(HandClock())
    peer_reports.learn((MOCK, DEFAULT_ACCOUNT, "one"), 20)
    peer_reports.forget((MOCK, DEFAULT_ACCOUNT, "one"))
    assert peer_reports.none


def test_nobody_is_left_alone_for_long_and_memory_is_bounded() -> None:
    peer_reports = PeerReports(HandClock())
    for number in range(MOST_REPORTS + 1):
        peer_reports.learn((MOCK, DEFAULT_ACCOUNT, f"{number}"), 10**9)
    assert peer_reports.remaining(Target(MOCK, "0")) == 0
    assert peer_reports.remaining(Target(MOCK, f"{MOST_REPORTS}")) == LONGEST_SECONDS


def test_a_vendors_cooldown_is_told_once_and_anothers_word_is_not_told_on() -> None:
    told: list[tuple[Target, float]] = []
    cooldowns = Cooldowns(HandClock(), on_cool=lambda target, seconds: told.append((target, seconds)))
    cooldowns.cool(TARGET, 10)
    cooldowns.cool(TARGET, 5)
    cooldowns.learn(TARGET, 20)
    assert told == [(TARGET, 10)]
    assert cooldowns.remaining(TARGET) == 20


def test_a_budget_is_spent_once_and_never_below_nothing() -> None:
    budget = WaitBudget(0.2)
    budget.spend(0.15)
    assert budget.left == pytest.approx(0.05)
    budget.spend(1.0)
    assert budget.left == 0
