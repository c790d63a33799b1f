"""A simulator for each test, and a plain HTTP client that follows nothing and remembers nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar

from tests.vendor_sim import Vendor, VendorSim
from tests.vendor_sim_tests.prompts import HEADERS, body_for, path_for, question


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One whole answer."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Asks a simulated vendor the standard question, or what a test gives it."""

    session: ClientSession
    sim: VendorSim

    async def ask(
        self,
        vendor: Vendor,
        *,
        text: str | None = None,
        model: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        timeout: float = 5.0,
    ) -> Reply:
        sent = body_for(vendor, text or question(), model=model) if body is None else body
        raw = sent if isinstance(sent, bytes) else orjson.dumps(sent)
        all_headers = {"Content-Type": "application/json", **(HEADERS[vendor] if headers is None else headers)}
        url = self.sim.base_url(vendor) + path_for(vendor, model) + query
        limit = ClientTimeout(total=timeout)
        async with self.session.post(
            url, data=raw, headers=all_headers, allow_redirects=False, timeout=limit
        ) as response:
            return Reply(status=response.status, headers=response.headers, raw=await response.read())


@pytest.fixture
async def sim() -> AsyncIterator[VendorSim]:
    async with VendorSim() as running:
        yield running


@pytest.fixture
async def client(sim: VendorSim) -> AsyncIterator[Client]:
    async with ClientSession(cookie_jar=DummyCookieJar(), trust_env=False) as session:
        yield Client(session=session, sim=sim)


async def until(reached: Callable[[], bool]) -> None:
    """Wait, at most 2 s, for a thing that happens in the server's own task."""
    async with asyncio.timeout(2):
        while not reached():  # noqa: ASYNC110 - what the server has done is seen in its ledger, which has no events
            await asyncio.sleep(0.005)
