"""What a caller of the gateway can be told: every error that leaves the orchestrator.

    GatewayError
    ├── InvalidOrder           400  the request cannot be honoured as it stands
    ├── UnknownProvider        404  the path names a provider that is not live
    ├── VendorRejected         422  the content, a parameter, the length or the model was not accepted
    ├── VendorUnusable         502  our key, or what came back, is not usable
    ├── NobodyAnswered         503  every candidate failed in a way that may pass
    ├── GatewayOverloaded             503  the gateway itself has no slot in time
    └── DeadlineReached        504  time ran out

The problem document is written once, from these fields, in api/.
"""

from __future__ import annotations

from typing import ClassVar

from common_core.error_enums import ErrorCode
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.skipped import Skipped
from services.llm_provider_service.domain.target import Target

TYPE_PREFIX = "urn:huleedu:llm-provider:"


class GatewayError(Exception):
    """Base: `title` and `detail` are for people, `code` for programs; `retry_after` in seconds.

    `fields` are (field, message) pairs; the fields have the order's names, and api/ turns them into pointers.
    `early`: the caller's own deadline cut it short, so it is not the last word for who waits for the same answer.
    `skipped`: who could have answered and was not asked.
    """

    status: ClassVar[int]
    retryable: ClassVar[bool] = False
    early: bool = False
    skipped: tuple[Skipped, ...] = ()

    def __init__(
        self,
        title: str,
        detail: str,
        *,
        code: ErrorCode,
        slug: str,
        target: Target | None = None,
        attempts: tuple[Attempt, ...] = (),
        retry_after: float | None = None,
        fields: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.code = code
        self.slug = slug
        self.target = target
        self.attempts = attempts
        self.retry_after = retry_after
        self.fields = fields


class InvalidOrder(GatewayError):
    """The request asks for something that does not exist here or that its model cannot do."""

    status = 400


class UnknownProvider(GatewayError):
    """The path names a provider that is not enabled and configured."""

    status = 404


class VendorRejected(GatewayError):
    """The vendor will not do this, whoever asks."""

    status = 422


class VendorUnusable(GatewayError):
    """The vendor's side of the line is broken: our key, its certificate, its answer."""

    status = 502


class NobodyAnswered(GatewayError):
    """No candidate could answer now."""

    status = 503
    retryable = True


class GatewayOverloaded(GatewayError):
    """The gateway's own slots are taken."""

    status = 503
    retryable = True


class DeadlineReached(GatewayError):
    """The request's total time is up."""

    status = 504
    retryable = True
