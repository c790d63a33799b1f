"""Questions and answers for the tests of this room."""

from __future__ import annotations

from services.llm_provider_service.comparison.prompt import build_request
from services.llm_provider_service.domain.comparison import Comparison
from services.llm_provider_service.domain.completion import (
    NOTHING_GIVEN,
    CompletionAnswer,
    CompletionRequest,
    FinishReason,
    TextPart,
)
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN


def asked(
    essay_a: str, essay_b: str, *, instructions: str = "Compare them.", system_text: str | None = None
) -> CompletionRequest:
    """The request for one pair, without any sampling."""
    comparison = Comparison(instructions=instructions, essay_a=essay_a, essay_b=essay_b, system_text=system_text)
    return build_request(comparison, sampling=NOTHING_GIVEN, defaults=NOTHING_GIVEN)


def prompt_of(request: CompletionRequest) -> str:
    """The text of the only message."""
    (message,) = request.messages
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


def answered(text: str) -> CompletionAnswer:
    """An answer of nothing but *text*."""
    return CompletionAnswer(
        parts=(TextPart(text),), finish_reason=FinishReason.STOP, usage=USAGE_UNKNOWN, model="some-model"
    )
