"""A server that nobody has a row of models for: asked like any vendor, and its price is not known."""

from __future__ import annotations

from tests.support.gateway import running_gateway
from tests.vendor_sim import VendorSim


async def test_a_companys_own_server_answers_and_is_unpriced(sim: VendorSim) -> None:
    settings = {
        "OPENAI_COMPATIBLE_ENABLED": True,
        "OPENAI_COMPATIBLE_BASE_URL": sim.base_url("ollama"),
        "OPENAI_COMPATIBLE_DEFAULT_MODEL": "house-model",
        "OPENAI_COMPATIBLE_ALLOW_PRIVATE": True,
    }
    async with running_gateway(**settings) as gateway:
        answer = await gateway.compare()
        named = await gateway.compare(llm_config_overrides={"provider_override": "openai_compatible"}, sample_index=1)
    assert (answer.status, named.status) == (200, 200), answer.body
    assert (answer.body["provider"], answer.body["pricing_status"]) == ("openai_compatible", "unpriced")
    assert answer.body["cost_usd"] is None
    assert "unknown_model" in answer.body["flags"]
    assert sim.count("ollama") == 2
