"""The providers of accounts: what is opened for an account that changes is closed, also when all of it ends at once."""

from __future__ import annotations

import gc
import time

import aiohttp

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.providers.account_providers import CallLimits, open_account_providers
from services.llm_provider_service.providers.transport.time_limits import TimeLimits
from services.llm_provider_service.settings.accounts import ProviderAccount, ProviderAccounts

LIMITS = CallLimits(times=TimeLimits(connect=1.0, first_byte=2.0, idle=2.0, total=3.0), max_bytes=1000)


def an_account(base_url: str) -> ProviderAccount:
    return ProviderAccount(provider=LLMProviderType.OLLAMA, base_url=base_url, allow_private=True)


def open_sessions() -> set[aiohttp.ClientSession]:
    return {one for one in gc.get_objects() if type(one) is aiohttp.ClientSession and not one.closed}


async def test_sockets_to_an_address_of_before_are_closed_though_the_process_stops_in_the_same_moment() -> None:
    before = an_account("http://before.test")
    accounts = ProviderAccounts([before])
    others = open_sessions()
    async with open_account_providers(accounts, LIMITS, clock=time.monotonic, wall_clock=time.time) as providers:
        first = providers[before.key]
        accounts.replace([an_account("http://after.test")])
        assert providers[before.key] is not first
        assert len(open_sessions() - others) == 2
    assert open_sessions() == others
