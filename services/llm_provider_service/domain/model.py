"""What is known of one model: what it accepts, how it is told the wanted shape, what it can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import ReasoningEffortLevel
from services.llm_provider_service.domain.target import Target


class StructuredOutput(StrEnum):
    """How a model is bound to a JSON schema."""

    JSON_SCHEMA = "json_schema"
    FORCED_TOOL = "forced_tool"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelProfile:
    """One row of the capability table; `known` is false for a model the table has no row for.

    Equal only to itself: what was found out about a row is remembered under it.

    `canonical` names the same weights at every provider, so that `fallback: same_model` can find them elsewhere.
    `output_limit_field` is the vendor's name for the output limit. `efforts` maps our levels to the vendor's words
    (or, where the vendor wants a thinking budget, to a number of tokens as text); a level without an entry is not
    supported. `reasons_by_default`: it reasons unless the effort none is asked; `reasoning_forbids_sampling` and
    `reasoning_forbids_tools`: temperature and top_p, or tools, are refused while it reasons.
    An effort whose word is empty is what the model does anyway. `reasoning_allowance` is added to a default output
    limit of ours, because vendors count the thinking that we do not see in it. Limits are in tokens; `None` is unknown.
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
        """The target that this profile describes."""
        return Target(self.provider, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """One thing that a caller gave and a model cannot honour; `field` is the request's own name for it."""

    field: str
    message: str
