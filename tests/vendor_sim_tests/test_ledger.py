"""The oracle's counters are exact, also under load; keys are not kept; what is kept is bounded."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.vendor_sim import Ledger, Status, Success, Tokens, Vendor, VendorSim, fingerprint
from tests.vendor_sim.ledger import BODIES_KEPT, CALLS_KEPT
from tests.vendor_sim_tests.conftest import Client, until


async def test_counts_are_exact_under_200_concurrent_calls(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [Status(503), Status(429)] * 20)
    sim.always("openai", Success(delay=0.05))
    sim.always("anthropic", Success(delay=0.05))
    asked = [Vendor.OPENAI] * 120 + [Vendor.ANTHROPIC] * 80
    replies = await asyncio.gather(*(client.ask(vendor, timeout=30) for vendor in asked))
    assert Counter(reply.status for reply in replies) == {200: 160, 503: 20, 429: 20}
    assert (sim.count(), sim.count("openai"), sim.count("anthropic")) == (200, 120, 80)
    assert (sim.count(scenario="status-503"), sim.count(scenario="success")) == (20, 160)
    assert sorted(call.number for call in sim.calls()) == list(range(1, 201))
    assert sim.ledger.in_flight("openai") == 0
    assert 1 < sim.max_in_flight("openai") <= 120
    one = next(call.billed for call in sim.calls("openai", scenario="success"))
    assert one is not None
    assert sim.billed("openai") == Tokens(input=80 * one.input, output=80 * one.output)


async def test_a_call_is_kept_with_what_was_sent_but_without_its_key(sim: VendorSim, client: Client) -> None:
    await client.ask(Vendor.OPENAI, headers={"Authorization": "Bearer sk-canary", "X-Title": "demo"})
    (call,) = sim.calls("openai", "gpt-4o")
    assert call.body is not None
    assert call.body["model"] == "gpt-4o"
    assert (call.path, call.headers["x-title"], call.status) == ("/v1/chat/completions", "demo", 200)
    assert call.key == fingerprint("sk-canary") != fingerprint("sk-other")
    assert "sk-canary" not in repr(call)
    assert not call.client_left


async def test_calls_of_one_connection_can_be_recognised(sim: VendorSim, client: Client) -> None:
    await client.ask(Vendor.OPENAI)
    await client.ask(Vendor.OPENAI)
    first, second = sim.calls("openai")
    assert first.connection == second.connection > 0


async def test_an_idle_connection_is_closed_when_its_time_is_over(client: Client) -> None:
    async with VendorSim(keepalive_seconds=0.05) as sim:
        asking = Client(session=client.session, sim=sim)
        replies = [await asking.ask(Vendor.OPENAI)]
        await asyncio.sleep(0.3)
        replies.append(await asking.ask(Vendor.OPENAI))
        first, second = sim.calls()
    assert [reply.status for reply in replies] == [200, 200]
    assert first.connection != second.connection


def test_the_last_calls_and_the_last_bodies_are_kept_and_all_are_counted() -> None:
    ledger = Ledger(clock=lambda: 1.0)
    for _ in range(CALLS_KEPT + 5):
        call = ledger.open(Vendor.OPENAI, path="/", query="", headers={}, connection=1)
        ledger.read(call, model="m", body={"n": call.number})
        ledger.decide(call, "success")
        ledger.close(call)
    kept = ledger.calls()
    assert (len(kept), ledger.count("openai", "m", "success")) == (CALLS_KEPT, CALLS_KEPT + 5)
    assert sum(call.body is not None for call in kept) == BODIES_KEPT
    assert kept[-1].body == {"n": CALLS_KEPT + 5}
    assert ledger.counts() == {(Vendor.OPENAI, "m", "success"): CALLS_KEPT + 5}


async def test_a_call_whose_body_never_arrives_is_counted(sim: VendorSim) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    await writer.drain()
    await until(lambda: sim.ledger.in_flight("openai") == 1)
    writer.close()
    await writer.wait_closed()
    await until(lambda: sim.ledger.in_flight("openai") == 0)
    assert await reader.read() == b""
    assert sim.count("openai", scenario="unread") == 1
    assert sim.calls("openai")[0].client_left
