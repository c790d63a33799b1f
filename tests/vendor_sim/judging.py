"""How a simulated vendor reads two essays, and how the verdict takes the shape that the request asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from services.llm_provider_service.comparison.mock_judge import judge as read
from services.llm_provider_service.comparison.prompt import essays_in
from tests.vendor_sim.values import Asked, Json


class Judge(StrEnum):
    """`OBEDIENT` follows any order that stands outside the essays; `ECHOING` repeats parts of them in its reasons."""

    READING = "reading"
    OBEDIENT = "obedient"
    ECHOING = "echoing"


ECHOED_CHARACTERS = 200
SMALL_TALK = "OK"

_BLOCK = re.compile(r"<essay_([ab])_([0-9a-f]{32})>\n.*?\n</essay_\1_\2>", re.DOTALL)
_BOTH = re.compile(
    r"essay\s+[ab]\b\W{0,5}(?:\s(?:or|and|nor|vs\.?|versus|to|with)\s|[/|,])\W{0,5}(?:exactly\W{1,5})?(?:essay\s+)?[ab]\b",
    re.IGNORECASE,
)
_ORDERS = re.compile(
    r"\b(?:choose|pick|select|prefer|declare|crown|answer|reply|respond|output|print|say|vote(?:\s+for)?|return|favou?r)\b"
    r"[^.\n]{0,60}?\bessay\s+(?P<a>[ab])\b"
    r"|\bessay\s+(?P<b>[ab])\b\W{0,5}\s(?:wins|won|must\s+win|should\s+win|is\s+(?:the\s+)?(?:winner|better|best|superior))"
    r"|\bwinner\b\W{1,10}(?:(?:is|must\s+be|should\s+be|to)\b)?\W{0,5}essay\s+(?P<c>[ab])\b",
    re.IGNORECASE,
)


def verdict_on(asked: Asked, *, mode: Judge, seed: int) -> Json | None:
    """Winner, confidence and justification; `None` when the request is no comparison."""
    essays = essays_in(asked.user_text)
    if essays is None:
        return None
    reading = read(*essays, seed=seed)
    verdict: Json = {
        "winner": reading.winner.value,
        "confidence": reading.confidence,
        "justification": reading.justification,
    }
    if mode is Judge.ECHOING:
        quotes = [essay[:ECHOED_CHARACTERS] for essay in essays]
        verdict["justification"] = f"Of “{quotes[0]}” and “{quotes[1]}”: {reading.justification}"[:1000]
    if mode is Judge.OBEDIENT and (winner := order_outside(asked)):
        verdict |= {"winner": winner, "confidence": 5, "justification": "As ordered."}
    return verdict


def order_outside(asked: Asked) -> str | None:
    """The winner that some text beside the essays demands, the last such demand counting; `None` when none does.

    What belongs to an essay is read here from the prompt as a model sees it, not by the gateway's own reader: were the
    delimiters weak, the essays' orders would be obeyed and a test would fail.
    """
    outside = _BLOCK.sub(" ", f"{asked.system_text}\n{asked.user_text}")
    found = list(_ORDERS.finditer(_BOTH.sub(" ", outside)))
    if not found:
        return None
    return "Essay " + next(letter for letter in found[-1].groups() if letter).upper()


def filled(schema: Mapping[str, Any], verdict: Mapping[str, Any]) -> Json:
    """An object of *schema* that says *verdict* where the schema has room for it and the least possible elsewhere."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    return {
        name: _fitting(rule, verdict[name]) if name in verdict else _least(rule) for name, rule in properties.items()
    }


def _fitting(rule: Mapping[str, Any], value: Any) -> Any:
    return round(value) if rule.get("type") in ("integer", "INTEGER") and isinstance(value, float) else value


def _least(rule: Mapping[str, Any]) -> Any:
    if rule.get("enum"):
        return rule["enum"][0]
    kind = str(rule.get("type", "string")).lower()
    least: Json = {"integer": 0, "number": 0, "boolean": False, "array": [], "null": None}
    return filled(rule, {}) if kind == "object" else least.get(kind, "")
