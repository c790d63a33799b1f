"""A metric that nothing moves does not exist, and a label that a caller can write is a leak of memory."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Sequence
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families
from quart import Quart

from common_core.config_enums import LLMProviderType
from common_core.llm_attempts import AttemptOutcome
from common_core.llm_contracts import PricingStatus
from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.http_server.lifespan import Lifespan
from huleedu_service_libs.observability.hot_metrics import HotCounter, HotGauge, HotHistogram
from huleedu_service_libs.resilience.breaker_values import Transition, TransitionCause
from services.llm_provider_service.api.caller_identity import LOCAL_CALLER
from services.llm_provider_service.config import Settings
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.completion import CompletionRequest
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.money import Cost
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import Usage
from services.llm_provider_service.gateway.day_totals import DayTotals
from services.llm_provider_service.gateway.metrics_recorder import MetricsRecorder
from services.llm_provider_service.metrics import OTHER, GatewayMetrics, SharedTierMetrics
from services.llm_provider_service.resilience.breakers import BreakerKey
from services.llm_provider_service.startup_setup import create_app
from tests.architecture.small_vendor import SmallVendor, small_vendor
from tests.architecture.sources import ROOT
from tests.support.gateway import Gateway, running_gateway

PAGE = ROOT / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(llm_provider_\w+)` \| (\w+) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
MANY = 10_000
CLOSED, OPEN, HALF_OPEN = CircuitBreakerState.CLOSED, CircuitBreakerState.OPEN, CircuitBreakerState.HALF_OPEN
NARROW = {"LLM_MAX_CONCURRENT_REQUESTS": 1, "LLM_QUEUE_LIMIT": 1}
OF_THE_MOMENT = {"llm_provider_concurrent_requests", "llm_provider_queue_depth"}


def everything() -> CollectorRegistry:
    """All metrics that there are without Redis."""
    return GatewayMetrics().registry


def everything_with_redis() -> CollectorRegistry:
    """All metrics that there are; tests/faults/test_redis_rows.py moves those of Redis."""
    registry = everything()
    SharedTierMetrics(registry)
    return registry


def test_every_metric_is_on_its_page_with_its_labels_and_no_other_is() -> None:
    written = {name: (kind, labels) for name, kind, labels in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    expected = {}
    for metric in everything_with_redis()._collector_to_names:
        assert isinstance(metric, Counter | Gauge | Histogram | HotCounter | HotGauge | HotHistogram)
        (family,) = metric.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        expected[name] = (family.type, ", ".join(f"`{label}`" for label in _label_names(metric)) or "–")
    assert written == expected


def _label_names(metric: Counter | Gauge | Histogram | HotCounter | HotGauge | HotHistogram) -> Sequence[str]:
    if isinstance(metric, HotCounter | HotGauge | HotHistogram):
        return metric.labels
    return tuple(metric._labelnames)


async def live_through_everything(vendor: SmallVendor, gateway: Gateway) -> None:
    """Success, hit, an unpriced model, a wrong path, a rate limit, a crowd, a failure that opens a breaker."""
    assert (await gateway.compare()).status == 200
    assert (await gateway.compare()).body["cached"] is True
    overrides = {"provider_override": "openai", "model_override": "house-model-1"}
    assert (await gateway.compare(llm_config_overrides=overrides)).body["pricing_status"] == "unpriced"
    assert (await gateway.get("/no/such/page")).status == 404
    vendor.once = [429]
    assert (await gateway.compare(sample_index=2)).body["attempts"] == 2
    vendor.seconds = 0.1
    crowd = await asyncio.gather(*(gateway.compare(sample_index=index) for index in range(3, 9)))
    assert {answer.status for answer in crowd} == {200, 503}
    vendor.status = 401
    assert (await gateway.compare(sample_index=1)).status == 502


@pytest.mark.sockets
async def test_every_metric_is_moved() -> None:
    async with small_vendor() as vendor, running_gateway(**vendor.settings, **NARROW) as gateway:
        await live_through_everything(vendor, gateway)
        found = list(text_string_to_metric_families((await gateway.get("/metrics")).body))
    moved = {family.name for family in found if any(sample.value > 0 for sample in family.samples)}
    # A gauge of what is under way is back at 0 when nothing is; that it has a series says that it was moved.
    moved |= {family.name for family in found if family.name in OF_THE_MOMENT and family.samples}
    assert {family.name for family in everything().collect()} - moved == set()


def series_of(registry: CollectorRegistry) -> int:
    """How many lines the metrics have."""
    return sum(len(family.samples) for family in registry.collect())


def moved(before: CircuitBreakerState, to: CircuitBreakerState) -> Transition:
    """A breaker's change of state."""
    return Transition(
        name="a",
        previous=before,
        current=to,
        cause=TransitionCause.FAILURE_RATE,
        at=0.0,
        retry_in_seconds=10.0,
        last_failure=None,
        generation=1,
    )


