"""Accounts that change while requests run: keys, addresses, switches and limits, through the front door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from common_core.config_enums import LLMProviderType
from services.llm_provider_service import policies
from services.llm_provider_service.config import Settings
from services.llm_provider_service.settings.accounts import ProviderAccount, ProviderAccounts
from services.llm_provider_service.startup_setup import create_app
from tests.support.gateway import Gateway, gateway_of

OLD, NEW = "sk-test-old-0123456789abcdef", "sk-test-new-0123456789abcdef"
VERDICT = json.dumps({"winner": "Essay A", "justification": "It gives reasons.", "confidence": 4})


@dataclass
class Vendor:
    """Answers who has one of its *keys*; each call waits until `open`, and is told in `arrived`."""

    keys: set[str] = field(default_factory=lambda: {OLD})
    url: str = ""
    calls: list[str] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.open.set()

    async def answer(self, request: web.Request) -> web.Response:
        """Chat Completions, as little of it as will do."""
        body = await request.json()
        key = request.headers["Authorization"].removeprefix("Bearer ")
        async with self.arrived:
            self.calls.append(key)
            self.arrived.notify_all()
        await self.open.wait()
        if key not in self.keys:
            return web.json_response({"error": {"message": f"no such key: {key}"}}, status=401)
        choice = {"index": 0, "message": {"role": "assistant", "content": VERDICT}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        return web.json_response({"id": "1", "model": body["model"], "choices": [choice], "usage": usage})

    async def has_read(self, number: int) -> None:
        """Wait until so many calls have arrived."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: len(self.calls) >= number)


@asynccontextmanager
async def a_vendor(*keys: str) -> AsyncIterator[Vendor]:
    """One that runs."""
    vendor = Vendor(set(keys))
    app = web.Application()
    app.router.add_post("/{path:.*}", vendor.answer)
    async with TestServer(app) as server:
        vendor.url = f"http://127.0.0.1:{server.port}"
        yield vendor


@dataclass
class Changing:
    """A gateway, and the table of its accounts."""

    gateway: Gateway
    accounts: ProviderAccounts

    def change(self, **fields: Any) -> int:
        """Give the first live account other *fields*; returns the generation."""
        now = self.accounts.now
        first = replace(now.live[0], **fields)
        return self.accounts.replace([first, *(one for one in now.everybody if one.key != first.key)])

    def add(self, **fields: Any) -> None:
        """A second account, like the first but for *fields*."""
        now = self.accounts.now
        self.accounts.replace([*now.live, replace(now.live[0], name="second", **fields)])


@asynccontextmanager
async def changing(vendor: Vendor, **settings: Any) -> AsyncIterator[Changing]:
    """A gateway with one vendor; nothing is cached or shared."""
    read = Settings(
        _env_file=None,
        OPENAI_API_KEY=OLD,
        OPENAI_BASE_URL=vendor.url,
        OPENAI_ALLOW_PRIVATE=True,
        LLM_CACHE_ENABLED=False,
        **settings,
    )
    accounts = policies.provider_accounts(read)
    async with gateway_of(create_app(read, accounts=accounts)) as gateway:
        yield Changing(gateway, accounts)


@pytest.mark.sockets
async def test_a_key_is_swapped_under_load_and_nobody_notices() -> None:
    """What has begun ends with the old key; from the swap on, every call carries the new one."""
    async with a_vendor(OLD, NEW) as vendor, changing(vendor, LLM_MAX_CONCURRENT_PER_PROVIDER=20) as here:
        vendor.open.clear()
        asked = [asyncio.create_task(here.gateway.compare(sample_index=number)) for number in range(60)]
        await vendor.has_read(20)
        assert here.change(api_key=SecretStr(NEW)) == 1
        assert here.accounts.now.live[0].secret == NEW
        vendor.open.set()
        answers = await asyncio.gather(*asked)
        vendor.keys = {NEW}
        late = await here.gateway.compare()
    assert [answer.status for answer in (*answers, late)] == [200] * 61
    assert vendor.calls == [OLD] * 20 + [NEW] * 41


@pytest.mark.sockets
async def test_a_refused_key_closes_its_own_account_and_the_other_answers_for_the_same_model() -> None:
    async with a_vendor(NEW) as vendor, changing(vendor) as here:
        here.add(api_key=SecretStr(NEW))
        first, second = await here.gateway.compare(), await here.gateway.compare(sample_index=1)
        assert (first.status, first.body["attempts"], first.body["flags"]) == (200, 2, [])
        assert (second.status, second.body["attempts"], second.body["flags"]) == (200, 1, [])
        assert vendor.calls == [OLD, NEW, NEW]
        breakers = (await here.gateway.get("/api/v1/circuit-breakers")).body["circuit_breakers"]
        own = {one["account"]: one["state"] for one in breakers if one["model"] is None}
        assert own == {"default": "open", "second": "closed"}


