"""Capabilities of one model: accepted parameters, how it is given a schema, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import ReasoningEffortLevel
from services.llm_provider_service.domain.target import Target


class StructuredOutput(StrEnum):
    """How a model is made to follow a JSON schema."""

    JSON_SCHEMA = "json_schema"
    FORCED_TOOL = "forced_tool"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelProfile:
    """One row of the capability table; `known` is false for a model without a row in the table.

    It is equal only to itself, so results computed for a row can be cached with the row as key.

    `canonical` is the same name for the same weights at every provider, so that `fallback: same_model` can find them.
    `output_limit_field` is the vendor's name for the output limit. `efforts` maps our levels to the vendor's words (or,
    if the vendor wants a thinking budget, to a number of tokens as text). A level without an entry is not supported; an
    empty word means that the model does this anyway. `reasons_by_default`: it reasons unless effort none is asked for.
    `reasoning_forbids_sampling`, `reasoning_forbids_tools`: temperature and top_p, or tools, are refused while it
    reasons. `reasoning_allowance` is added to our default output limit, because vendors count hidden reasoning tokens
    as output. Limits are in tokens; `None` is unknown.
    """

    provider: LLMProviderType
    id: str
    canonical: str
    known: bool = True
    context_window: int | None = None
    max_output_tokens: int | None = None
    structured_output: StructuredOutput = StructuredOutput.NONE
    output_limit_field: str = "max_tokens"
    temperature: bool = True
    temperature_max: float = 2.0
    top_p: bool = True
    temperature_with_top_p: bool = True
    reasons_by_default: bool = False
    reasoning_forbids_sampling: bool = False
    reasoning_forbids_tools: bool = False
    stop: bool = True
    tools: bool = True
    images: bool = True
    efforts: Mapping[ReasoningEffortLevel, str] = field(default_factory=dict)
    forced_tool_forbids_thinking: bool = False
    reasoning_allowance: int = 0
    required_output_limit: int | None = None

    @property
    def target(self) -> Target:
        """Returns the target that this profile describes."""
        return Target(self.provider, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """One parameter that the caller gave and a model cannot accept; `field` is the request's name for it."""

    field: str
    message: str
