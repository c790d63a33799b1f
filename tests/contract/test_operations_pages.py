"""The pages for bad days: every name on them exists, and every answer and metric is what the service says that day."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common_core.error_enums import ErrorCode
from services.llm_provider_service.config import Settings
from services.llm_provider_service.metrics import GatewayMetrics, SharedTierMetrics
from services.llm_provider_service.settings.prefix import PREFIX
from services.llm_provider_service.startup_setup import create_app
from tests.architecture.sources import ROOT, product_modules
from tests.contract.documents import PROBLEM, operations, resolved
from tests.support.gateway import KEYS, MODELS, Answer, Gateway, running_gateway, vendors
from tests.support.log_lines import log_lines
from tests.support.redis_server import redis_server
from tests.vendor_sim import ERRORS, Status, Success, VendorSim

PAGES = ROOT / "docs" / "operations"
NAMES = ("vendor-down", "rate-limited", "redis-gone", "overload", "frozen-worker", "why-503")
BLOCK = re.compile(r"^```(\w+) ?([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
METRIC = re.compile(r"\bllm_provider_\w+")
BREAKERS_JITTER = 0.1  # how far the time that a breaker stays open is from the one that is set
SECONDS = re.compile(r"\d+\.\d+(?= s$)")
OF_THE_MOMENT = {"at", "correlation_id", "duration_ms", "opened_at", "retry_in_ms", "redis_failure_count", "until"}
# Names on the pages that are neither settings nor codes.
OTHER_CAPITALS = {"SIGHUP", "HTTP", "GET", "POST", "DELETE"}


def page(name: str) -> str:
    """The text of a page."""
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str, kind: str) -> dict[str, str]:
    """The fenced blocks of that kind, by their label."""
    return {label: text for found, label, text in BLOCK.findall(page(name)) if found == kind}


def metric_names() -> set[str]:
    """Every series' name, without what a histogram appends."""
    registry = GatewayMetrics().registry
    SharedTierMetrics(registry)
    return {f"{one.name}_total" if one.type == "counter" else one.name for one in registry.collect()}


def in_code(name: str) -> Iterator[str]:
    """What the page's prose shows as code."""
    yield from CODE.findall(BLOCK.sub("", page(name)))


def test_there_is_a_page_for_each_bad_day() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_on_the_page_exists(name: str) -> None:
    shown = {re.sub(r"_(bucket|sum|count)$", "", metric) for metric in METRIC.findall(page(name))}
    assert shown
    assert shown - metric_names() == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_and_code_on_the_page_exists(name: str) -> None:
    words = {word for code in in_code(name) for word in re.findall(r"\b[A-Z][A-Z_]{3,}\b", code)}
    shown = {word.removeprefix(PREFIX) for word in words}
    assert shown - set(Settings.model_fields) - {code.value for code in ErrorCode} - OTHER_CAPITALS == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_endpoint_on_the_page_exists(name: str) -> None:
    rules = list(create_app(Settings(_env_file=None)).url_map.iter_rules())
    served = {(method, re.sub(r"<(\w+)>", r"{\1}", rule.rule)) for rule in rules for method in rule.methods or ()}
    asked = {(verb, path) for code in in_code(name) for verb, path in re.findall(r"^([A-Z]+) (/\S*)$", code)}
    assert asked - served == set()
    assert name == "rate-limited" or asked


@pytest.mark.parametrize("name", NAMES)
def test_every_log_event_on_the_page_is_written_somewhere(name: str) -> None:
    code = "".join(module.text for module in product_modules())
    lines = [json.loads(line) for text in blocks(name, "log").values() for line in text.splitlines()]
    told = {line["event"] for line in lines} | set(re.findall(r"\b(?:log line|log says) `(\w+)`", page(name)))
    assert [event for event in told if f'"{event}"' not in code] == []


def same(shown: Any, said: Any) -> bool:
    """Whether the service said all that is shown, numbers give or take a tenth; of all providers some may be shown."""
    if isinstance(shown, dict):
        lasting = shown.keys() - OF_THE_MOMENT
        passing = shown.keys() & OF_THE_MOMENT
        return (
            shown.keys() <= said.keys()
            and all(same(shown[key], _of_these(said[key], shown[key], key)) for key in lasting)
            and all((shown[key] is None) == (said[key] is None) for key in passing)
        )
    if isinstance(shown, int | float) and not isinstance(shown, bool) and isinstance(said, int | float):
        return abs(shown - said) <= BREAKERS_JITTER * shown
    if isinstance(shown, list):
        return len(shown) == len(said) and all(map(same, shown, said))
    if isinstance(shown, str) and isinstance(said, str):
        return SECONDS.sub("", shown) == SECONDS.sub("", said)
    return bool(shown == said)


def _of_these(said: Any, shown: Any, key: str) -> Any:
    """What was *said* of those providers that are *shown*."""
    if key != "providers":
        return said
    names = {one["provider"] for one in shown}
    return [one for one in said if one["provider"] in names]


def retry_after(answer: Answer) -> list[int]:
    """The values of that header, of which there is one at most."""
    return [int(value) for name, value in answer.headers.items() if name == "Retry-After"]


def assert_as_shown(name: str, label: str, answer: Answer) -> None:
    """*answer* is the one on the page: status, Retry-After and what is shown of the body."""
    head, _, body = blocks(name, "http")[label].partition("\n\n")
    status, *headers = head.splitlines()
    assert status == f"HTTP/1.1 {answer.status}"
    assert same([int(one.removeprefix("Retry-After: ")) for one in headers], retry_after(answer))
    assert same(json.loads(body), answer.body), answer.body


