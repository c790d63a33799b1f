"""Messages between replicas: what is told, and what a listener makes of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from common_core.config_enums import LLMProviderType
from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.circuit_breaker import Transition, TransitionCause
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.redis_keys import entry_name, key_of, slot_of
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.replicas.report_messages import (
    AccountNames,
    PeerReportListener,
    about_breaker,
    about_cooldown,
    shared_name,
)
from services.llm_provider_service.resilience.breakers import BreakerKey
from services.llm_provider_service.resilience.cooldowns import Cooldowns
from services.llm_provider_service.resilience.peer_reports import PeerReports
from services.llm_provider_service.resilience.slow_start import SlowStart
from services.llm_provider_service.settings.accounts import ProviderAccount, ProviderAccounts

TARGET = Target(LLMProviderType.OPENAI, "gpt-5-mini")
OTHER = Target(LLMProviderType.OPENAI, "gpt-5")
KEY = "sk-test-openai-0123456789abcdef"
ACCOUNT = shared_name(TARGET.provider, KEY)
ACCOUNTS = ProviderAccounts([ProviderAccount(provider=TARGET.provider, api_key=SecretStr(KEY))])


class Listening:
    """A listener with what it moves, on a clock that stands still."""

    def __init__(self) -> None:
        self.peer_reports = PeerReports(lambda: 0.0)
        self.cooldowns = Cooldowns(lambda: 0.0)
        self.listener = PeerReportListener(self.peer_reports, self.cooldowns, SlowStart(), AccountNames(ACCOUNTS))

    def told(self, message: Mapping[str, str] | None, age: float = 0.0) -> None:
        assert message is not None
        self.listener.told(message, age)


def moved(state: CircuitBreakerState) -> Transition:
    return Transition(
        name="x",
        previous=CircuitBreakerState.CLOSED,
        current=state,
        cause=TransitionCause.FAILURE_RATE,
        at=0.0,
        retry_in_seconds=10.0,
        last_failure=None,
        generation=1,
    )


def test_an_opened_breaker_is_a_hint_that_has_aged_on_its_way_and_a_closed_one_takes_it_back() -> None:
    here = Listening()
    key = BreakerKey(TARGET.provider, TARGET.account, TARGET.model)
    here.told(about_breaker(key, moved(CircuitBreakerState.OPEN), ACCOUNT), age=4.0)
    assert (here.peer_reports.remaining(TARGET), here.peer_reports.remaining(OTHER)) == (6.0, 0.0)
    assert about_breaker(key, moved(CircuitBreakerState.HALF_OPEN), ACCOUNT) is None
    here.told(about_breaker(key, moved(CircuitBreakerState.CLOSED), ACCOUNT))
    assert here.peer_reports.remaining(TARGET) == 0.0


def test_a_breaker_of_another_account_is_not_ours_and_one_without_an_account_is_that_of_the_default() -> None:
    here = Listening()
    key = BreakerKey(TARGET.provider, TARGET.account, TARGET.model)
    theirs = about_breaker(key, moved(CircuitBreakerState.OPEN), shared_name(TARGET.provider, "another key"))
    here.told(theirs)
    assert here.peer_reports.remaining(TARGET) == 0.0
    assert theirs is not None
    here.told({name: text for name, text in theirs.items() if name != "account"})
    assert here.peer_reports.remaining(TARGET) == 10.0


def test_a_changed_key_is_another_account_to_the_others() -> None:
    accounts = ProviderAccounts(ACCOUNTS.now.everybody)
    names = AccountNames(accounts)
    assert names.account(TARGET.provider, ACCOUNT) == TARGET.account_key
    accounts.replace([ProviderAccount(provider=TARGET.provider, api_key=SecretStr("a new key"))])
    assert names.account(TARGET.provider, ACCOUNT) is None
    assert names.name_of(TARGET.account_key) == shared_name(TARGET.provider, "a new key")


def test_a_providers_own_breaker_is_about_all_its_models() -> None:
    here = Listening()
    here.told(
        about_breaker(BreakerKey(TARGET.provider, TARGET.account, None), moved(CircuitBreakerState.OPEN), ACCOUNT)
    )
    assert (here.peer_reports.remaining(TARGET), here.peer_reports.remaining(OTHER)) == (10.0, 10.0)


def test_a_cooldown_is_believed_and_what_is_over_is_left() -> None:
    here = Listening()
    here.told(about_cooldown(TARGET, 30.0, ACCOUNT), age=1.0)
    assert here.cooldowns.remaining(TARGET) == 29.0
    here.told(about_cooldown(OTHER, 30.0, ACCOUNT), age=31.0)
    assert here.cooldowns.remaining(OTHER) == 0.0
    assert about_cooldown(TARGET, 0.5, ACCOUNT) is None, "over before everybody has heard of it"


def test_a_cooldown_of_another_account_is_not_ours_and_no_message_shows_a_key() -> None:
    here = Listening()
    theirs = about_cooldown(TARGET, 30.0, shared_name(TARGET.provider, "another key"))
    here.told(theirs)
    assert here.cooldowns.remaining(TARGET) == 0.0
    assert len(ACCOUNT) == 8
    assert not set(ACCOUNT) - set("0123456789abcdef")
    assert shared_name(LLMProviderType.OPENROUTER, KEY) != ACCOUNT, "one key at two vendors cannot be told from two"
    assert shared_name(LLMProviderType.OLLAMA, None) == shared_name(LLMProviderType.OLLAMA, None)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"what": "open"},
        {"what": "open", "provider": "nobody", "seconds": "5"},
        {"what": "open", "provider": "openai", "model": "gpt-5-mini", "seconds": "soon"},
        {"what": "open", "provider": "openai", "model": "gpt-5-mini", "seconds": "nan"},
        {"what": "open", "provider": "openai", "model": "gpt-5-mini", "seconds": "inf"},
        {"what": "cool", "provider": "openai", "seconds": "5"},
        {"what": "cool", "provider": "openai", "model": "gpt-5-mini", "seconds": "5"},
        {"what": "cool", "provider": "google", "model": "gemini-2.5-flash", "seconds": "5"},
        {"what": "sing", "provider": "openai", "model": "gpt-5-mini", "seconds": "5"},
    ],
)
def test_what_cannot_be_read_moves_nothing(message: dict[str, str]) -> None:
    here = Listening()
    here.told(message)
    assert (here.peer_reports.remaining(TARGET), here.cooldowns.none) == (0.0, True)


@pytest.mark.parametrize("tenant", ["local", "a:b", "a*[b]?{c}", "åäö", ""])
def test_an_entrys_name_holds_its_tenant_as_hash_tag_and_nothing_that_a_pattern_reads(tenant: str) -> None:
    name = entry_name(CacheKey(tenant, "0" * 64))
    assert not set(name) & set("*?[]\\")
    assert name.count("{") == name.count("}") == 1
    assert slot_of(name.encode()) in name.encode()
    assert key_of(str(CacheKey(tenant, "0" * 64))) == CacheKey(tenant, "0" * 64)
