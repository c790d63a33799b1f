"""The typed client, the front door and a vendor: how many calls one `compare` can buy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from common_core.llm_contracts import LLMComparisonRequest
from huleedu_service_libs.llm_client import LLMProviderClient
from huleedu_service_libs.llm_client_errors import LLMGatewayUnavailable
from tests.support.gateway import ESSAY_A, ESSAY_B, running_gateway, vendors
from tests.vendor_sim import Cut, Scenario, Status, Success, VendorSim, scenario_named

pytestmark = pytest.mark.sockets

REQUEST = LLMComparisonRequest(user_prompt="Which essay argues better?", essay_a=ESSAY_A, essay_b=ESSAY_B)


async def _at_once(_seconds: float) -> None:
    """A client that does not wait for Retry-After."""


@pytest.fixture
def vendor() -> str:
    return "openai"


@pytest.fixture
async def client(sim: VendorSim, vendor: str) -> AsyncIterator[LLMProviderClient]:
    async with (
        running_gateway(**vendors(sim, vendor)) as gateway,
        LLMProviderClient(gateway.url, max_retries=2, sleep=_at_once) as made,
    ):
        yield made


@pytest.mark.parametrize(
    ("vendor", "play", "outcome"),
    [
        ("openai", Cut(after="half"), "connection_lost"),
        ("openrouter", scenario_named("openrouter-broken-off"), "broken_off"),
    ],
)
async def test_calls_that_may_have_been_paid_for_are_made_once(
    sim: VendorSim, vendor: str, client: LLMProviderClient, play: Scenario, outcome: str
) -> None:
    sim.always(vendor, play)
    with pytest.raises(LLMGatewayUnavailable) as caught:
        await client.compare(REQUEST)
    assert caught.value.problem is not None
    tried = [attempt.outcome for attempt in caught.value.problem.attempts or ()]
    assert (caught.value.status, caught.value.retryable) == (503, True)
    assert tried == [outcome] * 3
    assert sim.count(vendor) == 3


async def test_calls_that_cost_nothing_are_made_again(sim: VendorSim, client: LLMProviderClient) -> None:
    sim.script("openai", [Status(503), Status(503), Status(503), Success()])
    assert (await client.compare(REQUEST)).winner == "Essay A"
    assert sim.count("openai") == 4
