"""A local OpenAI-compatible server, with Ollama's ways: no key needed, one model's usage, string errors by script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tests.vendor_sim.dialects.chat import ChatDialect
from tests.vendor_sim.rules import Rule
from tests.vendor_sim.values import Answer, Complaint, Json


class OllamaDialect(ChatDialect):
    """The reasoning models' rules of OpenAI do not hold here."""

    rules: ClassVar[tuple[Rule, ...]] = ()
    request_id_header = ""

    def credentials(self, headers: Mapping[str, str], query: str) -> Complaint | None:
        return None

    def answer(self, answer: Answer) -> Json:
        tokens = answer.tokens
        usage = {
            "prompt_tokens": tokens.input,
            "completion_tokens": tokens.output,
            "total_tokens": tokens.input + tokens.output,
        }
        body = super().answer(answer)
        del body["service_tier"]
        return {**body, "usage": usage, "system_fingerprint": "fp_ollama"}