def order_of(model: str) -> CompletionOrder:
    """An order for *model* of a caller with a name of his own."""
    return CompletionOrder(
        request=CompletionRequest(messages=()),
        request_type="comparison",
        request_id=model,
        correlation_id=model,
        caller=LOCAL_CALLER,
        user_id=model,
        tags=(model,),
        provider=LLMProviderType.OPENAI,
        model=model,
    )


def live_one_life(recorder: MetricsRecorder, target: Target) -> None:
    """All that is counted under the name of a model: an attempt, an answer, an order's end, a breaker's moves."""
    attempt = Attempt(
        number=1,
        target=target,
        outcome=AttemptOutcome.SUCCESS,
        duration_seconds=0.1,
        usage=Usage(input_tokens=10, output_tokens=5),
        cost=Cost(usd=None, status=PricingStatus.UNPRICED),
    )
    recorder.attempt_ended(attempt, billed=True)
    recorder.answered(target, 0.1, cached=False)
    recorder.order_ended(order_of(target.model), target, "success")
    for before, to in pairwise((CLOSED, OPEN, HALF_OPEN, CLOSED, OPEN)):
        recorder.breaker_moved(BreakerKey(target.provider, target.account, target.model), moved(before, to))


def test_ten_thousand_invented_models_add_one_series() -> None:
    metrics = GatewayMetrics()
    recorder = MetricsRecorder(metrics, DayTotals(lambda: 0.0))
    grown: list[int] = []
    for number in range(MANY):
        live_one_life(recorder, Target(LLMProviderType.OPENAI, f"invented-{uuid.UUID(int=number)}"))
        if number in (0, MANY - 1):
            grown.append(series_of(metrics.registry))
    assert grown[0] == grown[1]
    assert models_of(metrics.registry) <= {"", OTHER}


def models_of(registry: CollectorRegistry) -> set[str]:
    """Every value of the label `model`."""
    return {sample.labels.get("model", "") for family in registry.collect() for sample in family.samples}


async def test_what_callers_write_adds_no_series_after_the_first() -> None:
    """Without a socket: a port of ours may just have been that of another server, and its callers would be counted."""
    app = create_app(Settings(_env_file=None, USE_MOCK_LLM=True))
    lifespan = Lifespan(app)
    await lifespan.startup()
    try:
        seen = [await series_after_inventing(app, number) for number in range(60)]
    finally:
        await lifespan.shutdown()
    assert seen[-1] - seen[1] == set(), "everything invented shares the series of the first"


async def series_after_inventing(app: Quart, number: int) -> set[str]:
    """Every series there is once a caller has made up a model, a user, a tag, a path, a method and a provider."""
    caller = app.test_client()
    asked = {
        "user_prompt": "Which?",
        "essay_a": "One.",
        "essay_b": "Two.",
        "llm_config_overrides": {"model_override": f"invented-{number}"},
        "user_id": f"user-{number}",
        "tags": [f"tag-{number}"],
    }
    answers = [
        await caller.post("/api/v1/comparison", json=asked),
        await caller.get(f"/invented/{number}"),
        await caller.open("/api/v1/models", method=f"INVENT{number}", json=None),
        await caller.post(f"/api/v1/providers/invented-{number}/test"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 405, 404]
    metrics = await caller.get("/metrics")
    return {line.rpartition(" ")[0] for line in (await metrics.get_data(as_text=True)).splitlines()}
