"""One value of each kind that a key or an entry is made of, with no field left at its default."""

from __future__ import annotations

from decimal import Decimal

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import CacheMode, FallbackMode, PricingStatus, ReasoningEffortLevel, ResultFlag
from services.llm_provider_service.cache.entry import CachedAnswer
from services.llm_provider_service.domain.caller import Caller
from services.llm_provider_service.domain.completion import (
    CompletionAnswer,
    CompletionRequest,
    ContentPart,
    FinishReason,
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
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.money import Cost
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import Usage

TARGET = Target(LLMProviderType.OPENAI, "model-1")
CALLER = Caller(tenant="cj", service="cj-assessment")

PARTS: tuple[ContentPart, ...] = (
    TextPart("Which essay argues its case better? Ähm 🎓"),
    ImagePart(media_type="image/png", data_base64="aGVq"),
    ToolCallPart(call_id="c1", name="look", arguments={"page": 3, "deep": {"x": [1.5, None, True]}}),
    ToolResultPart(call_id="c1", name="look", content="nothing", is_error=True),
    ReasoningPart(text="hm", signature="s1"),
)
SAMPLING = Sampling(
    temperature=0.0, top_p=0.5, max_output_tokens=100, stop=("END",), reasoning_effort=ReasoningEffortLevel.LOW
)
DEFAULTS = Sampling(
    temperature=0.1, top_p=0.6, max_output_tokens=200, stop=("FIN",), reasoning_effort=ReasoningEffortLevel.HIGH
)
TOOL = Tool(name="look", description="Look something up.", parameters={"type": "object"})
SCHEMA = ResponseSchema(name="verdict", schema={"type": "object", "properties": {"a": {}, "b": {}}})
MESSAGE = Message(Role.USER, PARTS)
REQUEST = CompletionRequest(
    messages=(MESSAGE,),
    system="You judge.",
    tools=(TOOL,),
    sampling=SAMPLING,
    defaults=DEFAULTS,
    response_schema=SCHEMA,
)
ORDER = CompletionOrder(
    request=REQUEST,
    request_type="comparison",
    request_id="r-1",
    correlation_id="c-1",
    caller=CALLER,
    user_id="u-1",
    tags=("batch-7",),
    provider=LLMProviderType.OPENAI,
    model="model-1",
    fallback=FallbackMode.ANY,
    cache=CacheMode.USE,
    sample_index=0,
    timeout_seconds=5.0,
)
ENTRY = CachedAnswer(
    answer=CompletionAnswer(
        parts=PARTS,
        finish_reason=FinishReason.STOP,
        usage=Usage(
            input_tokens=900,
            output_tokens=120,
            cached_read_tokens=0,
            cache_write_5m_tokens=1,
            cache_write_1h_tokens=2,
            reasoning_tokens=3,
        ),
        model="model-1-2026",
        vendor_request_id="v-1",
    ),
    target=TARGET,
    cost=Cost(usd=Decimal("0.00210"), status=PricingStatus.PRICED, price_version="prices 2026-11"),
    stored_at=1795420800.25,
    flags=frozenset({ResultFlag.UNKNOWN_MODEL, ResultFlag.REASKED}),
)
