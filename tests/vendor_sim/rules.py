"""What the real vendors refuse although their SDK types allow it. Data, with the vendor's words for each.

Sources, read in November 2026: error bodies quoted in public issues (temperature and max_tokens on reasoning models,
tools with reasoning on GPT-5.6, temperature on Claude 4.7 and later), the vendors' guides to structured output and to
thinking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.vendor_sim.values import Complaint, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`broken` looks at a body whose model matches `models`. `{value}` in the message is the value of `param`."""

    models: str = ""
    broken: Callable[[Json], bool]
    message: str
    param: str | None = None
    code: str | None = None

    def complaint(self, body: Json) -> Complaint | None:
        """The complaint about *body*, if the rule is for its model and is broken."""
        model = str(body.get("model", "")).rsplit("/", 1)[-1]
        if not re.match(self.models, model) or not self.broken(body):
            return None
        value = body.get(self.param) if self.param else None
        return Complaint(message=self.message.replace("{value}", str(value)), param=self.param, code=self.code)


def broken(rules: tuple[Rule, ...], body: Json) -> list[Complaint]:
    """All complaints of *rules* about *body*."""
    return [complaint for rule in rules if (complaint := rule.complaint(body))]


_REASONING = r"(gpt-5(?!-chat)|gpt-6|o1|o3|o4)"
_ALWAYS_REASONING = r"(gpt-5-|gpt-5$|gpt-5\.[5-9]|gpt-6|o1|o3|o4)(?!chat)"
_NONE_BY_DEFAULT = r"gpt-5\.[1-4](?!-chat)"
_NO_FUNCTION_TOOLS = r"(gpt-5\.[6-9]|gpt-6)"
_CLAUDE_SINCE_4_7 = r"claude-(opus-4-[789]|(opus|sonnet|haiku|fable|mythos)-([5-9]|preview))"
_CLAUDE_BEFORE_4_5 = r"claude-(2|3|instant|opus-4-[01]\b|sonnet-4-0|(opus|sonnet)-4-2025)"


def _has(*names: str) -> Callable[[Json], bool]:
    return lambda body: any(body.get(name) is not None for name in names)


def _other_than(name: str, *allowed: object) -> Callable[[Json], bool]:
    return lambda body: body.get(name) is not None and body[name] not in allowed


def _warm_while_thinking(body: Json) -> bool:
    return body.get("reasoning_effort") not in (None, "none") and _other_than("temperature", 1)(body)


def _sampling(body: Json, name: str) -> Any:
    return (body.get("generationConfig") or {}).get(name)


_ONLY_ONE = (
    "Unsupported value: 'temperature' does not support {value} with this model. "
    "Only the default (1) value is supported."
)

_CHAT_RULES = (
    Rule(
        broken=lambda body: not body["messages"],
        message="Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty one.",
        param="messages",
        code="empty_array",
    ),
    Rule(
        broken=lambda body: not body["model"],
        message="you must provide a model parameter",
        param="model",
    ),
    Rule(
        broken=lambda body: (body.get("temperature") or 0) > 2,
        message="Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got {value} instead.",
        param="temperature",
        code="decimal_above_max_value",
    ),
    Rule(
        broken=lambda body: any(_strictness(schema) for schema in _strict_chat_schemas(body)),
        message="Invalid schema for response_format: 'additionalProperties' is required to be supplied and to be false,"
        " and 'required' is required to be supplied and to be an array including every key in properties.",
        param="response_format",
    ),
)

OPENAI_RULES = (
    *_CHAT_RULES,
    Rule(
        models=_REASONING,
        broken=_has("max_tokens"),
        message="Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        param="max_tokens",
        code="unsupported_parameter",
    ),
    Rule(
        models=_ALWAYS_REASONING,
        broken=_other_than("temperature", 1),
        message=_ONLY_ONE,
        param="temperature",
        code="unsupported_value",
    ),
    Rule(
        models=_NONE_BY_DEFAULT,
        broken=_warm_while_thinking,
        message=_ONLY_ONE,
        param="temperature",
        code="unsupported_value",
    ),
    Rule(
        models=_REASONING,
        broken=_has("stop"),
        message="Unsupported parameter: 'stop' is not supported with this model.",
        param="stop",
        code="unsupported_parameter",
    ),
    Rule(
        models=r"(gpt-5(-|$)|o1|o3|o4|gpt-6\.2)",
        broken=lambda body: body.get("reasoning_effort") == "none",
        message="Unsupported value: 'reasoning_effort' does not support 'none' with this model.",
        param="reasoning_effort",
        code="unsupported_value",
    ),
    Rule(
        models=r"(gpt-3|gpt-4|chatgpt-)",
        broken=_has("reasoning_effort"),
        message="Unrecognized request argument supplied: reasoning_effort",
        param="reasoning_effort",
    ),
    Rule(
        models=_NO_FUNCTION_TOOLS,
        broken=lambda body: bool(body.get("tools")) and body.get("reasoning_effort") != "none",
        message="Function tools with reasoning_effort are not supported for this model in /v1/chat/completions.",
        param="reasoning_effort",
    ),
)

