"""Questions that the tests put to the simulated vendors, as each vendor's API wants them."""

from __future__ import annotations

from typing import Any

from services.llm_provider_service.comparison.prompt import build_request
from services.llm_provider_service.comparison.verdict import VERDICT_SCHEMA
from services.llm_provider_service.domain.comparison import Comparison
from services.llm_provider_service.domain.completion import NOTHING_GIVEN, TextPart
from tests.vendor_sim import Vendor

GOOD = (
    "Although many people believe that homework is useless, there are several reasons why it helps. First, practice "
    "makes knowledge permanent; for example, vocabulary that is repeated is remembered longer.\n\n"
    "However, too much of it is harmful, because tired pupils learn nothing. Therefore a moderate amount is best."
)
BAD = "homework is bad i dont like it. it is bad becouse it is bad."
SCHEMA = {
    **VERDICT_SCHEMA.schema,
    "properties": {
        name: {key: value for key, value in rule.items() if key not in ("minimum", "maximum")}
        for name, rule in VERDICT_SCHEMA.schema["properties"].items()
    },
}
MODELS = {
    Vendor.OPENAI: "gpt-4o",
    Vendor.ANTHROPIC: "claude-haiku-4-5",
    Vendor.GOOGLE: "gemini-3-flash",
    Vendor.OPENROUTER: "openai/gpt-4o",
    Vendor.OLLAMA: "llama3.3",
}
PATHS = {
    Vendor.OPENAI: "/v1/chat/completions",
    Vendor.ANTHROPIC: "/v1/messages",
    Vendor.GOOGLE: "/v1beta/models/{model}:generateContent",
    Vendor.OPENROUTER: "/chat/completions",
    Vendor.OLLAMA: "/v1/chat/completions",
}
HEADERS = {
    Vendor.OPENAI: {"Authorization": "Bearer sk-test"},
    Vendor.ANTHROPIC: {"x-api-key": "sk-test", "anthropic-version": "2023-06-01"},
    Vendor.GOOGLE: {"x-goog-api-key": "sk-test"},
    Vendor.OPENROUTER: {"Authorization": "Bearer sk-test"},
    Vendor.OLLAMA: {},
}


def question(essay_a: str = GOOD, essay_b: str = BAD, *, instructions: str = "Which essay argues better?") -> str:
    """The text of a comparison as the gateway asks it."""
    comparison = Comparison(instructions=instructions, essay_a=essay_a, essay_b=essay_b)
    (part,) = build_request(comparison, sampling=NOTHING_GIVEN, defaults=NOTHING_GIVEN).messages[0].parts
    assert isinstance(part, TextPart)
    return part.text


def body_for(vendor: Vendor, text: str, *, model: str | None = None) -> dict[str, Any]:
    """The least body that asks *text*."""
    if vendor is Vendor.GOOGLE:
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    body: dict[str, Any] = {"model": model or MODELS[vendor], "messages": [{"role": "user", "content": text}]}
    return {**body, "max_tokens": 500} if vendor is Vendor.ANTHROPIC else body


def path_for(vendor: Vendor, model: str | None = None) -> str:
    """The path under the vendor's base URL."""
    return PATHS[vendor].format(model=model or MODELS[vendor])