async def assert_metrics_as_shown(name: str, gateway: Gateway) -> None:
    """Every line of the page's metrics is a line of ours."""
    ours = (await gateway.get("/metrics")).body.splitlines()
    shown = blocks(name, "metrics")[""].splitlines()
    assert [line for line in shown if line not in ours] == []


async def test_a_vendor_is_down(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        failed = [await gateway.compare(sample_index=index) for index in range(3)]
        assert_as_shown("vendor-down", "all-attempts-failed", failed[-1])
        assert_as_shown("vendor-down", "breaker-open", await gateway.compare(sample_index=3))
        assert_as_shown("vendor-down", "circuit-breakers", await gateway.get("/api/v1/circuit-breakers"))
        await assert_metrics_as_shown("vendor-down", gateway)
        assert sim.count("openai") == 9


async def test_a_vendor_limits_us(sim: VendorSim) -> None:
    sim.always("openai", Status(429, headers={"Retry-After": "300"}))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        assert_as_shown("rate-limited", "cooling-down", await gateway.compare())
        refused = await gateway.compare(sample_index=1)
        assert (refused.status, refused.body["code"]) == (503, "CIRCUIT_BREAKER_OPEN")
        assert int(refused.headers["Retry-After"]) in {299, 300}
        await assert_metrics_as_shown("rate-limited", gateway)
        assert sim.count("openai") == 1
    sim.always("openai", ERRORS["openai-quota"])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        assert_as_shown("rate-limited", "quota-exhausted", await gateway.compare())


async def test_redis_is_gone(sim: VendorSim, tmp_path: Path) -> None:
    async with (
        redis_server(tmp_path) as redis,
        running_gateway(**vendors(sim, "openai"), REDIS_URL=redis.url()) as gateway,
    ):
        assert (await gateway.compare()).status == 200
        redis.kill()
        await gateway.until("llm_provider_redis_up", 0)
        assert (await gateway.compare(sample_index=1)).status == 200
        assert_as_shown("redis-gone", "health", await gateway.get("/healthz"))
        await assert_metrics_as_shown("redis-gone", gateway)
        assert_as_shown("redis-gone", "cache-cleared", await gateway.ask("DELETE", "/api/v1/cache?all=true"))


async def test_there_are_more_requests_than_slots(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=1.0))
    narrow = {"LLM_MAX_CONCURRENT_REQUESTS": 2, "LLM_QUEUE_LIMIT": 1}
    async with running_gateway(**vendors(sim, "openai"), **narrow) as gateway:
        crowd = [asyncio.create_task(gateway.compare(sample_index=index)) for index in range(3)]
        await gateway.until("llm_provider_queue_depth", 1, gate="gateway")
        assert_as_shown("overload", "refused", await gateway.compare(sample_index=4))
        await assert_metrics_as_shown("overload", gateway)
        assert [(await one).status for one in crowd] == [200] * 3
        late = await gateway.compare(sample_index=5, headers={"X-Request-Timeout-Ms": "300"})
        assert_as_shown("overload", "no-time-left", late)


def log_as_shown(name: str, label: str) -> list[dict[str, Any]]:
    """The log lines of the page."""
    return [json.loads(line) for line in blocks(name, "log")[label].splitlines()]


async def test_from_a_503_to_its_cause_in_three_steps(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    sim.always("anthropic", Status(429, headers={"Retry-After": "300"}))
    switched_off = {"GOOGLE_ENABLED": False, "GOOGLE_API_KEY": KEYS["google"], "GOOGLE_DEFAULT_MODEL": MODELS["google"]}
    with log_lines() as lines:
        async with running_gateway(**vendors(sim, "openai", "anthropic"), **switched_off) as gateway:
            for index in range(3):
                assert (await gateway.compare(sample_index=index)).status == 503
            refused = await gateway.compare(sample_index=3)
            assert_as_shown("why-503", "refused", refused)
            assert_as_shown("why-503", "providers", await gateway.get("/api/v1/providers"))
            assert_as_shown("why-503", "health", await gateway.get("/healthz"))
            assert (await gateway.get("/readyz")).status == 200
            await assert_metrics_as_shown("why-503", gateway)
    own = [line for line in lines.events if line.get("correlation_id") == refused.headers["X-Correlation-ID"]]
    assert same(log_as_shown("why-503", "refused"), own)
    assert all(line["logger"] for line in lines.events)
    for shown in log_as_shown("why-503", "before"):
        assert any(same(shown, line) for line in lines.events), shown


def test_every_503_of_a_comparison_has_its_row() -> None:
    (operation,) = (one for _, path, one in operations() if path == "/api/v1/comparison")
    examples = resolved(operation["responses"]["503"])["content"][PROBLEM]["examples"].values()
    told = {(resolved(one)["value"]["type"].rpartition(":")[2], resolved(one)["value"]["title"]) for one in examples}
    shown = page("why-503").partition("**1. Read the answer.**")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \| ([^|`]+) \|", shown, re.MULTILINE)) == told


@pytest.mark.sockets
async def test_the_loop_was_frozen() -> None:
    async with running_gateway() as gateway:
        await asyncio.sleep(0.3)
        freeze(1.4)
        await asyncio.sleep(0.15)
        answer = await gateway.get("/readyz")
    answer.body["detail"] = re.sub(r"\d\.\d s late", "2.5 s late", answer.body["detail"])
    assert_as_shown("frozen-worker", "not-ready", answer)


def freeze(seconds: float) -> None:
    """Block the event loop, as a bug would."""
    time.sleep(seconds)