OPENROUTER_RULES = (
    *_CHAT_RULES,
    Rule(
        broken=lambda body: "/" not in body["model"] and not body["model"].startswith("sim-"),
        message="{value} is not a valid model ID",
        param="model",
    ),
)

ANTHROPIC_RULES = (
    Rule(broken=lambda body: not body["messages"], message="messages: at least one message is required"),
    Rule(broken=lambda body: body["max_tokens"] < 1, message="max_tokens: must be greater than or equal to 1"),
    Rule(
        models=_CLAUDE_SINCE_4_7,
        broken=_has("temperature", "top_p", "top_k"),
        message="`temperature` is deprecated for this model.",
    ),
    Rule(broken=lambda body: (body.get("temperature") or 0) > 1, message="temperature: range: 0..1"),
    Rule(
        models=r"claude-(opus-4-[1-6]|sonnet-4-[56]|haiku-4)",
        broken=lambda body: body.get("temperature") is not None and body.get("top_p") is not None,
        message="`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    ),
    Rule(
        broken=lambda body: _thinks(body) and _other_than("temperature", 1)(body),
        message="`temperature` may only be set to 1 when thinking is enabled.",
    ),
    Rule(
        broken=lambda body: _thinks(body) and (body.get("tool_choice") or {}).get("type") in ("any", "tool"),
        message="Thinking may not be enabled when tool_choice forces tool use.",
    ),
    Rule(
        broken=lambda body: (body.get("thinking") or {}).get("budget_tokens", 0) >= body["max_tokens"],
        message="`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    Rule(
        broken=lambda body: (body.get("thinking") or {}).get("budget_tokens", 1024) < 1024,
        message="thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    Rule(
        models=_CLAUDE_SINCE_4_7,
        broken=lambda body: (body.get("thinking") or {}).get("type") == "enabled",
        message='"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" instead.',
    ),
    Rule(
        models=_CLAUDE_BEFORE_4_5,
        broken=lambda body: bool((body.get("output_config") or {}).get("format")),
        message="output_config.format: structured outputs are not supported for this model",
    ),
    Rule(
        broken=lambda body: any(_closedness(schema) for schema in _constrained_claude_schemas(body)),
        message="output_config.format.schema: For 'object' type, 'additionalProperties' must be set to false",
    ),
    Rule(
        broken=lambda body: any(_too_fine(schema) for schema in _constrained_claude_schemas(body)),
        message="output_config.format.schema: properties maximum, minimum, maxLength, minLength are not supported",
    ),
)

GOOGLE_RULES = (
    Rule(
        broken=lambda body: not body["contents"], message="* GenerateContentRequest.contents: contents is not specified"
    ),
    Rule(
        broken=lambda body: any(c.get("role", "user") not in ("user", "model") for c in body["contents"]),
        message="Please use a valid role: user, model.",
    ),
    Rule(
        broken=lambda body: (
            bool(_sampling(body, "responseJsonSchema") or _sampling(body, "responseSchema"))
            and _sampling(body, "responseMimeType") != "application/json"
        ),
        message="Response schema is only supported with response mime type application/json",
    ),
    Rule(
        broken=lambda body: bool(_sampling(body, "responseJsonSchema") and _sampling(body, "responseSchema")),
        message="Only one of response_schema and response_json_schema may be set.",
    ),
    Rule(
        broken=lambda body: not 0 <= (_sampling(body, "temperature") or 0) <= 2,
        message="Unable to submit request because it has a temperature value that is out of range [0, 2].",
    ),
    Rule(
        broken=lambda body: {"thinkingLevel", "thinkingBudget"} <= (_sampling(body, "thinkingConfig") or {}).keys(),
        message="You can only set only one of thinking budget and thinking level.",
    ),
)


def _thinks(body: Json) -> bool:
    return (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")


def _strict_chat_schemas(body: Json) -> Iterator[Mapping[str, Any]]:
    wanted = (body.get("response_format") or {}).get("json_schema") or {}
    if wanted.get("strict"):
        yield from _objects(wanted.get("schema") or {})
    for tool in body.get("tools") or []:
        if (tool.get("function") or {}).get("strict"):
            yield from _objects(tool["function"].get("parameters") or {})


def _constrained_claude_schemas(body: Json) -> Iterator[Mapping[str, Any]]:
    wanted = (body.get("output_config") or {}).get("format") or {}
    yield from _objects(wanted.get("schema") or {})
    for tool in body.get("tools") or []:
        if tool.get("strict"):
            yield from _objects(tool.get("input_schema") or {})


def _objects(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """*schema* and all schemas inside it."""
    yield schema
    for member in (schema.get("properties") or {}).values():
        yield from _objects(member)
    if isinstance(schema.get("items"), dict):
        yield from _objects(schema["items"])


def _closedness(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" and schema.get("additionalProperties") is not False


def _strictness(schema: Mapping[str, Any]) -> bool:
    unrequired = set(schema.get("properties") or {}) - set(schema.get("required") or [])
    return _closedness(schema) or bool(unrequired)


_CONSTRAINTS_CLAUDE_LACKS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
                                       "minLength", "maxLength", "maxItems"})  # fmt: skip


def _too_fine(schema: Mapping[str, Any]) -> bool:
    return bool(_CONSTRAINTS_CLAUDE_LACKS & schema.keys())
