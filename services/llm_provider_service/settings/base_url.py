"""Checks the URLs in settings, before any connection is opened."""

from __future__ import annotations

import ipaddress
import re

from yarl import URL

from services.llm_provider_service.settings.public_addresses import is_public

NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
DIGITS_AND_DOTS = "0123456789."


def base_url_problem(url: str, *, allow_private: bool) -> str | None:
    """Returns why *url* cannot be a vendor's base URL, or `None`; host names are checked again when resolved."""
    parsed = _as_dialled(url)
    if parsed is None:
        return "must be a URL without blanks; a port is 1 to 65535, and an IPv6 address stands in brackets"
    if parsed.scheme not in {"http", "https"} or not parsed.raw_host:
        return "must be an http or https URL with a host"
    if not _is_a_host(parsed.raw_host):
        return "must have a host that is a name or an address"
    # A path that is appended would end up in the query or fragment, even in an empty one.
    if parsed.raw_user or parsed.raw_password or "?" in url or "#" in url:
        return "must not carry credentials, a query or a fragment"
    return None if allow_private else _private_problem(parsed.scheme, parsed.raw_host.rstrip("."))


def is_loopback(host: str) -> bool:
    """Returns whether *host* is a literal loopback address of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _private_problem(scheme: str, host: str) -> str | None:
    if scheme != "https":
        return "must use https; set the matching _ALLOW_PRIVATE=true for a local server"
    if host == "localhost" or _is_private_literal(host):
        return "points to a private address; set the matching _ALLOW_PRIVATE=true if that is meant"
    return None


def _as_dialled(url: str) -> URL | None:
    """Returns *url* as the HTTP client reads it (digits and dots of other alphabets as ASCII), or None."""
    if not url.isprintable() or " " in url:
        return None
    try:
        parsed = URL(url)
    except ValueError:
        return None
    return None if parsed.explicit_port == 0 else parsed


def _is_a_host(host: str) -> bool:
    """Returns whether *host* can be looked up or dialled; the client reads digits and dots only as an IP address."""
    if ":" not in host and host.strip(DIGITS_AND_DOTS):
        return NAME.fullmatch(host) is not None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return False
