"""OpenRouter: chat completions with fields, a finish word and an error shape of its own."""

from __future__ import annotations

from typing import ClassVar

from tests.vendor_sim.dialects.chat import ChatDialect
from tests.vendor_sim.rules import OPENROUTER_RULES, Rule
from tests.vendor_sim.values import Answer, Complaint, Json


class OpenRouterDialect(ChatDialect):
    """https://openrouter.ai/docs/api-reference/overview, read through its public copies in November 2026."""

    path: ClassVar[str] = "/chat/completions"
    id_prefix: ClassVar[str] = "gen-"
    request_id_header = ""
    rules: ClassVar[tuple[Rule, ...]] = OPENROUTER_RULES
    extra_fields: ClassVar[frozenset[str]] = frozenset(
        {"provider", "reasoning", "usage", "models", "route", "transforms", "plugins", "session_id", "trace",
         "top_k", "min_p", "top_a", "repetition_penalty"}
    )  # fmt: skip

    def effort(self, body: Json) -> str | None:
        effort: str | None = (body.get("reasoning") or {}).get("effort")
        return effort or super().effort(body)

    def answer(self, answer: Answer) -> Json:
        return {**super().answer(answer), "provider": "Simulated"}

    def choice(self, answer: Answer) -> Json:
        choice = super().choice(answer)
        return {**choice, "native_finish_reason": choice["finish_reason"]}

    def error(self, complaint: Complaint) -> Json:
        return {"error": {"message": complaint.message, "code": complaint.status}, "user_id": "user_sim"}
