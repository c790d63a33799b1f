"""The encoded request that the pure codecs pass to the transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class WireRequest(NamedTuple):
    """One POST to a vendor; `path` is appended to the provider's base URL, `headers` do not contain credentials."""

    path: str
    headers: Mapping[str, str]
    body: bytes
