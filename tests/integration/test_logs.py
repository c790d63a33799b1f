"""What a vendor quotes of an essay reaches the caller, whose text it is, and nobody else: no log, span or metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import pytest

from tests.support.collector import collector
from tests.support.gateway import ESSAY_A, ESSAY_B, Gateway, running_gateway, vendors
from tests.support.service_process import ServiceProcess
from tests.vendor_sim import RawBody, Refusal, Status, Success, VendorSim
from tests.vendor_sim.scenarios import Scenario

pytestmark = pytest.mark.sockets

SENTENCE = "My brother Anton was suspended in May"
CANARIES = ("brother", "anton", "suspended")
ESSAY = f"{ESSAY_A} {SENTENCE}. {ESSAY_B}"
QUOTED = f"invalid content in messages[0]: '{SENTENCE}. {ESSAY_B}'"
ERROR = {"message": QUOTED, "type": "invalid_request_error", "param": None, "code": SENTENCE}
ECHO: Mapping[str, Any] = {"error": ERROR}


ECHOES: Sequence[tuple[str, Scenario, int]] = (
    ("openai", Status(400, ECHO), 422),
    ("ollama", Status(400, ECHO), 422),
    ("anthropic", Status(400, {"type": "error", **ECHO}), 422),
    ("google", Status(400, {"error": {"code": 400, "message": QUOTED, "status": SENTENCE}}), 422),
    ("ollama", Status(400, QUOTED), 422),
    ("openai", Refusal(text=f"I will not judge '{SENTENCE}'."), 422),
    ("openai", Success(text=QUOTED), 502),
    ("openai", RawBody(QUOTED.encode()), 502),
    ("ollama", Status(503, ECHO), 503),
    ("openai", Status(401, ECHO), 502),
)


async def test_no_sentence_of_an_essay_is_logged_traced_or_counted(sim: VendorSim) -> None:
    settings = {**vendors(sim, "openai", "ollama", "anthropic", "google"), "LOG_LEVEL": "DEBUG"}
    async with collector() as there, aiohttp.ClientSession() as http:
        exported = {"OTEL_EXPORTER_OTLP_ENDPOINT": there.url}
        async with ServiceProcess(environment=exported, **settings) as service:
            gateway = Gateway(service.url, http)
            for index, (vendor, echo, status) in enumerate(ECHOES):
                sim.always(vendor, echo)
                overrides = {"provider_override": vendor}
                answer = await gateway.compare(
                    essay_a=ESSAY, llm_config_overrides=overrides, fallback="none", sample_index=index
                )
                assert answer.status == status, answer.body
            metrics = (await gateway.get("/metrics")).body
            calls = sum(map(sim.count, ("openai", "ollama", "anthropic", "google")))
            spans = await there.wait_for(2 * len(ECHOES) + calls)
            written = service.log()
    assert written.count('"provider_attempt_failed"') == calls >= len(ECHOES)
    for told in (written, repr(spans), metrics):
        assert [word for word in CANARIES if word in told.lower()] == []


@pytest.mark.parametrize("vendor", ["openai", "ollama"])
async def test_the_caller_is_told_what_the_vendor_said(sim: VendorSim, vendor: str) -> None:
    sim.always(vendor, Status(400, ECHO))
    async with running_gateway(**vendors(sim, vendor)) as gateway:
        assert SENTENCE in (await gateway.compare(essay_a=ESSAY)).body["detail"]


async def test_the_name_that_a_vendor_gives_its_model_is_traced_only_if_it_is_one(sim: VendorSim) -> None:
    sim.script("openai", [Success(served_model=SENTENCE), Success(served_model="gpt-5-mini-2025-08-07")])
    async with collector() as there:
        settings = {**vendors(sim, "openai"), "OTEL_EXPORTER_OTLP_ENDPOINT": there.url}
        async with running_gateway(**settings) as gateway:
            for index in range(2):
                assert (await gateway.compare(essay_a=ESSAY, sample_index=index)).status == 200
        spans = await there.wait_for(6)
    served = [span.attributes["gen_ai.response.model"] for span in spans if span.name == "chat"]
    assert served == ["gpt-5-mini", "gpt-5-mini-2025-08-07"]
