"""Code that all codecs share for reading an answer: final checks, and failures that keep the reply's usage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.llm_provider_service.domain.completion import (
    CompletionAnswer,
    ContentPart,
    FinishReason,
    ToolCallPart,
)
from services.llm_provider_service.domain.failures import BadResponse, ContentRefused, OutputTruncated
from services.llm_provider_service.domain.usage import Usage
from services.llm_provider_service.providers.common.failure_table import ReplyHead
from services.llm_provider_service.providers.common.redaction import vendor_text


class ReplyContext(NamedTuple):
    """A reply that arrived and may have cost something; every failure made from it keeps the usage.

    `model` is empty if the vendor did not name it.
    """

    vendor: str
    head: ReplyHead
    usage: Usage
    model: str

    def refused(self, reason: str, vendor_said: str = "") -> ContentRefused:
        """Returns the failure for an answer that the model or a filter refused."""
        return ContentRefused(
            reason,
            vendor_said=vendor_text(vendor_said),
            status=self.head.status,
            usage=self.usage,
            served_model=self.model or None,
        )

    def bad(self, what: str) -> BadResponse:
        """Returns the failure for a document that is no answer; *what* describes it."""
        message = f"{self.vendor} answered {what}"
        return BadResponse(message, status=self.head.status, usage=self.usage, served_model=self.model or None)

    def completion(
        self, parts: Sequence[ContentPart], finish: FinishReason, *, id_header: str, body_id: Any
    ) -> CompletionAnswer:
        """Returns the answer of *parts*; raises `OutputTruncated` if the output limit came before anything usable.

        A stop with a tool call becomes a tool call. A tool call that left only text becomes a stop, because an answer
        that was requested through a tool has been turned into text. A tool call without any part stays one: it could
        not be read.
        """
        calls = ToolCallPart in map(type, parts)
        if not parts and finish is FinishReason.UNKNOWN:
            raise self.bad("nothing, and did not say why")
        answer = CompletionAnswer(
            parts=tuple(parts),
            finish_reason=_finish(finish, calls=calls, empty=not parts),
            usage=self.usage,
            model=self.model,
            vendor_request_id=self.head.headers.get(id_header) or (body_id if isinstance(body_id, str) else None),
        )
        if finish is FinishReason.LENGTH and not answer.text.strip():
            message = f"{self.vendor} reached the output limit before it answered"
            raise OutputTruncated(message, usage=self.usage, served_model=self.model or None)
        return answer


def _finish(finish: FinishReason, *, calls: bool, empty: bool) -> FinishReason:
    if finish is FinishReason.STOP and calls:
        return FinishReason.TOOL_CALL
    return FinishReason.STOP if finish is FinishReason.TOOL_CALL and not calls and not empty else finish
