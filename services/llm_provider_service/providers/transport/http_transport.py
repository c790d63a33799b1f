"""HTTP to vendors, over aiohttp; the only code that sends to a vendor's network address.

aiohttp's exceptions become a `ProviderFailure` here. Their messages are not passed on, because they may contain bytes
from the peer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Mapping
from functools import lru_cache
from types import TracebackType

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict
from yarl import URL

from services.llm_provider_service.domain.connect_failures import AddressRefused, TlsHandshakeFailed
from services.llm_provider_service.domain.failures import (
    BadResponse,
    CertificateInvalid,
    ConnectFailed,
    ConnectionLost,
    ProviderTimeout,
    ResponseTooLarge,
)
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.providers.common.codec import address
from services.llm_provider_service.providers.common.redaction import redacted
from services.llm_provider_service.providers.common.wire_request import WireRequest
from services.llm_provider_service.providers.transport.address_guard import PrivateAddress
from services.llm_provider_service.providers.transport.time_limits import TimeLimits

NEVER_ROUNDED = 1e9
CHUNK_BYTES = 64 * 1024
KEEPALIVE_SECONDS = 30.0
DNS_SECONDS = 5
# Some vendors have the model in the path, and callers name models, so the cache is bounded.
KEPT_ADDRESSES = 256
KEPT_TIMEOUTS = 16


def open_session(*, resolver: AbstractResolver, connections: int) -> aiohttp.ClientSession:
    """Returns a session for one provider: no cookies, no environment proxies, at most *connections* sockets."""
    connector = aiohttp.TCPConnector(
        limit=connections,
        resolver=resolver,
        ttl_dns_cache=DNS_SECONDS,
        keepalive_timeout=KEEPALIVE_SECONDS,
        family=socket.AF_UNSPEC,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=True,
        skip_auto_headers=("User-Agent",),
    )


class AiohttpReply:
    """A reply whose body is read once, in chunks, up to a limit on the decompressed bytes.

    `status` is the HTTP status; names in `headers` are found in any letter case.
    """

    def __init__(self, response: aiohttp.ClientResponse, *, max_bytes: int, idle_seconds: float) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yields body chunks of at most 64 KiB; raises `ResponseTooLarge` above the limit."""
        taken = 0
        content = self._response.content
        while not content.at_eof():
            if content.is_eof():
                # The whole body has arrived, so nothing is waited for and no time limit is needed.
                chunk = content.read_nowait(CHUNK_BYTES)
            else:
                async with asyncio.timeout(self._idle_seconds):
                    chunk = await content.read(CHUNK_BYTES)
            taken += len(chunk)
            if taken > self._max_bytes:
                raise ResponseTooLarge(f"the answer is larger than {self._max_bytes} bytes")
            yield chunk


class _Exchange:
    """One request and its reply, as a context; its connection is released, or closed if the body was not read."""

    def __init__(self, transport: HttpTransport, request: WireRequest, limits: TimeLimits) -> None:
        self._transport = transport
        self._request = request
        self._limits = limits
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> AiohttpReply:
        try:
            self._response = response = await self._transport.post(self._request, self._limits)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _as_failure(error) from error
        return AiohttpReply(response, max_bytes=self._transport.max_bytes, idle_seconds=self._limits.idle)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if self._response is not None and self._response.content.at_eof():
            self._response.release()
        elif self._response is not None:
            self._response.close()
        if isinstance(error, ProviderFailure):
            error.message = redacted(error.message, self._transport.secrets)
        if isinstance(error, (TimeoutError, aiohttp.ClientError, OSError)):
            raise _as_failure(error) from error


class HttpTransport:
    """Sends to one origin; base URL and credentials never change, so a key is never sent to another origin."""

    def __init__(
        self, session: aiohttp.ClientSession, *, base_url: str, credentials: Mapping[str, str], max_bytes: int
    ) -> None:
        self._session = session
        self._credentials = dict(credentials)
        self._url = lru_cache(KEPT_ADDRESSES)(lambda path: URL(address(base_url, path)))
        self._said: Mapping[str, str] = {}
        self._headers: CIMultiDict[str] = CIMultiDict(self._credentials)
        self.max_bytes = max_bytes
        self.secrets = tuple(value.removeprefix("Bearer ") for value in self._credentials.values())

    def send(self, request: WireRequest, limits: TimeLimits) -> _Exchange:
        """Send *request*; returns a context that gives the reply."""
        return _Exchange(self, request, limits)

    def post(self, request: WireRequest, limits: TimeLimits) -> Awaitable[aiohttp.ClientResponse]:
        """Returns the reply to *request* when its head has arrived; raises aiohttp's exceptions."""
        return self._session.post(
            self._url(request.path),
            data=request.body,
            headers=self._all_headers(request.headers),
            allow_redirects=False,
            timeout=_client_timeout(limits),
        )

    def _all_headers(self, said: Mapping[str, str]) -> CIMultiDict[str]:
        """Returns *said* plus the credentials; cached, because all requests of one codec have the same headers."""
        if said is not self._said:
            self._said, self._headers = said, CIMultiDict({**said, **self._credentials})
        return self._headers


@lru_cache(KEPT_TIMEOUTS)
def _client_timeout(limits: TimeLimits) -> aiohttp.ClientTimeout:
    """aiohttp's limits, with a threshold so high that aiohttp never rounds them up to whole seconds.

    `sock_read` also counts while we wait for the first byte; the shorter limit between two chunks is in the reply.
    """
    return aiohttp.ClientTimeout(
        total=limits.total,
        connect=limits.connect,
        sock_connect=limits.connect,
        sock_read=limits.first_byte,
        ceil_threshold=NEVER_ROUNDED,
    )


def _as_failure(error: Exception) -> Exception:
    """Returns the failure for an exception of aiohttp; timeouts first, because they are also OSErrors."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return ConnectFailed("no connection in time")
        case TimeoutError():
            return ProviderTimeout("no answer in time")
        case aiohttp.ClientConnectorCertificateError():
            return CertificateInvalid("the certificate does not prove who answers")
        case aiohttp.ClientConnectorSSLError():
            return TlsHandshakeFailed("no TLS connection: what answers does not speak it")
        case aiohttp.ClientConnectorDNSError(os_error=PrivateAddress()):
            return AddressRefused("the host resolves to a private address, which is not allowed for this provider")
        case aiohttp.ClientConnectorError():
            return ConnectFailed("no connection: refused, unresolved or unreachable")
        case aiohttp.ClientPayloadError():
            return ConnectionLost("the connection ended inside the answer")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return ConnectionLost("the connection was lost before the answer")
        case aiohttp.ClientResponseError() | aiohttp.ClientError() | ValueError():
            return BadResponse("what came back is not HTTP")
    return ConnectionLost("the connection was lost")
