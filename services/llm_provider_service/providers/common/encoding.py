"""Code that all codecs share for writing a request: JSON bytes, refusals, and the tool that replaces a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from services.llm_provider_service.domain.completion import CompletionRequest
from services.llm_provider_service.domain.failures import RequestRejected
from services.llm_provider_service.domain.model import ModelProfile, StructuredOutput
from services.llm_provider_service.providers.models.capabilities import unsupported

ANSWER_TOOL = "give_the_answer"
ANSWER_TOOL_DESCRIPTION = "Give the whole answer through this tool."
JSON_HEADERS: Mapping[str, str] = {"content-type": "application/json", "accept": "application/json"}


def body_bytes(document: Mapping[str, Any]) -> bytes:
    """Returns *document* as JSON; raises `RequestRejected` for text that is not Unicode or numbers not in JSON."""
    try:
        return orjson.dumps(document)
    except TypeError as error:
        raise RequestRejected(f"the request cannot be written as JSON: {error}") from None


def refuse_unsupported(request: CompletionRequest, profile: ModelProfile) -> None:
    """Raise `RequestRejected` if the caller gave what the model is known not to accept; nothing is dropped silently."""
    wrong = unsupported(request, profile)
    if wrong:
        raise RequestRejected("; ".join(item.message for item in wrong), vendor_code="unsupported")
    for tool in request.tools:
        if tool.name == ANSWER_TOOL:
            raise RequestRejected(f"a tool must not be called {ANSWER_TOOL!r}: the name is taken")


def wants_answer_tool(request: CompletionRequest, profile: ModelProfile) -> bool:
    """Returns whether the schema of the answer is sent as a tool that the model must call."""
    return request.response_schema is not None and profile.structured_output is StructuredOutput.FORCED_TOOL


def not_encodable(vendor: str, what: str) -> RequestRejected:
    """Returns the failure of a request that *vendor*'s format cannot express."""
    return RequestRejected(f"{vendor}'s format cannot carry {what}")
