"""Which scenario answers: queues before names, names before standing rules, the model's own before the vendor's."""

from __future__ import annotations

import pytest

from tests.vendor_sim import Judge, Status, Success, Vendor, VendorSim
from tests.vendor_sim.named import names, scenario_from, scenario_named
from tests.vendor_sim_tests.conftest import Client
from tests.vendor_sim_tests.prompts import BAD, GOOD, question


async def test_a_queue_is_used_once_and_in_order_then_success_answers(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [Status(503), Status(429)])
    assert [(await client.ask(Vendor.OPENAI)).status for _ in range(4)] == [503, 429, 200, 200]
    assert sim.book.left("openai") == 0
    assert sim.count("openai") == 4


async def test_a_standing_rule_holds_until_it_is_taken_back(sim: VendorSim, client: Client) -> None:
    sim.always("openai", Status(500))
    first = [(await client.ask(Vendor.OPENAI)).status for _ in range(3)]
    sim.always("openai", None)
    assert [*first, (await client.ask(Vendor.OPENAI)).status] == [500, 500, 500, 200]


async def test_what_is_said_of_one_model_does_not_touch_another(sim: VendorSim, client: Client) -> None:
    sim.always("openai", Status(500), model="gpt-4o")
    sim.script("openai", [Status(503)], model="gpt-4.1")
    sick = await client.ask(Vendor.OPENAI, model="gpt-4o")
    queued = await client.ask(Vendor.OPENAI, model="gpt-4.1")
    well = await client.ask(Vendor.OPENAI, model="gpt-4.1")
    other_vendor = await client.ask(Vendor.OLLAMA, model="gpt-4o")
    assert [sick.status, queued.status, well.status, other_vendor.status] == [500, 503, 200, 200]


@pytest.mark.parametrize("vendor", list(Vendor))
async def test_a_model_can_name_its_scenario(sim: VendorSim, client: Client, vendor: Vendor) -> None:
    reply = await client.ask(vendor, model="sim-status-418")
    assert reply.status == 418
    assert sim.count(vendor, "sim-status-418", "status-418") == 1


async def test_a_scenario_that_does_not_exist_is_a_404_that_says_so(sim: VendorSim, client: Client) -> None:
    assert (await client.ask(Vendor.OPENAI, model="sim-nonsense")).status == 404
    assert sim.count(scenario="unknown-scenario") == 1
    with pytest.raises(LookupError, match="status-NNN"):
        scenario_named("nonsense")


def test_every_name_means_a_scenario_that_is_counted_under_that_name() -> None:
    assert len(names()) > 80
    for name in names():
        assert scenario_named(name).name == name
        assert scenario_from(name) == scenario_named(name)


async def test_reset_forgets_scripts_judges_and_counts(sim: VendorSim, client: Client) -> None:
    sim.always("openai", Status(500))
    sim.judge("openai", Judge.OBEDIENT)
    await client.ask(Vendor.OPENAI)
    sim.reset()
    assert (await client.ask(Vendor.OPENAI)).status == 200
    assert (sim.count(), sim.judges) == (1, {})


async def test_each_vendor_reads_with_its_own_noise(sim: VendorSim, client: Client) -> None:
    confidences = set()
    for vendor in Vendor:
        sim.always(vendor, Success())
        reply = await client.ask(vendor, text=question(GOOD, GOOD.replace("First, ", "")))
        confidences.add(reply.raw.partition(b"confidence")[2][:8])
    assert len(confidences) > 1


async def test_the_better_essay_wins_on_either_side(sim: VendorSim, client: Client) -> None:
    first = await client.ask(Vendor.OPENAI, text=question(GOOD, BAD))
    second = await client.ask(Vendor.OPENAI, text=question(BAD, GOOD))
    assert b"Essay A" in first.raw
    assert b'\\"Essay B\\"' in second.raw


@pytest.mark.sockets
async def test_a_share_of_failures_can_be_asked_for() -> None:
    async with VendorSim(fail_rate=0.5, seed=7) as sim:
        scenarios = [sim._scenario(call) for call in [sim.ledger.open(
            Vendor.OPENAI, path="/", query="", headers={}, connection=0)] * 200]  # fmt: skip
    assert 70 < sum(isinstance(scenario, Status) for scenario in scenarios) < 130
