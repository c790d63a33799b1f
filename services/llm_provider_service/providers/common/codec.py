"""What a dialect must be able to do: write a request for a vendor, and read the vendor's reply.

A base URL ends where the API's version begins (`https://openrouter.ai/api`), and a codec's path starts with the
version (`/v1/chat/completions`); `address` also takes a base URL that already ends with that version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.completion import CompletionAnswer, CompletionRequest
from services.llm_provider_service.domain.model import ModelProfile
from services.llm_provider_service.providers.common.wire_request import WireRequest


class ReplyReader(Protocol):
    """One reply being read; a new one for each reply."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body, however they were cut. Never raises."""
        ...

    def finish(self) -> CompletionAnswer:
        """The answer that the whole body is; raises `ProviderFailure`, and nothing else, when it is none."""
        ...


class VendorCodec(Protocol):
    """One vendor's dialect; pure, stateless, shared by all requests."""

    @property
    def provider(self) -> LLMProviderType:
        """Whose dialect this is."""
        ...

    def encode(self, request: CompletionRequest, profile: ModelProfile) -> WireRequest:
        """*request* as this vendor wants it, for the model of *profile*; raises `RequestRejected` if it cannot.

        Equal requests give equal bytes; the order of a schema's properties is kept, because models write in it.
        """
        ...

    def auth_headers(self, key: str | None) -> Mapping[str, str]:
        """The headers that carry *key*; none without a key."""
        ...

    def reader(self, status: int, headers: Mapping[str, str], *, now: float) -> ReplyReader:
        """A reader for one reply; *now* is the wall clock in Unix seconds, for dates in headers."""
        ...


def address(base_url: str, path: str) -> str:
    """The URL of *path* under *base_url*, with the version said once, whether or not *base_url* ends with it."""
    base = base_url.rstrip("/")
    version = path[: path.index("/", 1)]
    return base.removesuffix(version) + path
