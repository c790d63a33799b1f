"""The control API, and simulators in processes of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
from aiohttp import ClientConnectorError, ClientOSError, ClientSession, ServerDisconnectedError

from tests.vendor_sim import JournalReader, SimProcess, Status, Vendor, VendorSim
from tests.vendor_sim_tests.conftest import Client
from tests.vendor_sim_tests.prompts import HEADERS, body_for, path_for

pytestmark = pytest.mark.sockets


async def ask(session: ClientSession, vendor: SimProcess, name: Vendor) -> int:
    url = vendor.base_url(name) + path_for(name)
    async with session.post(url, json=body_for(name, "x"), headers=HEADERS[name]) as response:
        return response.status


async def test_the_control_api_scripts_and_counts(sim: VendorSim, client: Client) -> None:
    control = f"{sim.origin}/_sim"

    async def tell(action: str, body: object) -> tuple[int, object]:
        async with client.session.post(f"{control}/{action}", data=orjson.dumps(body)) as response:
            return response.status, orjson.loads(await response.read())

    async def see(what: str) -> object:
        async with client.session.get(f"{control}/{what}") as response:
            return orjson.loads(await response.read())

    queued = ["status-503", {"kind": "Status", "code": 429, "headers": {"Retry-After": "2"}}]
    assert await tell("script", {"vendor": "openai", "scenarios": queued}) == (200, {"ok": True})
    assert await tell("always", {"vendor": "openai", "scenario": "refusal"}) == (200, {"ok": True})
    assert await tell("judge", {"vendor": "openai", "mode": "obedient"}) == (200, {"ok": True})
    statuses = [(await client.ask(Vendor.OPENAI)).status for _ in range(3)]
    assert statuses == [503, 429, 200]
    counts = await see("counts")
    assert isinstance(counts, dict)
    assert counts["total"] == 3
    assert {"vendor": "openai", "model": "gpt-4o", "scenario": "refusal", "count": 1} in counts["calls"]
    assert counts["vendors"]["openai"]["billed"]["output"] > 0
    calls = await see("calls?scenario=status-429")
    assert isinstance(calls, list)
    assert [call["status"] for call in calls] == [429]
    assert "openai-quota" in str(await see("scenarios"))
    assert (await tell("reset", {}))[0] == 200
    assert (await client.ask(Vendor.OPENAI)).status == 200
    assert sim.count() == 1


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("script", {"vendor": "nobody", "scenarios": []}),
        ("script", {"vendor": "openai", "scenarios": ["nonsense"]}),
        ("script", {"vendor": "openai", "scenarios": [{"kind": "Status", "code": "x"}]}),
        ("always", {}),
    ],
)
async def test_a_wrong_order_over_the_control_api_is_a_400(
    sim: VendorSim, client: Client, action: str, body: object
) -> None:
    async with client.session.post(f"{sim.origin}/_sim/{action}", data=orjson.dumps(body)) as response:
        assert response.status == 400
        assert orjson.loads(await response.read())["error"]


async def test_an_unknown_action_is_a_404(sim: VendorSim, client: Client) -> None:
    async with client.session.get(f"{sim.origin}/_sim/nonsense") as response:
        assert response.status == 404


async def test_a_vendor_in_its_own_process_is_scripted_counted_and_killed() -> None:
    async with SimProcess(vendors=["openai", "ollama"], latency_ms=1) as vendor, ClientSession() as session:
        assert await ask(session, vendor, Vendor.OPENAI) == 200
        await vendor.script("openai", ["status-503"])
        await vendor.always("ollama", {"kind": "Status", "code": 500})
        assert [await ask(session, vendor, Vendor.OPENAI), await ask(session, vendor, Vendor.OLLAMA)] == [503, 500]
        assert await vendor.count("openai") == 2
        assert [call["status"] for call in await vendor.calls()] == [200, 503, 500]
        with pytest.raises(ValueError, match="nonsense"):
            await vendor.script("openai", ["nonsense"])
        await vendor.reset()
        assert (await vendor.counts())["total"] == 0
        assert vendor.returncode is None
        await vendor.kill()
        assert vendor.returncode == -9
        with pytest.raises(ClientConnectorError):
            await ask(session, vendor, Vendor.OPENAI)


async def test_a_journal_keeps_the_count_of_a_killed_process_and_of_its_next_life(tmp_path: Path) -> None:
    journal = JournalReader(tmp_path / "calls")
    assert journal.calls() == {}
    async with SimProcess(vendors=["openai"], journal=tmp_path / "calls") as vendor, ClientSession() as session:
        await vendor.script("openai", ["success", "status-503", "hang"])
        assert [await ask(session, vendor, Vendor.OPENAI) for _ in range(2)] == [200, 503]
        hanging = asyncio.create_task(ask(session, vendor, Vendor.OPENAI))
        async with asyncio.timeout(5):
            while ("openai", "hang") not in journal.calls():  # noqa: ASYNC110 - a file gives no event
                await asyncio.sleep(0.01)
        await vendor.kill()
        with pytest.raises((ServerDisconnectedError, ClientOSError)):
            await hanging
        counted = {("openai", "success"): 1, ("openai", "status-503"): 1, ("openai", "hang"): 1}
        assert journal.calls() == counted
        await vendor.start()
        assert await ask(session, vendor, Vendor.OPENAI) == 200
        assert journal.calls() == {**counted, ("openai", "success"): 2}


async def test_a_call_that_is_cut_before_its_body_has_come_is_in_the_journal_as_unread(tmp_path: Path) -> None:
    journal = JournalReader(tmp_path / "calls")
    async with VendorSim(vendors=["openai"], journal=tmp_path / "calls") as sim:
        _, writer = await asyncio.open_connection("127.0.0.1", sim.port)
        writer.write(b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        async with asyncio.timeout(5):
            while sim.count("openai") == 0:  # noqa: ASYNC110 - the simulator counts and tells nobody
                await asyncio.sleep(0.01)
        writer.close()
    assert journal.calls() == {("openai", "unread"): 1}


async def test_a_process_ends_cleanly_on_sigterm_with_a_call_in_flight() -> None:
    async with SimProcess(vendors=["openai"], validate=False) as vendor, ClientSession() as session:
        await vendor.always("openai", "hang")
        hanging = asyncio.create_task(ask(session, vendor, Vendor.OPENAI))
        async with asyncio.timeout(5):
            while await vendor.count("openai") == 0:  # noqa: ASYNC110 - the other process has no event for us
                await asyncio.sleep(0.01)
        await vendor.stop()
        assert vendor.returncode == 0
        with pytest.raises(ServerDisconnectedError):
            await hanging


async def test_a_process_that_cannot_start_says_so() -> None:
    with pytest.raises(RuntimeError, match="ended with"):
        await SimProcess(vendors=["nobody"]).start()


async def test_a_port_can_be_given() -> None:
    async with VendorSim() as first:
        port = first.port
    async with VendorSim(port=port, vendors=["openai"]) as second:
        assert second.base_url("openai") == f"http://127.0.0.1:{port}/openai"
        second.always("openai", Status(500))
