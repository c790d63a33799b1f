"""The vendor-neutral completion: what may be asked of any model, and what any model may answer.

`None` always means "not given" (or, in usage, "unknown"); zero means zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from common_core.llm_contracts import ReasoningEffortLevel
from services.llm_provider_service.domain.usage import Usage


class Role(StrEnum):
    """Who speaks in a message; system text has a field of its own."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text, byte-identical to what the caller gave."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePart:
    """An image in the request itself; the gateway never fetches a URL."""

    media_type: str
    data_base64: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallPart:
    """The model asks for a tool; `arguments` is the parsed JSON object."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResultPart:
    """What the tool answered."""

    call_id: str
    name: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningPart:
    """A model's own reasoning, to be handed back unchanged; the signature is the vendor's and opaque."""

    text: str
    signature: str | None = None


ContentPart = TextPart | ImagePart | ToolCallPart | ToolResultPart | ReasoningPart


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation."""

    role: Role
    parts: tuple[ContentPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may call; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseSchema:
    """The JSON schema that the whole answer must satisfy."""

    name: str
    schema: Mapping[str, Any]


class Sampling(NamedTuple):
    """Knobs of one generation; each may be absent."""

    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: ReasoningEffortLevel | None = None


NOTHING_GIVEN = Sampling()


class RejectionReason(StrEnum):
    """Why an answer that a vendor delivered cannot be used."""

    NOT_JSON = "not_json"
    NOT_THE_SCHEMA = "not_the_schema"
    EMPTY = "empty"
    UNEXPECTED_TOOL_CALL = "unexpected_tool_call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """What is wrong with an answer, in our own words: `message` is quoted to the model and shown to the caller."""

    reason: RejectionReason
    message: str


class FinishReason(StrEnum):
    """Why the model stopped; refusals, filters and empty truncations arrive as failures, not here."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALL = "tool_call"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionAnswer:
    """What a vendor answered; `model` is the one that really answered, as the vendor names it."""

    parts: tuple[ContentPart, ...]
    finish_reason: FinishReason
    usage: Usage
    model: str
    vendor_request_id: str | None = None

    @property
    def text(self) -> str:
        """All text of the answer, reasoning left out."""
        if len(self.parts) == 1 and isinstance(self.parts[0], TextPart):
            return self.parts[0].text
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


def accept_anything(answer: CompletionAnswer) -> Rejection | None:
    """The judgement of a request that sets no condition on its answer."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One question to a model.

    `sampling` is what the caller gave: a model that cannot honour it must not be asked. `defaults` is what we
    would like where the caller gave nothing: it is left out where a model refuses it. `accept` is pure and says
    whether an answer can be used; it is no part of the request's identity. `prompt_sha256` (64 hex digits) is a name
    for system text and messages: whoever gives one promises that different texts have different names.
    """

    messages: tuple[Message, ...]
    system: str | None = None
    tools: tuple[Tool, ...] = ()
    sampling: Sampling = NOTHING_GIVEN
    defaults: Sampling = NOTHING_GIVEN
    response_schema: ResponseSchema | None = None
    accept: Callable[[CompletionAnswer], Rejection | None] = field(default=accept_anything, compare=False, repr=False)
    prompt_sha256: str | None = None

    def asked_again(self, rejection: Rejection) -> CompletionRequest:
        """The same question with the reason why the last answer was rejected, in our words, at its end.

        The rejected text itself is not repeated: it is untrusted, and it may quote the essays.
        """
        *before, last = self.messages
        note = TextPart(f"\n\nYour previous answer was rejected: {rejection.message} Answer again, in full.")
        return replace(self, messages=(*before, Message(last.role, (*last.parts, note))), prompt_sha256=None)
