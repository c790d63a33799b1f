"""Handles POST /api/v1/comparison, both through Quart and before it (`FastPath`)."""

from __future__ import annotations

from time import perf_counter

from huleedu_service_libs.observability.tracing import current_trace_id
from huleedu_service_libs.web.correlation import adopt_body_correlation
from huleedu_service_libs.web.fast_path import PlainRequest
from services.llm_provider_service.api.comparison_mapping import ComparisonMapping
from services.llm_provider_service.domain.caller import Caller
from services.llm_provider_service.protocols import LLMOrchestratorProtocol

COMPARISON_PATH = "/api/v1/comparison"
TIMEOUT_HEADER = b"x-request-timeout-ms"


class ComparisonRoute:
    """Answers which of two essays is better."""

    def __init__(self, mapping: ComparisonMapping, orchestrator: LLMOrchestratorProtocol) -> None:
        self._mapping = mapping
        self._orchestrator = orchestrator

    async def compare(self, request: PlainRequest[Caller]) -> bytes:
        """Returns the result as JSON; raises errors that `api.problems` turns into problem documents."""
        started = perf_counter()
        asked = self._mapping.read(request.body)
        case = self._mapping.case(
            asked,
            caller=request.caller,
            correlation_id=adopt_body_correlation(asked.request.correlation_id),
            timeout_header=request.header(TIMEOUT_HEADER),
        )
        result = await self._orchestrator.complete(case.order)
        return self._mapping.reply(case, result, seconds=perf_counter() - started, trace_id=current_trace_id())
