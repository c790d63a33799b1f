"""Not now: how long a target is left alone."""

from __future__ import annotations

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.resilience.cooldowns import LONGEST_SECONDS, MOST_TARGETS, Cooldowns
from services.llm_provider_service.tests.unit.routing.samples import HandClock

TARGET = Target(LLMProviderType.OPENAI, "a-model")
OTHER = Target(LLMProviderType.OPENAI, "another-model")


def test_a_target_cools_down_alone_and_for_as_long_as_was_asked() -> None:
    clock = HandClock()
    cooldowns = Cooldowns(clock)
    cooldowns.cool(TARGET, 5)
    assert (cooldowns.remaining(TARGET), cooldowns.remaining(OTHER)) == (5, 0)
    clock.now += 4
    assert cooldowns.remaining(TARGET) == 1
    clock.now += 1
    assert cooldowns.remaining(TARGET) == 0


def test_a_later_end_wins_and_an_earlier_one_changes_nothing() -> None:
    clock = HandClock()
    cooldowns = Cooldowns(clock)
    cooldowns.cool(TARGET, 10)
    cooldowns.cool(TARGET, 2)
    assert cooldowns.remaining(TARGET) == 10
    cooldowns.cool(TARGET, 30)
    assert cooldowns.remaining(TARGET) == 30


def test_a_wait_of_nothing_is_no_cooldown() -> None:
    cooldowns = Cooldowns(HandClock())
    cooldowns.cool(TARGET, 0)
    assert cooldowns.remaining(TARGET) == 0


def test_nobody_cools_for_more_than_a_day() -> None:
    cooldowns = Cooldowns(HandClock())
    cooldowns.cool(TARGET, 1e9)
    assert cooldowns.remaining(TARGET) == LONGEST_SECONDS


def test_invented_models_cannot_fill_the_memory() -> None:
    cooldowns = Cooldowns(HandClock())
    targets = [Target(LLMProviderType.OPENAI, f"model-{index}") for index in range(MOST_TARGETS + 5)]
    for target in targets:
        cooldowns.cool(target, 60)
    remembered = [target for target in targets if cooldowns.remaining(target)]
    assert remembered == targets[5:]
