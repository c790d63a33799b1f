"""Errors that the gateway reports to a caller: every error that leaves the orchestrator.

GatewayError
├── InvalidOrder           400  the request cannot be fulfilled as it is
├── UnknownProvider        404  the path names a provider that is not live
├── VendorRejected         422  the content, a parameter, the length or the model was not accepted
├── VendorUnusable         502  our key, or the vendor's answer, is not usable
├── NobodyAnswered         503  every candidate failed in a way that may pass
├── GatewayOverloaded      503  no slot was free in time
└── DeadlineReached        504  the request's time is over

The problem document is built once, from these fields, in api/.
"""

from __future__ import annotations

from typing import ClassVar

from common_core.error_enums import ErrorCode
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.skipped import Skipped
from services.llm_provider_service.domain.target import Target

TYPE_PREFIX = "urn:huleedu:llm-provider:"


class GatewayError(Exception):
    """Base class: `title` and `detail` are for people, `code` for programs; `retry_after` in seconds.

    `fields` are (field, message) pairs with the order's field names; api/ turns the names into JSON pointers. `early`:
    the caller's own short deadline caused the error, so requests that wait for the same answer may still succeed.
    `skipped`: the candidates that could have answered but were not asked.
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
    """The request asks for something that does not exist here, or that its model cannot do."""

    status = 400


class UnknownProvider(GatewayError):
    """The path names a provider that is not enabled and configured."""

    status = 404


class VendorRejected(GatewayError):
    """The vendor refuses the request, for any caller."""

    status = 422


class VendorUnusable(GatewayError):
    """Something is wrong on the vendor's side: our key, its certificate, its answer."""

    status = 502


class NoProviderAvailable(GatewayError):
    """No candidate could answer now."""

    status = 503
    retryable = True


class GatewayOverloaded(GatewayError):
    """No slot was free in time: of the gateway, or of a provider's account."""

    status = 503
    retryable = True


class DeadlineReached(GatewayError):
    """The request's total time is over."""

    status = 504
    retryable = True
