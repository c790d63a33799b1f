"""Opens the vendors: for each one a session of its own, bound to its origin and its key, behind its own class."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.implementations.address_guard_impl import GuardedResolver
from services.llm_provider_service.implementations.anthropic_provider_impl import AnthropicProviderImpl
from services.llm_provider_service.implementations.forgetful_resolver_impl import ForgetfulResolver
from services.llm_provider_service.implementations.google_provider_impl import GoogleProviderImpl
from services.llm_provider_service.implementations.http_transport_impl import HttpTransportImpl, open_session
from services.llm_provider_service.implementations.ollama_provider_impl import OllamaProviderImpl
from services.llm_provider_service.implementations.openai_provider_impl import OpenAIProviderImpl
from services.llm_provider_service.implementations.openrouter_provider_impl import OpenRouterProviderImpl
from services.llm_provider_service.protocols import LLMProviderProtocol, TimeLimits, TransportProtocol
from services.llm_provider_service.resilience.deadline import Clock
from services.llm_provider_service.wire.codec import codec_for


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorEndpoint:
    """Where a vendor is and how it is spoken to; *attribution* are headers that say which application asks."""

    provider: LLMProviderType
    base_url: str
    api_key: str | None = field(repr=False)
    allow_private: bool
    attribution: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLimits:
    """What holds for every vendor's line: seconds, sockets, and bytes of one answer after decompression."""

    times: TimeLimits
    connections: int
    max_bytes: int


@asynccontextmanager
async def open_vendors(
    endpoints: Sequence[VendorEndpoint], limits: LineLimits, *, clock: Clock, wall_clock: Callable[[], float]
) -> AsyncIterator[Mapping[LLMProviderType, LLMProviderProtocol]]:
    """The providers of *endpoints*; their connections close with the context."""
    async with AsyncExitStack() as stack:
        made = {}
        for endpoint in endpoints:
            transport = await _transport(endpoint, limits, stack, clock)
            made[endpoint.provider] = _provider(endpoint, transport, limits.times, wall_clock)
        yield made


async def _transport(
    endpoint: VendorEndpoint, limits: LineLimits, stack: AsyncExitStack, clock: Clock
) -> TransportProtocol:
    inner = ForgetfulResolver(clock=clock)
    stack.push_async_callback(inner.close)
    resolver: AbstractResolver = inner if endpoint.allow_private else GuardedResolver(inner)
    session = await stack.enter_async_context(open_session(resolver=resolver, connections=limits.connections))
    return HttpTransportImpl(
        session,
        base_url=endpoint.base_url,
        credentials=codec_for(endpoint.provider).auth_headers(endpoint.api_key),
        max_bytes=limits.max_bytes,
    )


def _provider(
    endpoint: VendorEndpoint, transport: TransportProtocol, times: TimeLimits, wall_clock: Callable[[], float]
) -> LLMProviderProtocol:
    match endpoint.provider:
        case LLMProviderType.ANTHROPIC:
            return AnthropicProviderImpl(transport, limits=times, wall_clock=wall_clock)
        case LLMProviderType.OPENAI:
            return OpenAIProviderImpl(transport, limits=times, wall_clock=wall_clock)
        case LLMProviderType.GOOGLE:
            return GoogleProviderImpl(transport, limits=times, wall_clock=wall_clock)
        case LLMProviderType.OLLAMA:
            return OllamaProviderImpl(transport, limits=times, wall_clock=wall_clock)
        case LLMProviderType.OPENROUTER:
            attribution = endpoint.attribution
            return OpenRouterProviderImpl(transport, limits=times, wall_clock=wall_clock, attribution=attribution)
        case LLMProviderType.MOCK:
            raise ValueError("the mock has no address")
