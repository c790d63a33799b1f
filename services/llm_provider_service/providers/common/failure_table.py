"""Maps status, headers and error body of a reply to a failure class of `domain/failures`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.llm_provider_service.domain.failures import (
    AuthenticationFailed,
    BadResponse,
    ContextTooLong,
    ModelNotFound,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimited,
    RedirectRefused,
    RequestRejected,
    ServerError,
)
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.providers.common.error_body import VendorError
from services.llm_provider_service.providers.common.redaction import vendor_text
from services.llm_provider_service.providers.common.retry_after import honours_retry_after, retry_after, spoken_wait
from services.llm_provider_service.providers.common.vendor_json import mapping

CREDIT_COOLDOWN_SECONDS = 300.0
_CODE = re.compile(r"[a-z0-9_.:/-]{1,64}")


class ReplyHead(NamedTuple):
    """Status, headers (names in lower case) and time of arrival (Unix seconds) of a reply."""

    status: int
    headers: Mapping[str, str]
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRule:
    """One row of a vendor's table. All conditions must be true; an empty condition is always true.

    `phrases` are searched in the message in lower case; one is enough. `metadata` are fields of the error's metadata,
    one of which must have a value. `cooldown` is the minimum of `retry_after`, in seconds.
    """

    failure: type[ProviderFailure]
    statuses: frozenset[int] = frozenset()
    codes: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    metadata: frozenset[str] = frozenset()
    cooldown: float | None = None

    def matches(self, status: int, error: VendorError, message: str) -> bool:
        """Returns whether this row fits an error with *status*; *message* is the error's own, in lower case."""
        if self.statuses and status not in self.statuses:
            return False
        if self.codes and self.codes.isdisjoint(error.codes):
            return False
        if self.metadata and not _holds_any(error, self.metadata):
            return False
        return not self.phrases or any(phrase in message for phrase in self.phrases)


def _holds_any(error: VendorError, fields: frozenset[str]) -> bool:
    metadata = mapping(error.detail.get("metadata"))
    return any(metadata.get(name) for name in fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureTable:
    """A vendor's rows, checked from top to bottom, before the rows that are valid for all vendors.

    `x-should-retry: false` is obeyed from every vendor. `true`, which leads to another paid call, is obeyed only with
    `trusts_should_retry`, for the vendors that document it.
    """

    vendor: str
    rules: Sequence[FailureRule]
    trusts_should_retry: bool = False

    def failure(self, head: ReplyHead, error: VendorError, *, wait: float | None = None) -> ProviderFailure:
        """Returns the failure for *error* with *head*; *wait* is the delay in seconds from the body, or None."""
        status = error.number if error.number is not None and head.status < 400 else head.status
        rule = self._rule(status, error)
        asked = retry_after(status, head.headers, now=head.now)
        if asked is None and honours_retry_after(status):
            asked = wait if wait is not None else spoken_wait(error.message)
        should_retry = head.headers.get("x-should-retry", "").strip().lower()
        return rule.failure(
            f"{self.vendor} answered {status}",
            vendor_said=vendor_text(error.message),
            retry_after=asked if rule.cooldown is None else max(asked or 0.0, rule.cooldown),
            status=status,
            vendor_code=next((code for code in error.codes if _CODE.fullmatch(code)), None),
            retry_forbidden=should_retry == "false",
            retry_encouraged=should_retry == "true" and self.trusts_should_retry,
        )

    def _rule(self, status: int, error: VendorError) -> FailureRule:
        message = error.message[:4_000].lower()
        for rule in (*self.rules, *_EVERYBODY):
            if rule.matches(status, error, message):
                return rule
        return _by_status(status)


def redirect_refused(vendor: str, status: int) -> RedirectRefused:
    """Returns the failure for a redirect; its target is not shown."""
    return RedirectRefused(f"{vendor} answered {status}, a redirect, which is not followed", status=status)


_PAYLOAD = frozenset({400, 413, 422})
_EVERYBODY = (
    FailureRule(
        failure=ContextTooLong,
        statuses=_PAYLOAD,
        codes=frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}),
    ),
    FailureRule(
        failure=ContextTooLong,
        statuses=_PAYLOAD,
        phrases=(
            "maximum context length",
            "context length exceeded",
            "context window",
            "context size",
            "prompt is too long",
            "input is too long",
            "input token count",
            "exceeds the maximum number of tokens",
            "exceed context limit",
            "too many tokens",
        ),
    ),
    FailureRule(failure=ModelNotFound, codes=frozenset({"model_not_found"})),
    FailureRule(failure=QuotaExhausted, statuses=frozenset({402}), cooldown=CREDIT_COOLDOWN_SECONDS),
    FailureRule(failure=AuthenticationFailed, statuses=frozenset({401, 403})),
    FailureRule(failure=ModelNotFound, statuses=frozenset({404})),
    FailureRule(failure=RateLimited, statuses=frozenset({429})),
    FailureRule(failure=ProviderOverloaded, statuses=frozenset({529})),
    FailureRule(failure=ServerError, statuses=frozenset({408, 409})),
)
_SERVER_ERROR = FailureRule(failure=ServerError)
_REJECTED = FailureRule(failure=RequestRejected)
_BAD_RESPONSE = FailureRule(failure=BadResponse)


def _by_status(status: int) -> FailureRule:
    """Returns the rule for what no row matches: any other 5xx, any other 4xx, and other statuses."""
    if status >= 500:
        return _SERVER_ERROR
    return _REJECTED if status >= 400 else _BAD_RESPONSE
