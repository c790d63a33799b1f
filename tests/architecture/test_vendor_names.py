"""Who the vendors are is known where their languages are spoken, where they are configured, and nowhere else."""

from __future__ import annotations

import io
import re
import tokenize

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.vendors import VENDORS
from tests.architecture.sources import Module, product_modules

# The vendors that have a name, and how the big ones call their models.
NAMES = {*map(str, VENDORS), "gemini", "claude", "gpt"} - {LLMProviderType.OPENAI_COMPATIBLE}
VENDOR = re.compile("|".join(sorted(NAMES)), re.IGNORECASE)
SPOKEN = (tokenize.NAME, tokenize.STRING, tokenize.COMMENT)
SERVICE = "services/llm_provider_service/"
AT_HOME = (
    "libs/common_core/src/common_core/config_enums.py",
    f"{SERVICE}di.py",
    f"{SERVICE}domain/vendors.py",
    f"{SERVICE}implementations/",
    f"{SERVICE}providers/",
    f"{SERVICE}settings/vendors.py",
)


def named_vendors(module: Module) -> list[str]:
    """The places in *module* that name a vendor: identifiers, strings (docstrings too) and comments."""
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    return [
        f"{module.name}:{token.start[0]} {found.group()}"
        for token in tokens
        if token.type in SPOKEN
        for found in VENDOR.finditer(token.string)
    ]


def test_no_vendor_is_named_outside_its_home() -> None:
    foreign = [module for module in product_modules() if not module.name.startswith(AT_HOME)]
    assert [place for module in foreign for place in named_vendors(module)] == []


def test_every_home_is_lived_in() -> None:
    for home in AT_HOME:
        assert any(named_vendors(module) for module in product_modules() if module.name.startswith(home)), home
