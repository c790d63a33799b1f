"""The body of generateContent, of the official SDK's own types."""

from __future__ import annotations

import warnings

import orjson
from google.genai import types
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.vendor_sim.dialects.dialect import said_by
from tests.vendor_sim.values import Complaint, Json


class GenerateContentBody(BaseModel):
    """The REST body, of the SDK's own types; the SDK has no type for the body as a whole."""

    model_config = ConfigDict(extra="forbid")

    contents: list[types.Content]
    system_instruction: types.Content | None = Field(default=None, alias="systemInstruction")
    generation_config: types.GenerationConfig | None = Field(default=None, alias="generationConfig")
    safety_settings: list[types.SafetySetting] | None = Field(default=None, alias="safetySettings")
    tools: list[types.Tool] | None = None
    tool_config: types.ToolConfig | None = Field(default=None, alias="toolConfig")
    cached_content: str | None = Field(default=None, alias="cachedContent")
    service_tier: str | None = Field(default=None, alias="serviceTier")
    store: bool | None = None


def google_type_complaints(body: Json) -> list[Complaint]:
    """Checked as JSON, where enums are words; the SDK only warns of a word that it does not know."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            GenerateContentBody.model_validate_json(orjson.dumps(body), strict=True)
    except ValidationError as exc:
        return said_by(exc)
    except UserWarning as exc:
        return [Complaint(message=str(exc))]
    return []
