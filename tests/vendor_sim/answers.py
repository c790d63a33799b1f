"""What the simulated model would say to a request, and what that costs."""

from __future__ import annotations

from dataclasses import replace

import orjson

from tests.vendor_sim.judging import SMALL_TALK, Judge, filled, verdict_on
from tests.vendor_sim.values import Answer, Asked, Finish, Json, Shape, Tokens, count_tokens

_REASONING_TOKENS = {"minimal": 16, "low": 64, "medium": 128, "high": 256, "xhigh": 512, "max": 512}
_NO_EFFORT = frozenset({None, "none"})


def true_answer(asked: Asked, *, number: int, judge: Judge, seed: int) -> Answer:
    """The answer of an honest vendor: in the wanted shape, cut where the output limit is, with the tokens counted."""
    verdict = verdict_on(asked, mode=judge, seed=seed)
    text, arguments, tool = _said(asked, verdict)
    reasoning = 0 if asked.effort in _NO_EFFORT else _REASONING_TOKENS.get(str(asked.effort), 128)
    answer = Answer(
        model=asked.model,
        text=text,
        finish=Finish.TOOL_CALL if tool else Finish.STOP,
        tokens=Tokens(
            input=count_tokens(asked.system_text) + count_tokens(asked.user_text),
            output=count_tokens(text) + reasoning,
            reasoning=reasoning,
        ),
        tool_name=tool,
        arguments=arguments,
        number=number,
    )
    if asked.output_limit is not None and answer.tokens.output > asked.output_limit:
        return truncated(answer, limit=asked.output_limit)
    return answer


def truncated(answer: Answer, *, limit: int) -> Answer:
    """*answer* as far as *limit* output tokens go; reasoning is spent first."""
    reasoning = min(answer.tokens.reasoning, limit)
    text = answer.text.encode()[: 4 * (limit - reasoning)].decode(errors="ignore")
    tokens = replace(answer.tokens, output=limit, reasoning=reasoning)
    return replace(answer, text=text, finish=Finish.LENGTH, tokens=tokens, tool_name="", arguments={})


def saying(answer: Answer, text: str) -> Answer:
    """*answer* with other words, and their tokens."""
    tokens = replace(answer.tokens, output=count_tokens(text) + answer.tokens.reasoning)
    return replace(answer, text=text, finish=Finish.STOP, tokens=tokens, tool_name="", arguments={})


def _said(asked: Asked, verdict: Json | None) -> tuple[str, Json, str]:
    """Text, tool arguments and tool name; the text of a tool call is its arguments in JSON."""
    if asked.shape is Shape.TEXT:
        return (SMALL_TALK if verdict is None else orjson.dumps(verdict).decode()), {}, ""
    fields = filled(asked.schema, verdict or {})
    text = orjson.dumps(fields).decode()
    return (text, fields, asked.tool_name) if asked.shape is Shape.TOOL else (text, {}, "")
