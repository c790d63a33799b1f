"""The thin path: one verdict from each vendor, over real sockets."""

from __future__ import annotations

import pytest

from common_core.llm_contracts import LLMComparisonResponse
from tests.support.gateway import MODELS, running_gateway, vendors
from tests.vendor_sim import VendorSim

pytestmark = pytest.mark.sockets


async def test_without_any_configuration_the_mock_answers() -> None:
    async with running_gateway() as gateway:
        answer = await gateway.compare(llm_config_overrides={"provider_override": "anthropic"})
        assert answer.status == 200, answer.body
        verdict = LLMComparisonResponse.model_validate(answer.body)
        assert verdict.winner == "Essay A"
        assert (verdict.provider, verdict.requested_provider) == ("mock", "anthropic")
        assert (verdict.cost_usd, verdict.pricing_status) == ("0", "free")


@pytest.mark.parametrize("vendor", sorted(MODELS))
async def test_every_vendor_answers_with_one_strict_verdict(sim: VendorSim, vendor: str) -> None:
    async with running_gateway(**vendors(sim, vendor)) as gateway:
        answer = await gateway.compare()
        assert answer.status == 200, answer.body
        verdict = LLMComparisonResponse.model_validate(answer.body)
        assert verdict.winner == "Essay A"
        assert verdict.provider == vendor
        assert verdict.attempts == sim.count(vendor) == 1
        assert verdict.token_usage.prompt_tokens
        assert verdict.token_usage.completion_tokens
        assert verdict.pricing_status == ("free" if vendor == "ollama" else "priced")
