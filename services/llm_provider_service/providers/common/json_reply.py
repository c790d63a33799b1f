"""Reads a reply that is one JSON document, for any vendor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from services.llm_provider_service.domain.completion import CompletionAnswer
from services.llm_provider_service.domain.failures import BadResponse
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.providers.common.error_body import VendorError, error_in, error_of
from services.llm_provider_service.providers.common.failure_table import ReplyHead, redirect_refused
from services.llm_provider_service.providers.common.vendor_json import NotJson, read_json


class Dialect(Protocol):
    """The parts of reading a whole reply that differ between vendors."""

    @property
    def name(self) -> str:
        """Returns the vendor's name in messages."""
        ...

    def decode(self, document: Mapping[str, Any], head: ReplyHead) -> CompletionAnswer:
        """Returns the answer in *document*; raises `ProviderFailure` if there is none."""
        ...

    def failure(self, head: ReplyHead, error: VendorError) -> ProviderFailure:
        """Returns the failure for *error*."""
        ...


class JsonReply:
    """A `ReplyReader` that parses the body only when it is complete."""

    __slots__ = ("_chunks", "_dialect", "_head")

    def __init__(self, dialect: Dialect, status: int, headers: Mapping[str, str], *, now: float) -> None:
        self._dialect = dialect
        lowered = dict(zip(map(str.lower, headers), headers.values(), strict=True))
        self._head = ReplyHead(status=status, headers=lowered, now=now)
        self._chunks: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Keep *chunk*; the transport limits the total size."""
        self._chunks.append(chunk)

    def finish(self) -> CompletionAnswer:
        """Returns the answer in the body; raises `ProviderFailure`, and nothing else, if there is none."""
        status = self._head.status
        body = b"".join(self._chunks)
        if 300 <= status < 400:
            raise redirect_refused(self._dialect.name, status)
        if not 200 <= status < 300:
            raise self._dialect.failure(self._head, error_of(body))
        try:
            document = read_json(body)
        except NotJson:
            raise self._no_json(body) from None
        error = error_in(document)
        if error is not None:
            raise self._dialect.failure(self._head, error)
        if not isinstance(document, dict):
            raise self._unreadable("a JSON document that is no object")
        try:
            return self._dialect.decode(document, self._head)
        except NotJson:
            raise self._unreadable("a document that is nested too deeply") from None

    def _no_json(self, body: bytes) -> BadResponse:
        return self._unreadable(f"{len(body)} bytes that are no JSON" if body.strip() else "an empty body")

    def _unreadable(self, what: str) -> BadResponse:
        return BadResponse(f"{self._dialect.name} answered {what}", status=self._head.status)