@pytest.mark.sockets
async def test_a_new_address_gets_the_new_key_and_never_the_old_one() -> None:
    async with a_vendor(OLD) as vendor, a_vendor(NEW) as other, changing(vendor) as here:
        vendor.open.clear()
        under_way = asyncio.create_task(here.gateway.compare())
        await vendor.has_read(1)
        here.change(base_url=other.url, api_key=SecretStr(NEW))
        assert (await here.gateway.compare(sample_index=1)).status == 200
        vendor.open.set()
        assert (await under_way).status == 200, "a call that has begun ends where it began"
    assert (vendor.calls, other.calls) == ([OLD], [NEW])


@pytest.mark.sockets
async def test_the_key_that_a_call_was_made_with_is_not_shown_after_it_was_swapped() -> None:
    async with a_vendor(NEW) as vendor, changing(vendor) as here:
        vendor.open.clear()
        under_way = asyncio.create_task(here.gateway.compare())
        await vendor.has_read(1)
        here.change(api_key=SecretStr(NEW))
        vendor.open.set()
        refused = await under_way
    assert refused.body["code"] == "PROVIDER_AUTHENTICATION_ERROR"
    assert "no such key" in refused.body["detail"]
    assert OLD not in json.dumps(refused.body)


@pytest.mark.sockets
async def test_who_waits_for_an_account_that_is_switched_off_is_not_sent_and_what_has_begun_ends() -> None:
    async with a_vendor(OLD) as vendor, changing(vendor, LLM_MAX_CONCURRENT_PER_PROVIDER=1) as here:
        vendor.open.clear()
        begun = asyncio.create_task(here.gateway.compare(sample_index=1))
        await vendor.has_read(1)
        waiting = asyncio.create_task(here.gateway.compare(sample_index=2))
        await here.gateway.until("llm_provider_queue_depth", 1, gate="openai")
        here.change(enabled=False)
        late = await here.gateway.compare(sample_index=3)
        vendor.open.set()
        assert (await begun).status == 200
        left = await waiting
    assert (left.status, [one["outcome"] for one in left.body["attempts"]]) == (503, ["not_sent"])
    assert (late.status, late.body["type"].rpartition(":")[2]) == (503, "no-provider")
    assert len(vendor.calls) == 1


@pytest.mark.sockets
async def test_while_one_account_is_switched_off_the_other_answers_and_back_on_it_is_asked_again() -> None:
    async with a_vendor(OLD, NEW) as vendor, changing(vendor) as here:
        here.add(api_key=SecretStr(NEW))
        both = here.accounts.now.everybody
        here.accounts.replace([replace(both[0], enabled=False), both[1]])
        assert (await here.gateway.compare(sample_index=1)).status == 200
        here.accounts.replace(both)
        assert (await here.gateway.compare(sample_index=2)).status == 200
    assert vendor.calls == [NEW, OLD]


@pytest.mark.sockets
@pytest.mark.parametrize("slots", [3, 1])
async def test_a_limit_is_resized_for_those_who_wait(slots: int) -> None:
    async with a_vendor(OLD) as vendor, changing(vendor, LLM_MAX_CONCURRENT_PER_PROVIDER=2) as here:
        vendor.open.clear()
        asked = [asyncio.create_task(here.gateway.compare(sample_index=number)) for number in range(4)]
        await vendor.has_read(2)
        here.change(max_concurrent=slots)
        asked.append(asyncio.create_task(here.gateway.compare(sample_index=9)))
        await vendor.has_read(max(2, slots))
        await here.gateway.until("llm_provider_queue_depth", 5 - max(2, slots), gate="openai")
        vendor.open.set()
        assert [(await one).status for one in asked] == [200] * 5


def test_generation_0_is_what_the_environment_says_and_each_change_is_another() -> None:
    settings = Settings(_env_file=None, OPENAI_API_KEY=OLD, PROVIDER_WEIGHTS={"openai": 3})
    accounts = policies.provider_accounts(settings)
    (live,) = accounts.now.live
    assert (accounts.now.generation, live.key, live.weight) == (0, (LLMProviderType.OPENAI, "default"), 3)
    assert OLD not in repr(accounts.now)
    assert accounts.replace([ProviderAccount(provider=LLMProviderType.OPENAI)]) == 1
