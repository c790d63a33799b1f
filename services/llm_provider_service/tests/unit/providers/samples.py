"""Requests that the tests of this room say in every vendor's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import ReasoningEffortLevel
from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    ImagePart,
    Message,
    ReasoningPart,
    ResponseSchema,
    Role,
    Sampling,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

VERDICT_SCHEMA = ResponseSchema(
    name="verdict",
    schema={
        "type": "object",
        "properties": {
            "justification": {"type": "string", "minLength": 1, "maxLength": 1000, "description": "Why."},
            "winner": {"type": "string", "enum": ["Essay A", "Essay B"]},
            "confidence": {"type": "number", "minimum": 1, "maximum": 5},
        },
        "required": ["justification", "winner", "confidence"],
        "additionalProperties": False,
    },
)
VERDICT_TEXT = '{"justification":"A argues.","winner":"Essay A","confidence":4}'
QUESTION = (Message(Role.USER, (TextPart("Which essay is better? Räksmörgås 🦐"),)),)
WEATHER = Tool(
    name="weather",
    description="The weather in a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CALL = ToolCallPart(call_id="call_1", name="weather", arguments={"city": "Uppsala"})
RESULT = ToolResultPart(call_id="call_1", name="weather", content="sunny")
PNG = ImagePart(media_type="image/png", data_base64="iVBORw0KGgo=")

VERDICT = CompletionRequest(
    messages=QUESTION,
    system="You compare essays.",
    response_schema=VERDICT_SCHEMA,
    defaults=Sampling(temperature=0.0, max_output_tokens=1000),
)
PLAIN = CompletionRequest(messages=QUESTION)
GIVEN = CompletionRequest(messages=QUESTION, sampling=Sampling(temperature=0.0, max_output_tokens=64))
EFFORT = CompletionRequest(messages=QUESTION, sampling=Sampling(reasoning_effort=ReasoningEffortLevel.LOW))
TOOLS = CompletionRequest(
    messages=(
        Message(Role.USER, (TextPart("What is this, and how is the weather?"), PNG)),
        Message(Role.ASSISTANT, (TextPart("A cat."), CALL)),
        Message(Role.USER, (RESULT, TextPart("And tomorrow?"))),
    ),
    tools=(WEATHER,),
)
SIGNED = CompletionRequest(
    messages=(
        *QUESTION,
        Message(Role.ASSISTANT, (ReasoningPart(text="Hm.", signature="c2ln"), TextPart("A."), CALL)),
        Message(Role.USER, (RESULT,)),
    ),
    tools=(WEATHER,),
)
REQUESTS: Mapping[str, CompletionRequest] = {
    "verdict": VERDICT,
    "plain": PLAIN,
    "given": GIVEN,
    "effort": EFFORT,
    "tools": TOOLS,
    "signed": SIGNED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """One request as one model gets it; the bytes are in `golden/<name>.json`."""

    provider: LLMProviderType
    model: str
    request: str

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return f"{self.provider}-{self.model}-{self.request}".replace("/", "_").replace(":", "_")


_ANTHROPIC, _OPENAI = LLMProviderType.ANTHROPIC, LLMProviderType.OPENAI
_GOOGLE, _OPENROUTER, _OLLAMA = LLMProviderType.GOOGLE, LLMProviderType.OPENROUTER, LLMProviderType.OLLAMA
_MATRIX: Mapping[tuple[LLMProviderType, str], tuple[str, ...]] = {
    (_ANTHROPIC, "claude-sonnet-5-5"): ("verdict", "plain", "effort", "tools", "signed"),
    (_ANTHROPIC, "claude-haiku-4-5"): ("verdict", "given", "effort"),
    (_ANTHROPIC, "claude-opus-4-1"): ("verdict",),
    (_ANTHROPIC, "claude-of-tomorrow"): ("verdict", "plain", "given", "effort"),
    (_OPENAI, "gpt-6-astra"): ("verdict", "plain", "effort"),
    (_OPENAI, "gpt-5.6-luna"): ("tools",),
    (_OPENAI, "gpt-4.1"): ("verdict", "given", "tools"),
    (_OPENAI, "gpt-4"): ("verdict",),
    (_OPENAI, "gpt-of-tomorrow"): ("verdict", "given", "effort"),
    (_GOOGLE, "gemini-3.8-flash"): ("verdict", "plain", "given", "effort", "tools", "signed"),
    (_GOOGLE, "gemini-2.5-flash"): ("effort",),
    (_GOOGLE, "gemini-of-tomorrow"): ("verdict",),
    (_OPENROUTER, "anthropic/claude-sonnet-5.5"): ("verdict", "effort"),
    (_OPENROUTER, "openai/gpt-4.1"): ("tools",),
    (_OPENROUTER, "some/model"): ("verdict", "given", "effort"),
    (_OLLAMA, "llama3.3"): ("verdict", "given"),
    (_OLLAMA, "gpt-oss:20b"): ("effort",),
}
GOLDEN = tuple(
    Golden(provider=provider, model=model, request=name)
    for (provider, model), names in _MATRIX.items()
    for name in names
)
