"""Each dialect's success is read by the vendor's own SDK, and its usage means what the vendor means by it.

The SDKs take seconds to import, so only a test that runs does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.vendor_sim import Success, Tokens, Vendor, VendorSim, fingerprint
from tests.vendor_sim_tests.prompts import MODELS, SCHEMA, question

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI

pytestmark = pytest.mark.sockets

TOKENS = Tokens(input=1000, output=300, cached_read=400, cache_write_5m=50, cache_write_1h=20, reasoning=120)
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA}}


def assert_good_verdict(text: str | None) -> None:
    verdict = json.loads(text or "")
    assert verdict["winner"] == "Essay A"
    assert 1 <= verdict["confidence"] <= 5
    assert list(verdict) == list(SCHEMA["properties"])


def chat_client(sim: VendorSim, vendor: Vendor) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    version = "" if vendor is Vendor.OPENROUTER else "/v1"
    return AsyncOpenAI(api_key="sk-test", base_url=sim.base_url(vendor) + version, max_retries=0)


def claude_client(sim: VendorSim) -> AsyncAnthropic:
    from anthropic import AsyncAnthropic

    return AsyncAnthropic(api_key="sk-test", base_url=sim.base_url("anthropic"), max_retries=0)


@pytest.mark.parametrize("vendor", [Vendor.OPENAI, Vendor.OPENROUTER, Vendor.OLLAMA])
async def test_the_openai_sdk_reads_a_verdict_by_schema(sim: VendorSim, vendor: Vendor) -> None:
    async with chat_client(sim, vendor) as client:
        answer = await client.chat.completions.create(
            model=MODELS[vendor], messages=[{"role": "user", "content": question()}], response_format=FORMAT
        )
    assert_good_verdict(answer.choices[0].message.content)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == MODELS[vendor]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (
        sim.billed(vendor).input,
        sim.billed(vendor).output,
    )
    assert sim.violations() == []
    assert sim.calls(vendor)[0].key == fingerprint("sk-test")


async def test_the_openai_sdk_reads_a_forced_tool_call_and_cached_and_reasoning_tokens(sim: VendorSim) -> None:
    sim.script("openai", [Success(tokens=TOKENS)])
    tool: Any = {"type": "function", "function": {"name": "verdict", "strict": True, "parameters": SCHEMA}}
    async with chat_client(sim, Vendor.OPENAI) as client:
        answer = await client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": question()}],
            tools=[tool],
            tool_choice={"type": "function", "function": {"name": "verdict"}},
        )
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert_good_verdict(call.function.arguments)
    usage = answer.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens) == (1000, 400)
    assert (usage.completion_tokens, usage.completion_tokens_details.reasoning_tokens) == (300, 120)
    assert sim.billed("openai") == TOKENS


async def test_the_anthropic_sdk_reads_a_verdict_by_schema(sim: VendorSim) -> None:
    from anthropic.types import TextBlock

    sim.script("anthropic", [Success(tokens=TOKENS)])
    async with claude_client(sim) as client:
        answer = await client.messages.create(
            model=MODELS[Vendor.ANTHROPIC],
            max_tokens=500,
            messages=[{"role": "user", "content": question()}],
            output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        )
    (block,) = answer.content
    assert isinstance(block, TextBlock)
    assert_good_verdict(block.text)
    assert answer._request_id == "req_sim00000001"
    usage = answer.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (530, 400, 70)
    assert usage.cache_creation is not None
    assert usage.cache_creation.ephemeral_1h_input_tokens == 20
    assert usage.output_tokens == 300
    assert sim.violations() == []
    assert sim.calls("anthropic")[0].key == fingerprint("sk-test")


async def test_the_anthropic_sdk_reads_a_forced_tool_call(sim: VendorSim) -> None:
    from anthropic.types import ToolUseBlock

    async with claude_client(sim) as client:
        answer = await client.messages.create(
            model=MODELS[Vendor.ANTHROPIC],
            max_tokens=500,
            messages=[{"role": "user", "content": question()}],
            tools=[{"name": "verdict", "input_schema": SCHEMA}],
            tool_choice={"type": "tool", "name": "verdict"},
        )
    (block,) = answer.content
    assert isinstance(block, ToolUseBlock)
    assert block.input["winner"] == "Essay A"
    assert answer.stop_reason == "tool_use"


# The SDK inherits from aiohttp's session, which aiohttp discourages; nothing of ours.
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
@pytest.mark.parametrize("version", ["v1beta", "v1"])
async def test_the_google_sdk_reads_a_verdict_by_schema(sim: VendorSim, version: str) -> None:
    from google.genai import Client as GoogleClient
    from google.genai.types import FinishReason, GenerateContentConfig, HttpOptions, ThinkingConfig

    sim.script("google", [Success(tokens=TOKENS)])
    options = HttpOptions(base_url=sim.base_url("google"), api_version=version)
    async with GoogleClient(api_key="sk-test", http_options=options).aio as client:
        answer = await client.models.generate_content(
            model=MODELS[Vendor.GOOGLE],
            contents=question(),
            config=GenerateContentConfig(
                response_mime_type="application/json",
                response_json_schema=SCHEMA,
                thinking_config=ThinkingConfig(thinking_budget=100),
            ),
        )
    assert_good_verdict(answer.text)
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is FinishReason.STOP
    usage = answer.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (1000, 400)
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (180, 120)
    assert usage.total_token_count == 1300
    assert answer.model_version == MODELS[Vendor.GOOGLE]
    assert sim.violations() == []
    assert sim.calls("google")[0].key == fingerprint("sk-test")


async def test_what_is_no_comparison_gets_a_short_answer_that_repeats_nothing(sim: VendorSim) -> None:
    async with chat_client(sim, Vendor.OPENAI) as client:
        answer = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Say the word canary."}]
        )
    assert answer.choices[0].message.content == "OK"
    assert sim.billed("openai") == Tokens(input=5, output=1)


async def test_reasoning_is_counted_where_effort_is_asked_for(sim: VendorSim) -> None:
    async with chat_client(sim, Vendor.OPENAI) as client:
        answer = await client.chat.completions.create(
            model="gpt-5.4-mini", messages=[{"role": "user", "content": "Hello"}], reasoning_effort="high"
        )
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 256
    assert answer.usage.completion_tokens == 257
