"""What may stand in a setting that says where something is: checked before anything is opened."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from services.llm_provider_service.implementations.address_guard_impl import is_public


def base_url_problem(url: str, *, allow_private: bool) -> str | None:
    """Why *url* cannot be a vendor's base URL, or `None`; names are checked again when they are resolved."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "must be an http or https URL with a host"
    if parts.username or parts.query or parts.fragment:
        return "must not carry credentials, a query or a fragment"
    if allow_private:
        return None
    if parts.scheme != "https":
        return "must use https; set the matching _ALLOW_PRIVATE=true for a local server"
    host = _as_dialled(parts.hostname)
    if host == "localhost" or _is_private_literal(host):
        return "points to a private address; set the matching _ALLOW_PRIVATE=true if that is meant"
    return None


def _as_dialled(host: str) -> str:
    """*host* as the HTTP client will read it: other alphabets' digits and dots are digits and dots to it."""
    try:
        return host.encode("idna").decode().rstrip(".")
    except UnicodeError:
        return host.rstrip(".")


def is_loopback(host: str) -> bool:
    """Whether *host* is a literal address of this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return False
