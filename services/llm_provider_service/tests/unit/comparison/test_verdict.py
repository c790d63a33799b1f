"""What verdict a text gives, and which texts give none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_core.domain_enums import EssayComparisonWinner
from services.llm_provider_service.comparison.verdict import VERDICT_SCHEMA, accept, verdict_of
from services.llm_provider_service.domain.completion import (
    CompletionAnswer,
    FinishReason,
    ReasoningPart,
    RejectionReason,
    TextPart,
    ToolCallPart,
)
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN
from services.llm_provider_service.tests.unit.comparison.samples import answered

GOOD = '{"justification": "It is better argued.", "winner": "Essay B", "confidence": 4.2}'
SECRET = "pqxz"


def said(**changes: Any) -> str:
    """A good answer with some fields changed, or left out where they are `...`."""
    fields = {"justification": "It is better argued.", "winner": "Essay B", "confidence": 4.2, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


def test_a_good_answer_is_read_as_it_stands() -> None:
    verdict = verdict_of(answered(GOOD))

    assert accept(answered(GOOD)) is None
    assert verdict.winner is EssayComparisonWinner.ESSAY_B
    assert (verdict.justification, verdict.confidence) == ("It is better argued.", 4.2)
    assert not verdict.justification_truncated


@pytest.mark.parametrize(
    "text",
    [
        f"\n {GOOD}\t\r\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"  ```json \r\n{GOOD}\r\n``` \n",
        f"```JSON\n{GOOD}```",
        f"```json {GOOD} ```",
        GOOD.replace(": ", " :\n\t").replace(", ", "\r\n,"),
        '{"confidence": 4.2, "winner": "Essay B", "justification": "It\\u0020is better argued."}',
    ],
)
def test_white_space_one_fence_around_it_all_and_the_order_of_the_keys_do_not_matter(text: str) -> None:
    assert accept(answered(text)) is None
    assert verdict_of(answered(text)).winner is EssayComparisonWinner.ESSAY_B


@pytest.mark.parametrize(("confidence", "read"), [(1, 1.0), (5, 5.0), (1.0, 1.0), (4.25, 4.25), (5.0, 5.0)])
def test_the_confidence_keeps_its_scale_from_one_to_five(confidence: float, read: float) -> None:
    verdict = verdict_of(answered(said(confidence=confidence)))

    assert verdict.confidence == read
    assert isinstance(verdict.confidence, float)


def test_a_model_s_reasoning_is_no_part_of_the_answer() -> None:
    answer = CompletionAnswer(
        parts=(ReasoningPart(text="Essay A seems better at first."), TextPart(GOOD)),
        finish_reason=FinishReason.STOP,
        usage=USAGE_UNKNOWN,
        model="some-model",
    )

    assert verdict_of(answer).winner is EssayComparisonWinner.ESSAY_B


MALFORMED = {
    "nothing": "",
    "white space": " \n\t ",
    "an empty fence": "```json\n\n```",
    "prose": f"Essay A is better. {SECRET}",
    "prose before the object": f"Here is my verdict: {GOOD}",
    "prose after the object": f"{GOOD} I hope this helps.",
    "a full stop after the object": f"{GOOD}.",
    "two objects": f"{GOOD}{GOOD}",
    "two objects on two lines": f"{GOOD}\n{said(winner='Essay A')}",
    "an object that is cut": GOOD[:-1],
    "an object that is cut in a text": GOOD[:20],
    "single quotes": GOOD.replace('"', "'"),
    "a trailing comma": GOOD.replace("}", ",}"),
    "a comment": GOOD.replace("}", "/* sure */}"),
    "a byte order mark": f"\ufeff{GOOD}",
    "a no-break space before it": f"\u00a0{GOOD}",
    "a fence in prose": f"Sure:\n```json\n{GOOD}\n```",
    "a fence and prose": f"```json\n{GOOD}\n```\nDone.",
    "two fences": f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```",
    "a fence in a fence": f"```\n```json\n{GOOD}\n```\n```",
    "a fence that is not closed": f"```json\n{GOOD}",
    "a fence that is not opened": f"{GOOD}\n```",
    "a fence of another language": f"```python\n{GOOD}\n```",
    "an inline fence": f"`{GOOD}`",
    "an xml tag": f"<answer>{GOOD}</answer>",
    "a text": json.dumps(GOOD),
    "an array": f"[{GOOD}]",
    "null": "null",
    "a number": "4",
    "an empty object": "{}",
    "an object in an object": f'{{"verdict": {GOOD}}}',
    "no winner": said(winner=...),
    "a winner of null": said(winner=None),
    "an empty winner": said(winner=""),
    "a tie": said(winner="Tie"),
    "both": said(winner="Essay A and Essay B"),
    "neither": said(winner="Neither"),
    "only the letter": said(winner="A"),
    "small letters": said(winner="essay a"),
    "capitals": said(winner="ESSAY A"),
    "a full stop": said(winner="Essay B."),
    "a blank after the winner": said(winner="Essay B "),
    "a no-break space in the winner": said(winner="Essay\u00a0B"),
    "a cyrillic letter": said(winner="Essay А"),
    "a zero-width space": said(winner="Essay A\u200b"),
    "an unknown essay": said(winner="Essay C"),
    "another word": said(winner=SECRET),
    "a winner in a list": said(winner=["Essay A"]),
    "a winner in an object": said(winner={"Essay A": True}),
    "a winner that is a number": said(winner=1),
    "a winner that is true": said(winner=True),
    "the winner's key in capitals": GOOD.replace("winner", "Winner"),
    "the winner twice": GOOD.replace("}", ', "winner": "Essay A"}'),
    "the same winner twice": GOOD.replace("}", ', "winner": "Essay B"}'),
    "the winner twice, once escaped": GOOD.replace("}", ', "w\\u0069nner": "Essay A"}'),
    "another key": said(score=3),
    "another key with a secret": said(**{SECRET: SECRET}),
    "no confidence": said(confidence=...),
    "a confidence of null": said(confidence=None),
    "a confidence of 7": said(confidence=7),
    "a confidence of 0": said(confidence=0),
    "a confidence just below the scale": said(confidence=0.999),
    "a confidence just above the scale": said(confidence=5.0001),
    "a confidence of -3": said(confidence=-3),
    "a confidence of 85 percent": said(confidence=85),
    "a confidence in quotes": said(confidence="4"),
    "a confidence in words": said(confidence="high"),
    "a confidence that is true": said(confidence=True),
    "a confidence in a list": said(confidence=[4]),
    "a confidence of NaN": said(confidence=float("nan")),
    "a confidence of infinity": said(confidence=float("inf")),
    "a confidence that overflows": said(confidence=...).replace("}", ', "confidence": 1e999}'),
    "a confidence of 5000 digits": said(confidence=...).replace("}", ', "confidence": ' + "1" * 5000 + "}"),
    "a confidence with a plus": GOOD.replace("4.2", "+4.2"),
    "a confidence with a comma": GOOD.replace("4.2", "4,2"),
    "a confidence in hexadecimal": GOOD.replace("4.2", "0x4"),
    "no justification": said(justification=...),
    "a justification of null": said(justification=None),
    "an empty justification": said(justification=""),
    "a blank justification": said(justification=" \n\u00a0"),
    "a justification in a list": said(justification=[SECRET]),
    "a justification that is a number": said(justification=5),
    "a NUL in the justification": said(justification=f"{SECRET}\0"),
    "half a surrogate pair": said(justification=f"{SECRET}\ud83d"),
    "a raw line break in a text": GOOD.replace("It is", "It\nis"),
    "a hundred thousand brackets": "[" * 100_000,
    "a hundred thousand objects": '{"winner":' * 100_000,
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_answer_gives_no_verdict_and_never_a_default_winner(text: str) -> None:
    rejection = accept(answered(text))

    assert rejection is not None
    assert SECRET not in rejection.message
    assert len(rejection.message) < 120
    assert rejection.message.endswith(".")
    with pytest.raises(ValueError, match=r"\.$"):
        verdict_of(answered(text))


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("white space", RejectionReason.EMPTY, "empty"),
        ("prose", RejectionReason.NOT_JSON, "exactly one JSON object"),
        ("two objects", RejectionReason.NOT_JSON, "exactly one JSON object"),
        ("an array", RejectionReason.NOT_THE_SCHEMA, "not an array"),
        ("null", RejectionReason.NOT_THE_SCHEMA, "not null"),
        ("the winner twice", RejectionReason.NOT_THE_SCHEMA, "twice"),
        ("another key", RejectionReason.NOT_THE_SCHEMA, "no others"),
        ("a tie", RejectionReason.NOT_THE_SCHEMA, 'exactly "Essay A" or exactly "Essay B"'),
        ("a winner in an object", RejectionReason.NOT_THE_SCHEMA, "not an object"),
        ("a confidence of 7", RejectionReason.NOT_THE_SCHEMA, "between 1 and 5"),
        ("a confidence in quotes", RejectionReason.NOT_THE_SCHEMA, "not a string"),
        ("a confidence that is true", RejectionReason.NOT_THE_SCHEMA, "not a boolean"),
        ("an empty justification", RejectionReason.NOT_THE_SCHEMA, "justification must not be empty"),
        ("a justification that is a number", RejectionReason.NOT_THE_SCHEMA, "not a number"),
        ("half a surrogate pair", RejectionReason.NOT_THE_SCHEMA, "not text"),
    ],
)
def test_a_rejection_says_in_our_words_what_is_wrong(name: str, reason: RejectionReason, words: str) -> None:
    rejection = accept(answered(MALFORMED[name]))

    assert rejection is not None
    assert rejection.reason is reason
    assert words in rejection.message


def test_a_call_of_a_tool_is_no_verdict_even_beside_a_good_text() -> None:
    call = ToolCallPart(call_id="1", name="verdict", arguments={"winner": "Essay A"})
    answer = CompletionAnswer(
        parts=(TextPart(GOOD), call), finish_reason=FinishReason.TOOL_CALL, usage=USAGE_UNKNOWN, model="some-model"
    )

    rejection = accept(answer)

    assert rejection is not None
    assert rejection.reason is RejectionReason.UNEXPECTED_TOOL_CALL


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(("Essay A", "Essay B")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    winner=JSON,
    confidence=JSON,
    justification=JSON,
    more=st.dictionaries(st.sampled_from(("reason", "score")), JSON),
)
def test_whatever_json_arrives_an_accepted_one_names_a_winner_itself(
    winner: Any, confidence: Any, justification: Any, more: dict[str, Any]
) -> None:
    answer = answered(json.dumps({"winner": winner, "confidence": confidence, "justification": justification, **more}))

    if accept(answer) is None:
        verdict = verdict_of(answer)
        assert verdict.winner == winner
        assert verdict.confidence == confidence
        assert 1 <= verdict.confidence <= 5
        assert 1 <= len(verdict.justification) <= 1000
        assert more == {}


@given(text=st.text())
def test_no_text_makes_the_reading_fail_otherwise_than_by_a_rejection(text: str) -> None:
    assert accept(answered(text)) is not None
    assert accept(answered(f"```json\n{text}\n```")) is not None


@given(words=st.lists(st.text(st.characters(exclude_categories=("Cs", "Z", "Cc")), min_size=1, max_size=30)))
def test_a_justification_is_never_longer_than_a_thousand_characters_and_says_when_it_was_cut(words: list[str]) -> None:
    justification = " ".join(["So", *words * 20])

    verdict = verdict_of(answered(said(justification=justification)))

    assert verdict.justification_truncated is (len(justification) > 1000)
    if verdict.justification_truncated:
        assert len(verdict.justification) <= 1000
        assert verdict.justification.endswith("…")
        kept = verdict.justification.removesuffix("…")
        assert justification.startswith(kept)
        assert justification[len(kept)].isspace()
    else:
        assert verdict.justification == justification


@pytest.mark.parametrize(
    ("justification", "kept"),
    [
        ("x" * 1000, "x" * 1000),
        ("x" * 1001, "x" * 999 + "…"),
        ("好" * 3000, "好" * 999 + "…"),
        ("a " * 600, "a " * 499 + "a…"),
        ("x" * 999 + " end", "x" * 999 + "…"),
        ("x" * 998 + " end", "x" * 998 + "…"),
        ("x" * 600 + " " + "y" * 600, "x" * 600 + "…"),
        ("x " + "y" * 2000, "x " + "y" * 997 + "…"),
    ],
)
def test_a_long_justification_is_cut_at_a_word_unless_that_would_throw_most_of_it_away(
    justification: str, kept: str
) -> None:
    assert verdict_of(answered(said(justification=justification))).justification == kept


def test_control_and_bidirectional_characters_in_a_justification_are_kept_as_they_are() -> None:
    justification = "one\ttwo\nthree\x1b[0m\u202efour\u200b 💪"

    assert verdict_of(answered(said(justification=justification))).justification == justification


def test_the_schema_given_to_the_model_says_the_same_as_the_reading() -> None:
    schema = VERDICT_SCHEMA.schema

    assert schema["additionalProperties"] is False
    assert sorted(schema["required"]) == sorted(schema["properties"]) == ["confidence", "justification", "winner"]
    assert schema["properties"]["winner"]["enum"] == ["Essay A", "Essay B"]
    assert (schema["properties"]["confidence"]["minimum"], schema["properties"]["confidence"]["maximum"]) == (1, 5)
