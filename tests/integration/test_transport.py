"""What a vendor's socket can do to us: every foreign fault becomes one of our failures, and keys stay at home."""

from __future__ import annotations

import asyncio
import gc
import resource
from typing import Any

import pytest

from tests.support.gateway import KEYS, running_gateway, vendors
from tests.vendor_sim import (
    Cut,
    EmptyChoices,
    GzipBomb,
    Huge,
    RawBody,
    RawWire,
    Redirect,
    Scenario,
    Status,
    Success,
    VendorSim,
    fingerprint,
)

pytestmark = pytest.mark.sockets

DEEP = b"[" * 200_000 + b"]" * 200_000
LOST = ("SERVICE_UNAVAILABLE", "connection_lost", 3)
BAD = ("INVALID_RESPONSE", "bad_response", 2)
BAD_ONCE = ("INVALID_RESPONSE", "bad_response", 1)
HTML = b"<html><body>POISON</body></html>"
TWO_LENGTHS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"

FAULTS: dict[str, tuple[Scenario, tuple[str, str, int]]] = {
    "reset before the headers": (Cut(), LOST),
    "reset in the body": (Cut(after="half"), LOST),
    "closed in the body": (Cut(after="half", how="fin"), LOST),
    "no last chunk": (Cut(after="half", how="fin", framing="chunked"), LOST),
    "truncated without length": (Cut(after="half", how="fin", framing="close"), BAD),
    "not HTTP": (RawWire(b"\x00\x01garbage POISON\r\n\r\n"), BAD),
    "two lengths": (RawWire(TWO_LENGTHS), BAD),
    "empty body": (RawBody(b""), BAD),
    "no content": (RawBody(b"", status=204), BAD),
    "HTML with 200": (RawBody(HTML, "text/html"), BAD),
    "HTML as JSON": (RawBody(HTML), BAD),
    "cut JSON": (RawBody(b'{"choices": [{"mess'), BAD),
    "not UTF-8": (RawBody(b'{"choices": "\xff\xfe"}'), BAD),
    "deep JSON": (RawBody(DEEP), BAD),
    "no choices": (EmptyChoices(), BAD),
    "a redirect": (Redirect("http://127.0.0.1:1/elsewhere"), BAD_ONCE),
    "too many bytes": (Huge(size=40_000_000), BAD_ONCE),
    "a gzip bomb": (GzipBomb(), BAD_ONCE),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_every_fault_is_counted_named_and_never_echoed(sim: VendorSim, fault: str) -> None:
    scenario, (code, outcome, calls) = FAULTS[fault]
    sim.always("openai", scenario)
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        answer = await gateway.compare()
        assert answer.body["code"] == code, answer.body
        assert answer.status == (503 if code == "SERVICE_UNAVAILABLE" else 502)
        assert [attempt["outcome"] for attempt in answer.body["attempts"]] == [outcome] * calls
        assert sim.count("openai") == calls
        assert "POISON" not in str(answer.body)
        sim.always("openai", Success())
        assert (await gateway.compare(sample_index=1)).status == 200, "the service lives on"


@pytest.mark.serial
async def test_a_gzip_bomb_costs_less_than_32_megabytes(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        await gateway.compare()
        sim.always("openai", GzipBomb(), model="bomb")
        warm_up = {"provider_override": "openai", "model_override": "bomb"}
        gc.collect()
        before = _peak_bytes()
        answer = await gateway.compare(llm_config_overrides=warm_up)
        assert answer.status == 502
        assert _peak_bytes() - before < 32 * 1024 * 1024


def _peak_bytes() -> int:
    """The most memory that this process, simulator included, ever held; it only grows."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def test_a_redirect_takes_no_key_to_another_origin(sim: VendorSim) -> None:
    async with VendorSim() as elsewhere:
        sim.always("openai", Redirect(elsewhere.base_url("openai") + "/v1/chat/completions"))
        async with running_gateway(**vendors(sim, "openai")) as gateway:
            assert (await gateway.compare()).status == 502
            assert elsewhere.count() == 0


async def test_cookies_are_never_sent_back(sim: VendorSim) -> None:
    sim.always("openai", Success(headers={"Set-Cookie": "tracking=1; Path=/"}))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        for index in range(3):
            await gateway.compare(sample_index=index)
        assert all("cookie" not in call.headers for call in sim.calls())


async def test_keys_travel_in_headers_only_and_each_to_its_own_vendor(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai", "anthropic", "google", "openrouter")) as gateway:
        for vendor in KEYS:
            answer = await gateway.compare(llm_config_overrides={"provider_override": vendor})
            assert answer.status == 200
            (call,) = sim.calls(vendor)
            assert call.key == fingerprint(KEYS[vendor])
            assert (call.query, "key" in call.path) == ("", False)


async def test_openrouter_is_told_who_asks(sim: VendorSim) -> None:
    settings: dict[str, Any] = vendors(sim, "openrouter") | {
        "OPENROUTER_HTTP_REFERER": "https://school.example",
        "OPENROUTER_X_TITLE": "A school",
    }
    async with running_gateway(**settings) as gateway:
        await gateway.compare()
        headers = sim.calls("openrouter")[0].headers
        assert (headers["http-referer"], headers["x-title"]) == ("https://school.example", "A school")


async def test_a_key_that_a_vendor_echoes_is_redacted(sim: VendorSim) -> None:
    echo = {"error": {"message": "Incorrect API key provided: <<key>>.", "code": "invalid_api_key"}}
    sim.always("openai", Status(401, echo))
    sim.always("anthropic", Status(400, {"type": "error", "error": {"type": "x", "message": "<<key>> is bad"}}))
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        for vendor in ("openai", "anthropic"):
            override = {"provider_override": vendor}
            answer = await gateway.compare(fallback="none", llm_config_overrides=override)
            assert answer.status in {422, 502}
            assert KEYS[vendor] not in str(answer.body)


@pytest.mark.parametrize("path", ["/api/v1/comparison", "/api/v1/providers/ollama/test"])
async def test_a_short_key_of_no_known_shape_is_redacted_too(sim: VendorSim, path: str) -> None:
    sim.always("ollama", Status(401, {"error": {"message": "Incorrect API key provided: house-7. Check it."}}))
    settings = vendors(sim, "ollama") | {"OLLAMA_API_KEY": "house-7"}
    async with running_gateway(**settings) as gateway:
        body = {"user_prompt": "Which?", "essay_a": "One.", "essay_b": "Two."}
        told = str((await gateway.ask("POST", path, json=body)).body)
        assert ("[redacted]" in told, "house-7" in told) == (True, False)


async def test_an_idle_connection_that_the_vendor_closed_is_no_error() -> None:
    async with VendorSim(keepalive_seconds=0.2) as sim, running_gateway(**vendors(sim, "openai")) as gateway:
        for index in range(4):
            assert (await gateway.compare(sample_index=index)).body["attempts"] == 1
            await asyncio.sleep(0.35)
        assert sim.count() == 4


async def test_a_private_address_is_refused_unless_it_is_allowed(sim: VendorSim) -> None:
    settings = vendors(sim, "openai") | {"OPENAI_ALLOW_PRIVATE": False}
    settings["OPENAI_BASE_URL"] = f"https://localhost.localdomain:{sim.port}"
    async with running_gateway(**settings) as gateway:
        answer = await gateway.compare()
        assert answer.status == 503
        assert {attempt["outcome"] for attempt in answer.body["attempts"]} == {"connect_failed"}
        assert sim.count() == 0
