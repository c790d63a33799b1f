"""What passes between the pure codecs and the transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """One POST to a vendor; `path` is appended to the provider's base URL, `headers` are without credentials."""

    path: str
    headers: Mapping[str, str]
    body: bytes
