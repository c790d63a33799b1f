"""Reads the verdict from a model's answer: strictly by the schema, without repairs or guesses."""

from __future__ import annotations

import re
from functools import lru_cache
from json import JSONDecoder
from typing import Any, NoReturn

from common_core.domain_enums import EssayComparisonWinner
from services.llm_provider_service.domain.comparison import Verdict
from services.llm_provider_service.domain.completion import (
    CompletionAnswer,
    Rejection,
    RejectionReason,
    ResponseSchema,
    TextPart,
    ToolCallPart,
)

CONFIDENCE_MIN = 1
CONFIDENCE_MAX = 5
JUSTIFICATION_MAX = 1000

# The justification comes first: a model that writes its reasons first decides after them.
VERDICT_SCHEMA = ResponseSchema(
    name="verdict",
    schema={
        "type": "object",
        "properties": {
            "justification": {
                "type": "string",
                "description": "Why this essay is better, in 1 to 1000 characters.",
            },
            "winner": {
                "type": "string",
                "enum": [winner.value for winner in EssayComparisonWinner],
            },
            "confidence": {
                "type": "number",
                "minimum": CONFIDENCE_MIN,
                "maximum": CONFIDENCE_MAX,
                "description": "From 1 (hardly sure) to 5 (certain).",
            },
        },
        "required": ["justification", "winner", "confidence"],
        "additionalProperties": False,
    },
)

_KEYS = frozenset(VERDICT_SCHEMA.schema["properties"])
_WINNERS = {winner.value: winner for winner in EssayComparisonWinner}
_JSON_WHITESPACE = " \t\r\n"
_FENCED = re.compile(r"```(?:json)?(.*)```", re.DOTALL | re.IGNORECASE)
_JSON_TYPES = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
}


def accept(answer: CompletionAnswer) -> Rejection | None:
    """Returns why *answer* is no verdict, or `None` if it is one."""
    found = _read(answer)
    return found if isinstance(found, Rejection) else None


def verdict_of(answer: CompletionAnswer) -> Verdict:
    """Returns the verdict of an accepted answer; raises `ValueError` for one that `accept` rejects."""
    match _read(answer):
        case Rejection(message=message):
            raise ValueError(message)
        case found:
            return found


class _RepeatedKey(ValueError):
    """One object holds a key twice, so its value is ambiguous."""


def _read(answer: CompletionAnswer) -> Verdict | Rejection:
    text = ""
    for part in answer.parts:
        if isinstance(part, ToolCallPart):
            return Rejection(
                reason=RejectionReason.UNEXPECTED_TOOL_CALL,
                message="It called a tool instead of giving a verdict.",
            )
        if isinstance(part, TextPart):
            text += part.text
    return _of_short_text(text) if len(text) <= _LONGEST_KEPT_TEXT else _of_text(text)


def _of_text(whole: str) -> Verdict | Rejection:
    text = _unfenced(whole.strip(_JSON_WHITESPACE))
    if not text:
        return Rejection(reason=RejectionReason.EMPTY, message="It was empty.")
    try:
        value = _decode(text)
    except _RepeatedKey:
        return _not_the_schema("A key appears twice in the object.")
    except (ValueError, RecursionError):
        return Rejection(
            reason=RejectionReason.NOT_JSON,
            message="It was not exactly one JSON object.",
        )
    return _verdict(value)


# An answer is read when it is checked, when it is returned, and for every cache hit; this `lru_cache` stays below 2 MB.
_KEPT_TEXTS = 256
_LONGEST_KEPT_TEXT = 4_000
_of_short_text = lru_cache(_KEPT_TEXTS)(_of_text)


def _verdict(value: Any) -> Verdict | Rejection:
    if not isinstance(value, dict):
        return _not_the_schema(f"It must be a JSON object, not {_json_type(value)}.")
    if value.keys() != _KEYS:
        return _not_the_schema("The object must have the keys justification, winner and confidence, and no others.")
    winner, confidence, justification = (
        value["winner"],
        value["confidence"],
        value["justification"],
    )
    if not isinstance(winner, str):
        return _not_the_schema(f"The winner must be text, not {_json_type(winner)}.")
    if winner not in _WINNERS:
        return _not_the_schema('The winner must be exactly "Essay A" or exactly "Essay B".')
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)):
        return _not_the_schema(f"The confidence must be a number, not {_json_type(confidence)}.")
    if not CONFIDENCE_MIN <= confidence <= CONFIDENCE_MAX:
        return _not_the_schema(f"The confidence must lie between {CONFIDENCE_MIN} and {CONFIDENCE_MAX}.")
    if not isinstance(justification, str):
        return _not_the_schema(f"The justification must be text, not {_json_type(justification)}.")
    if not justification.strip():
        return _not_the_schema("The justification must not be empty.")
    if not _storable(justification):
        return _not_the_schema("The justification contains a character that is not text.")
    return Verdict(
        winner=_WINNERS[winner],
        justification=_cut(justification),
        confidence=float(confidence),
        justification_truncated=len(justification) > JUSTIFICATION_MAX,
    )


def _unfenced(text: str) -> str:
    """Returns *text* without the code fence around all of it, if there is one."""
    if not text.startswith("```"):
        return text
    fenced = _FENCED.fullmatch(text)
    return fenced[1].strip(_JSON_WHITESPACE) if fenced else text


def _cut(justification: str) -> str:
    """Returns *justification* within the limit, cut between words unless that would remove half of it."""
    if len(justification) <= JUSTIFICATION_MAX:
        return justification
    head, following = (
        justification[: JUSTIFICATION_MAX - 1],
        justification[JUSTIFICATION_MAX - 1],
    )
    if not (head[-1].isspace() or following.isspace()):
        whole_words = head.rsplit(maxsplit=1)[0]
        head = whole_words if len(whole_words) > JUSTIFICATION_MAX // 2 else head
    return head.rstrip() + "…"


def _storable(text: str) -> bool:
    """Returns False for NUL, which databases refuse, and for half a surrogate pair, which is not valid UTF-8."""
    if "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _not_the_schema(message: str) -> Rejection:
    return Rejection(reason=RejectionReason.NOT_THE_SCHEMA, message=message)


def _json_type(value: Any) -> str:
    return "null" if value is None else _JSON_TYPES.get(type(value), "an object")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RepeatedKey
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


# The standard library's decoder: orjson silently takes the last of two equal keys.
_decode = JSONDecoder(object_pairs_hook=_distinct, parse_constant=_no_constant).decode
