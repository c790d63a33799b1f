"""The interface of a dialect: write a request for a vendor, and read the vendor's reply.

A base URL ends before the API's version (`https://openrouter.ai/api`), and a codec's path starts with the version
(`/v1/chat/completions`); `address` also accepts a base URL that already ends with that version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.completion import CompletionAnswer, CompletionRequest
from services.llm_provider_service.domain.model import ModelProfile
from services.llm_provider_service.providers.common.wire_request import WireRequest


class ReplyReader(Protocol):
    """Reads one reply; make a new one for each reply."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body, in chunks of any size. Never raises."""
        ...

    def finish(self) -> CompletionAnswer:
        """Returns the answer in the whole body; raises `ProviderFailure`, and nothing else, if there is none."""
        ...


class VendorCodec(Protocol):
    """One vendor's dialect; pure and stateless, shared by all requests."""

    @property
    def provider(self) -> LLMProviderType:
        """Returns the vendor of this codec."""
        ...

    def encode(self, request: CompletionRequest, profile: ModelProfile) -> WireRequest:
        """Returns *request* in the vendor's format, for the model of *profile*; raises `RequestRejected` if impossible.

        Equal requests give equal bytes. The order of a schema's properties is kept, because models write in this order.
        """
        ...

    def auth_headers(self, key: str | None) -> Mapping[str, str]:
        """Returns the headers that carry *key*; empty without a key."""
        ...

    def reader(self, status: int, headers: Mapping[str, str], *, now: float) -> ReplyReader:
        """Returns a reader for one reply; *now* is the wall clock in Unix seconds, for dates in headers."""
        ...


def address(base_url: str, path: str) -> str:
    """Returns the URL of *path* under *base_url*; the version appears once, even if *base_url* ends with it."""
    base = base_url.rstrip("/")
    version = path[: path.index("/", 1)]
    return base.removesuffix(version) + path
