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
    """The author of a message; system text has its own field."""

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
    """A model's own reasoning, to be sent back unchanged; the signature is the vendor's and opaque."""

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
    """Sampling parameters of one generation; each may be absent."""

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
    """Why an answer is unusable, in our own words: `message` is quoted to the model and shown to the caller."""

    reason: RejectionReason
    message: str


class FinishReason(StrEnum):
    """Why the model stopped; refusals, filters and empty truncated answers are failures instead."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALL = "tool_call"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionAnswer:
    """An answer of a vendor; `model` is the model that really answered, by the vendor's name."""

    parts: tuple[ContentPart, ...]
    finish_reason: FinishReason
    usage: Usage
    model: str
    vendor_request_id: str | None = None

    @property
    def text(self) -> str:
        """Returns all text of the answer, without reasoning."""
        if len(self.parts) == 1 and isinstance(self.parts[0], TextPart):
            return self.parts[0].text
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


def accept_anything(answer: CompletionAnswer) -> Rejection | None:
    """Accept every answer; for requests that set no condition."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One question to a model.

    `sampling` is what the caller gave: a model that cannot accept it must not be asked. `defaults` are our values for
    what the caller did not give; they are left out where a model refuses them. `accept` is pure and returns why an
    answer is unusable; it is not part of the request's identity. `prompt_sha256` (64 hex digits) stands for system text
    and messages: different texts must have different values.
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
        """Returns the same question, with the reason of the rejection added at its end, in our own words.

        The rejected text is not repeated: it is untrusted, and it may quote the essays.
        """
        *before, last = self.messages
        note = TextPart(f"\n\nYour previous answer was rejected: {rejection.message} Answer again, in full.")
        return replace(self, messages=(*before, Message(last.role, (*last.parts, note))), prompt_sha256=None)
