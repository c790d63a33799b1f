"""The default models of all vendors can do what existing callers ask."""

from __future__ import annotations

import pytest

from services.llm_provider_service.comparison.prompt import build_request
from services.llm_provider_service.config import Settings
from services.llm_provider_service.domain.comparison import Comparison
from services.llm_provider_service.domain.completion import NOTHING_GIVEN, Sampling
from services.llm_provider_service.domain.vendors import VENDORS
from services.llm_provider_service.providers.models.capabilities import profile_for, unsupported


@pytest.mark.parametrize("vendor", [vendor for vendor, row in VENDORS.items() if row.default_model])
def test_a_default_model_is_known_and_takes_temperature_zero_and_a_schema(vendor: str) -> None:
    settings = Settings(_env_file=None).account(next(one for one in VENDORS if one == vendor))
    profile = profile_for(settings.provider, settings.default_model)
    comparison = Comparison(instructions="Which is better?", essay_a="a", essay_b="b")
    given = Sampling(temperature=0.0, max_output_tokens=1000)
    assert profile.known
    assert unsupported(build_request(comparison, sampling=given, defaults=NOTHING_GIVEN), profile) == ()
