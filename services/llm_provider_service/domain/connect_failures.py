"""The two connections that fail because an address is wrong, which asking again and again does not heal."""

from __future__ import annotations

from services.llm_provider_service.domain.failures import ConnectFailed


class NoTls(ConnectFailed):
    """A handshake that failed: what answers speaks something else, or was cut off; asked once more."""

    max_attempts = 2


class AddressRefused(ConnectFailed):
    """A private address, which our own guard refuses to this provider: never asked again, and an operator is called."""

    retryable = False
    alerts = True
