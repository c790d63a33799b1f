"""A refused request says who could have answered and was not asked, and leaves one log line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from tests.support.gateway import KEYS, Answer, running_gateway, vendors
from tests.support.log_lines import LogLines, log_lines
from tests.vendor_sim import Status, Success, VendorSim


def reasons(answer: Answer) -> dict[str, str]:
    """Why each provider was not asked."""
    return {one["provider"]: one["reason"] for one in answer.body.get("candidates", ())}


def refusals(lines: LogLines) -> list[dict[str, Any]]:
    """The log lines of refused requests."""
    return [line for line in lines.events if line["event"] == "request_refused"]


async def test_who_may_not_stand_in_is_named_with_what_to_do(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.compare(fallback="none")
    assert (answer.status, reasons(answer)) == (503, {"anthropic": "fallback_forbids"})
    assert "`fallback: any`" in answer.body["detail"]
    assert sim.count("anthropic") == 0


async def test_who_lacks_a_capability_is_named(sim: VendorSim) -> None:
    """The second vendor's model takes no temperature beside its reasoning."""
    sim.always("anthropic", Status(503))
    given = {"provider_override": "anthropic", "temperature_override": 0.5}
    settings = vendors(sim, "anthropic", "openai") | {"OPENAI_DEFAULT_MODEL": "gpt-5-mini"}
    async with running_gateway(**settings) as gateway:
        answer = await gateway.compare(llm_config_overrides=given)
    assert (answer.status, reasons(answer)) == (503, {"openai": "lacks"})


async def test_whose_window_is_certainly_too_small_is_named_and_never_asked(sim: VendorSim) -> None:
    sim.always("google", Status(503))
    settings = vendors(sim, "openai", "google") | {"OPENAI_DEFAULT_MODEL": "gpt-4"}
    async with running_gateway(**settings) as gateway:
        long = await gateway.compare(essay_a="Shall we? " * 7_000)
        assert (long.status, reasons(long)) == (503, {"openai": "window_too_small"})
        assert long.body["candidates"][0]["until"] is None
        assert sim.count("openai") == 0
        short = await gateway.compare()
        assert (short.status, short.body["provider"], sim.count("openai")) == (200, "openai", 1)


async def test_whose_slots_are_taken_is_named_with_a_time(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=2.0))
    narrow = {"LLM_MAX_CONCURRENT_PER_PROVIDER": 1, "LLM_QUEUE_LIMIT": 0}
    with log_lines() as lines:
        async with running_gateway(**vendors(sim, "openai"), **narrow) as gateway:
            first = asyncio.create_task(gateway.compare(sample_index=1))
            await sim.has_read(1, "openai")
            answer = await gateway.compare(sample_index=2)
            assert (await first).status == 200
    (candidate,) = answer.body["candidates"]
    assert (answer.status, candidate["reason"]) == (503, "no_slot")
    assert datetime.fromisoformat(candidate["until"]).tzinfo == UTC
    (line,) = refusals(lines)
    assert (line["code"], line["logger"]) == (answer.body["code"], "services.llm_provider_service.gateway.incident_log")


async def test_who_is_switched_off_with_a_key_is_named_and_who_was_never_configured_is_not(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    off = {"ANTHROPIC_ENABLED": False, "ANTHROPIC_API_KEY": KEYS["anthropic"]}
    async with running_gateway(**vendors(sim, "openai"), **off) as gateway:
        answer = await gateway.compare()
    assert reasons(answer) == {"anthropic": "switched_off"}


async def test_what_may_not_be_asked_is_no_reason_to_come_back_later_than_the_first_may_be(sim: VendorSim) -> None:
    """One cools down for long, the other's breaker opens again soon: Retry-After is the sooner of both."""
    sim.always("openai", Status(503))
    sim.always("anthropic", Status(429, headers={"Retry-After": "300"}))
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        for index in range(3):
            await gateway.compare(sample_index=index)
        answer = await gateway.compare(sample_index=3)
    assert reasons(answer) == {"openai": "breaker_open", "anthropic": "cooling"}
    assert 1 <= int(answer.headers["Retry-After"]) <= 11


async def test_each_refused_request_is_one_line_and_an_answered_one_is_none(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    with log_lines() as lines:
        async with running_gateway(**vendors(sim, "openai")) as gateway:
            refused = [await gateway.compare(sample_index=index) for index in range(5)]
            wrong = await gateway.compare(llm_config_overrides={"provider_override": "google"})
            sim.always("openai", Success())
            await gateway.ask("DELETE", "/api/v1/cache?all=true")
    ids = [answer.headers["X-Correlation-ID"] for answer in (*refused, wrong)]
    assert [line["correlation_id"] for line in refusals(lines)] == ids
    assert [line["level"] for line in refusals(lines)] == ["warning"] * 5 + ["info"]
    moved = [line for line in lines.events if line["event"] == "circuit_breaker_moved"]
    assert [(line["state"], line["model"]) for line in moved] == [("open", "gpt-5-mini")]
