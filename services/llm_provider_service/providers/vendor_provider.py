"""One upstream call to a vendor: encode (pure), send, decode (pure). Vendors differ only in row and dialect."""

from __future__ import annotations

from collections.abc import Callable

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.completion import CompletionAnswer, CompletionRequest
from services.llm_provider_service.domain.failures import NotEncodable, ProviderTimeout, RequestRejected
from services.llm_provider_service.providers.common.codec import VendorCodec
from services.llm_provider_service.providers.models.capabilities import profile_for
from services.llm_provider_service.providers.transport.http_transport import HttpTransport
from services.llm_provider_service.providers.transport.time_limits import TimeLimits
from services.llm_provider_service.resilience.deadline import CLOCK_TOLERANCE_SECONDS, Deadline


class VendorProvider:
    """`LLMProviderProtocol` for any vendor: its codec writes the request and reads the reply."""

    def __init__(
        self,
        codec: VendorCodec,
        transport: HttpTransport,
        *,
        limits: TimeLimits,
        wall_clock: Callable[[], float],
    ) -> None:
        self._codec = codec
        self.provider: LLMProviderType = codec.provider
        self._transport = transport
        self._limits = limits
        self._wall_clock = wall_clock

    async def complete(self, request: CompletionRequest, model: str, deadline: Deadline) -> CompletionAnswer:
        """Make exactly one upstream call; raises a `ProviderFailure` if there is no answer."""
        try:
            wire_request = self._codec.encode(request, profile_for(self.provider, model))
        except RequestRejected as failure:
            raise NotEncodable(failure.message) from failure
        limits = self._limits.within(deadline.remaining())
        try:
            async with self._transport.send(wire_request, limits) as reply:
                reader = self._codec.reader(reply.status, reply.headers, now=self._wall_clock())
                async for chunk in reply.chunks():
                    reader.feed(chunk)
                return reader.finish()
        except ProviderTimeout as failure:
            if deadline.callers_own and deadline.remaining() <= CLOCK_TOLERANCE_SECONDS:
                raise ProviderTimeout(failure.message, own_limit=False) from failure
            raise
