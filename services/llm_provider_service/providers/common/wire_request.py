"""What passes between the pure codecs and the transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class WireRequest(NamedTuple):
    """One POST to a vendor; `path` is appended to the provider's base URL, `headers` are without credentials."""

    path: str
    headers: Mapping[str, str]
    body: bytes
