"""Opens the vendors: for each one a session of its own, bound to its origin and its key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from aiohttp.abc import AbstractResolver

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.providers.common.codec import VendorCodec
from services.llm_provider_service.providers.dialects import codec_for
from services.llm_provider_service.providers.transport.address_guard import GuardedResolver
from services.llm_provider_service.providers.transport.dns_cache import CachingResolver
from services.llm_provider_service.providers.transport.http_transport import HttpTransport, open_session
from services.llm_provider_service.providers.transport.time_limits import TimeLimits
from services.llm_provider_service.providers.vendor_provider import VendorProvider
from services.llm_provider_service.resilience.deadline import Clock


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


NO_CLASSES: Mapping[LLMProviderType, type[VendorProvider]] = MappingProxyType({})


@asynccontextmanager
async def open_vendors(
    endpoints: Sequence[VendorEndpoint],
    limits: LineLimits,
    *,
    clock: Clock,
    wall_clock: Callable[[], float],
    classes: Mapping[LLMProviderType, type[VendorProvider]] = NO_CLASSES,
) -> AsyncIterator[Mapping[LLMProviderType, VendorProvider]]:
    """The providers of *endpoints*; their connections close with the context.

    A vendor without a class of its own in *classes* is built from its row alone.
    """
    async with AsyncExitStack() as stack:
        made: dict[LLMProviderType, VendorProvider] = {}
        for endpoint in endpoints:
            codec = codec_for(endpoint.provider, static_headers=endpoint.attribution)
            transport = await _transport(endpoint, codec, limits, stack, clock)
            kind = classes.get(endpoint.provider, VendorProvider)
            made[endpoint.provider] = kind(codec, transport, limits=limits.times, wall_clock=wall_clock)
        yield made


async def _transport(
    endpoint: VendorEndpoint, codec: VendorCodec, limits: LineLimits, stack: AsyncExitStack, clock: Clock
) -> HttpTransport:
    inner = CachingResolver(clock=clock)
    stack.push_async_callback(inner.close)
    resolver: AbstractResolver = inner if endpoint.allow_private else GuardedResolver(inner)
    session = await stack.enter_async_context(open_session(resolver=resolver, connections=limits.connections))
    return HttpTransport(
        session,
        base_url=endpoint.base_url,
        credentials=codec.auth_headers(endpoint.api_key),
        max_bytes=limits.max_bytes,
    )
