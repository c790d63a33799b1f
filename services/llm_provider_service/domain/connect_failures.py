"""Two kinds of failed connections that are caused by a wrong address: tried once, or twice at most."""

from __future__ import annotations

from services.llm_provider_service.domain.failures import ConnectFailed


class TlsHandshakeFailed(ConnectFailed):
    """The TLS handshake failed: the peer speaks another protocol or closed the connection. Tried twice at most."""

    max_attempts = 2


class AddressRefused(ConnectFailed):
    """Our address guard refuses a private address for this provider. Never retried; an operator is alerted."""

    retryable = False
    alerts = True
