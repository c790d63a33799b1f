"""What a caller is told when several things went wrong at once, and when to come back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.llm_provider_service.tests.unit.providers.transport.certificates import self_signed
from tests.support.gateway import Gateway, running_gateway, vendors
from tests.vendor_sim import ERRORS, Hang, Refusal, Scenario, Status, Success, VendorSim

pytestmark = pytest.mark.sockets

SLOW = Hang()
TWO = ("openai", "anthropic")


@pytest.mark.parametrize(
    ("first", "second", "status", "code"),
    [
        (Status(503), Refusal(), 422, "CONTENT_REFUSED"),
        (Status(503), ERRORS["anthropic-too-long"], 422, "CONTEXT_LENGTH_EXCEEDED"),
        (Status(503), Success(text="no verdict"), 502, "PARSING_ERROR"),
        (ERRORS["openai-bad-key"], Status(503), 503, "SERVICE_UNAVAILABLE"),
        (ERRORS["openai-bad-key"], ERRORS["anthropic-bad-key"], 503, "SERVICE_UNAVAILABLE"),
        (SLOW, Status(503), 503, "SERVICE_UNAVAILABLE"),
        (Status(503), SLOW, 503, "SERVICE_UNAVAILABLE"),
        (SLOW, SLOW, 504, "TIMEOUT"),
    ],
    ids=[
        "503 then refusal",
        "503 then too long",
        "503 then no verdict",
        "key then 503",
        "two keys",
        "timeout then 503",
        "503 then timeout",
        "two timeouts",
    ],
)
async def test_the_status_says_what_is_wrong_if_anything_does(
    sim: VendorSim, first: Scenario, second: Scenario, status: int, code: str
) -> None:
    sim.always("openai", first)
    sim.always("anthropic", second)
    async with running_gateway(**vendors(sim, *TWO), LLM_FIRST_BYTE_TIMEOUT=0.8) as gateway:
        answer = await gateway.compare()
        assert (answer.status, answer.body["code"]) == (status, code), answer.body
        assert len(answer.body["attempts"]) == sim.count() <= 4
        assert ("Retry-After" in answer.headers) is (status == 503)


async def occupied(gateway: Gateway, sim: VendorSim) -> asyncio.Task[Any]:
    """A request that holds its provider's only slot."""
    task = asyncio.create_task(gateway.compare(sample_index=99))
    await sim.has_read(1)
    return task


async def test_a_full_provider_is_busy_and_not_broken(sim: VendorSim) -> None:
    sim.script("openai", [Success(delay=1.5)])
    settings = vendors(sim, "openai") | {"LLM_MAX_CONCURRENT_PER_PROVIDER": 1, "LLM_QUEUE_LIMIT": 0}
    async with running_gateway(**settings) as gateway:
        running = await occupied(gateway, sim)
        answer = await gateway.compare()
        assert (answer.status, answer.body["code"]) == (503, "SERVICE_UNAVAILABLE"), answer.body
        assert answer.body["type"].endswith(":overloaded")
        assert int(answer.headers["Retry-After"]) >= 1
        assert [attempt["outcome"] for attempt in answer.body["attempts"]] == ["not_sent"]
        assert (await running).status == 200
        assert sim.count() == 1


async def test_the_only_target_that_was_called_says_what_is_wrong(sim: VendorSim) -> None:
    sim.script("openai", [Success(delay=1.5)])
    sim.always("anthropic", ERRORS["anthropic-bad-key"])
    settings = vendors(sim, *TWO) | {"LLM_MAX_CONCURRENT_PER_PROVIDER": 1, "LLM_QUEUE_LIMIT": 0}
    async with running_gateway(**settings) as gateway:
        running = await occupied(gateway, sim)
        answer = await gateway.compare()
        assert (answer.status, answer.body["code"]) == (502, "PROVIDER_AUTHENTICATION_ERROR"), answer.body
        assert answer.body["provider"] == "anthropic"
        assert (await running).status == 200


async def test_retry_after_is_the_shortest_wait_of_all(sim: VendorSim) -> None:
    sim.always("openai", Status(429, headers={"Retry-After": "30"}))
    sim.always("anthropic", Status(503))
    async with running_gateway(**vendors(sim, *TWO)) as gateway:
        answer = await gateway.compare()
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) == answer.body["retry_after"] == 1, "the second may be asked at once"


async def test_retry_after_knows_of_the_breaker_that_has_just_opened(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    settings = vendors(sim, "openai") | {"LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": 20}
    async with running_gateway(**settings) as gateway:
        waits = [int((await gateway.compare(sample_index=index)).headers["Retry-After"]) for index in range(3)]
        assert waits[:2] == [1, 1]
        assert 18 <= waits[2] <= 22


async def test_a_provider_test_is_one_call_even_if_it_fails(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, *TWO)) as gateway:
        answer = await gateway.ask("POST", "/api/v1/providers/openai/test")
        assert (answer.status, answer.body["success"], answer.body["provider"]) == (200, False, "openai")
        assert (sim.count("openai"), sim.count("anthropic")) == (1, 0)


async def test_provider_tests_run_one_at_a_time(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=0.6))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        asked = (gateway.ask("POST", "/api/v1/providers/openai/test") for _ in range(4))
        answers = await asyncio.gather(*asked)
        assert sorted(answer.status for answer in answers) == [200, 503, 503, 503]
        assert sim.count() == 1
        assert (await gateway.ask("POST", "/api/v1/providers/openai/test")).status == 200


async def test_a_provider_test_runs_until_its_call_has_ended_even_if_its_caller_has_gone(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=1.5))
    path = "/api/v1/providers/openai/test"
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        leaving = asyncio.create_task(gateway.ask("POST", path))
        await sim.has_read(1)
        leaving.cancel()
        await gateway.until("llm_provider_requests_total", 1, provider="openai", status="hung_up")
        refused = await gateway.ask("POST", path)
        assert (refused.status, refused.body["type"].rpartition(":")[2]) == (503, "provider-test-running")
        assert sim.count() == 1
        await gateway.until("llm_provider_concurrent_requests", 0)
        assert (await gateway.ask("POST", path)).status == 200
        assert sim.count() == 2


async def test_a_certificate_that_proves_nothing_is_told_and_never_tried_again(sim: VendorSim, tmp_path: Path) -> None:
    greeted: list[object] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.append(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=self_signed(tmp_path, "localhost")) as server:
        port = server.sockets[0].getsockname()[1]
        settings = vendors(sim, *TWO) | {"OPENAI_BASE_URL": f"https://localhost:{port}"}
        async with running_gateway(**settings) as gateway:
            answer = await gateway.compare(fallback="none")
            assert (answer.status, answer.body["code"]) == (502, "INVALID_RESPONSE"), answer.body
            assert [attempt["outcome"] for attempt in answer.body["attempts"]] == ["certificate_invalid"]
            assert (await gateway.compare(sample_index=1)).body["provider"] == "anthropic"
    assert greeted == [], "nothing was said to whoever it was"
