"""The table of routes: purpose, parameters and answers of each, from which the API document is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import LLMComparisonRequest, LLMComparisonResponse
from common_core.llm_status_contracts import (
    CacheCleared,
    CacheStats,
    CircuitBreakerList,
    ModelList,
    ProviderList,
    ProviderTestResult,
)
from huleedu_service_libs.web.problem import Problem
from services.llm_provider_service.api.comparison_mapping import LONGEST_TIMEOUT_MS
from services.llm_provider_service.api.docs_files import CSS, DOCS_FILES, JAVASCRIPT, PAGE_PATH
from services.llm_provider_service.api.openapi.problem_examples import (
    CANNOT_SERVE,
    CLEAR_REFUSED,
    COUNTS_UNKNOWN,
    INTERNAL_ERROR,
    NOT_FOUND,
    NOT_READY,
    REQUEST_PROBLEMS,
    STOPPING,
    TEST_PROBLEMS,
)
from services.llm_provider_service.api.openapi.vendor_problem_examples import CAPACITY_PROBLEMS, VENDOR_PROBLEMS
from services.llm_provider_service.api_models import Health, Readiness

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
PLAIN_BODIES: Final = {
    HTML: {"type": "string"},
    CONTENT_TYPE_LATEST: {"type": "string"},
    JSON: {"type": "object"},
    JAVASCRIPT: {"type": "string"},
    CSS: {"type": "string"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one route. `answer` is the model of its 200, or its media types if no model describes it."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    description: str
    answer: type[BaseModel] | tuple[str, ...]
    asks: type[BaseModel] | None = None
    parameters: tuple[dict[str, Any], ...] = ()
    problems: tuple[Problem, ...] = (INTERNAL_ERROR, STOPPING)


TIMEOUT_HEADER: Final[dict[str, Any]] = {
    "name": "X-Request-Timeout-Ms",
    "in": "header",
    "description": "Your own deadline in milliseconds; the smaller of it and LLM_REQUEST_TIMEOUT holds.",
    "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_TIMEOUT_MS},
    "example": 20_000,
}
PROVIDER_IN_PATH: Final[dict[str, Any]] = {
    "name": "provider",
    "in": "path",
    "required": True,
    "description": "Which provider to ask.",
    "schema": {"$ref": "#/components/schemas/LLMProviderType"},
    "example": LLMProviderType.MOCK,
}
# An object in form style is written `?key=…`: the only way in OpenAPI 3.1 to say "exactly one of these parameters".
CLEAR_SCOPE: Final[dict[str, Any]] = {
    "name": "scope",
    "in": "query",
    "required": True,
    "style": "form",
    "explode": True,
    "description": "Exactly one of `?key=…` (one entry), `?tenant=…` (one caller's entries), `?all=true`.",
    "schema": {
        "type": "object",
        "properties": {
            "key": {"type": "string", "minLength": 1},
            "tenant": {"type": "string", "minLength": 1},
            "all": {"type": "string", "const": "true"},
        },
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    },
    "example": {"all": "true"},
}
FILE_IN_PATH: Final[dict[str, Any]] = {
    "name": "file",
    "in": "path",
    "required": True,
    "description": "Which file.",
    "schema": {"type": "string", "enum": list(DOCS_FILES)},
    "example": "page.js",
}
FILE_VERSION: Final[dict[str, Any]] = {
    "name": "v",
    "in": "query",
    "description": "The version that the page names: under it the answer may be kept for a year.",
    "schema": {"type": "string"},
    "example": DOCS_FILES["page.js"].version,
}

COMPARISON: Final = (
    Operation(
        method="post",
        path="/api/v1/comparison",
        name="compare",
        tag="Comparison",
        summary="Which of two essays is better",
        description=(
            "One strict verdict from whichever provider the selection strategy, the routing rules or the overrides "
            "choose; when one cannot answer, another may, and the answer says so. Members that are null count as not "
            "given, known or not; any other unknown member is refused. JSON is read strictly: UTF-8, no duplicate "
            "names, no U+0000 in a string, integers of at most 64 bits, at most 64 levels."
        ),
        asks=LLMComparisonRequest,
        answer=LLMComparisonResponse,
        parameters=(TIMEOUT_HEADER,),
        problems=(*REQUEST_PROBLEMS, *VENDOR_PROBLEMS, *CAPACITY_PROBLEMS),
    ),
)
OPERATORS: Final = (
    Operation(
        method="get",
        path="/api/v1/providers",
        name="providers",
        tag="Providers",
        summary="Every provider and its state",
        description="Which providers are switched on and configured, their breakers, and the day's totals.",
        answer=ProviderList,
    ),
    Operation(
        method="post",
        path="/api/v1/providers/{provider}/test",
        name="testProvider",
        tag="Providers",
        summary="Send one tiny prompt to a provider",
        description=(
            "A real call, which is counted and costs what it costs; one at a time in each worker. That the provider "
            "answers badly is a result (`success` is false), not an error."
        ),
        answer=ProviderTestResult,
        parameters=(PROVIDER_IN_PATH,),
        problems=TEST_PROBLEMS,
    ),
    Operation(
        method="get",
        path="/api/v1/models",
        name="models",
        tag="Providers",
        summary="The model registry",
        description="What each known model can do, its limits, and its prices with source and date.",
        answer=ModelList,
    ),
    Operation(
        method="get",
        path="/api/v1/circuit-breakers",
        name="circuitBreakers",
        tag="Providers",
        summary="Every circuit breaker",
        description="One for each provider, and one for each model that was asked since the process started.",
        answer=CircuitBreakerList,
    ),
    Operation(
        method="get",
        path="/api/v1/cache/stats",
        name="cacheStats",
        tag="Cache",
        summary="Hits, misses, entries, bytes",
        description="Counted since the process started.",
        answer=CacheStats,
    ),
    Operation(
        method="delete",
        path="/api/v1/cache",
        name="clearCache",
        tag="Cache",
        summary="Forget stored answers",
        description="Says how many entries were removed; none is no error.",
        answer=CacheCleared,
        parameters=(CLEAR_SCOPE,),
        problems=(CLEAR_REFUSED, INTERNAL_ERROR, STOPPING),
    ),
)
WATCHERS: Final = (
    Operation(
        method="get",
        path="/healthz",
        name="health",
        tag="Health",
        summary="Alive, and in what state",
        description="200 while the service can serve, degraded included; warnings say what is wrong.",
        answer=Health,
        problems=(INTERNAL_ERROR, CANNOT_SERVE),
    ),
    Operation(
        method="get",
        path="/readyz",
        name="readiness",
        tag="Health",
        summary="Whether traffic should come here",
        description="503 while the service stops, while its event loop is late, or while no provider is configured.",
        answer=Readiness,
        problems=(INTERNAL_ERROR, NOT_READY),
    ),
    Operation(
        method="get",
        path="/metrics",
        name="metrics",
        tag="Health",
        summary="Prometheus metrics",
        description="The text format that Prometheus scrapes; 503 while it is not known what all workers counted.",
        answer=(CONTENT_TYPE_LATEST,),
        problems=(INTERNAL_ERROR, COUNTS_UNKNOWN),
    ),
    Operation(
        method="get",
        path="/openapi.json",
        name="openapi",
        tag="This document",
        summary="This document, for programs",
        description="OpenAPI 3.1, built from the models that the service reads and answers with.",
        answer=(JSON,),
    ),
    Operation(
        method="get",
        path=PAGE_PATH,
        name="docs",
        tag="This document",
        summary="This document, for people",
        description="A page that shows this document and sends requests. It loads nothing from elsewhere.",
        answer=(HTML,),
    ),
    Operation(
        method="get",
        path=f"{PAGE_PATH}/{{file}}",
        name="docsFile",
        tag="This document",
        summary="A file of that page",
        description="A script or the style of the page.",
        answer=(JAVASCRIPT, CSS),
        parameters=(FILE_IN_PATH, FILE_VERSION),
        problems=(NOT_FOUND, INTERNAL_ERROR, STOPPING),
    ),
)
OPERATIONS: Final = (*COMPARISON, *OPERATORS, *WATCHERS)
