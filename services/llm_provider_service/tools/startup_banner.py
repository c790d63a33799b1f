"""Messages of `./dev serve` at the start: address, live vendors, or the reason why it cannot listen."""

from __future__ import annotations

import errno
import json
import shlex

from huleedu_service_libs.http_server.run import Address
from services.llm_provider_service.config import Settings
from services.llm_provider_service.settings.accounts import ProviderAccount
from services.llm_provider_service.settings.prefix import PREFIX

SAMPLE = {
    "user_prompt": "Which essay argues its case better?",
    "essay_a": "School should start later, because pupils who sleep longer learn more.",
    "essay_b": "School is boring and I think it should start later.",
}


def url_of(address: Address) -> str:
    """Returns the base URL of *address*; an IPv6 address is in brackets."""
    host, port = address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def greeting(settings: Settings, url: str) -> str:
    """Returns the text for a user who has just started the service; of a key it shows the last four characters."""
    if settings.mock_mode:
        vendors = ["  mock: answers everything, costs nothing (set <VENDOR>_API_KEY and _ENABLED=true for a real one)"]
    else:
        vendors = [f"  {_vendor_line(vendor)}" for vendor in settings.live_accounts] or ["  none: not ready"]
    # Quoted, because a shell may read the brackets of an IPv6 address as a pattern.
    where = shlex.quote(f"{url}/api/v1/comparison")
    return "\n".join(
        (
            f"LLM Provider Service: {url}",
            "Vendors:",
            *vendors,
            *(f"Warning: {stray}" for stray in settings.unknown),
            f"API page: {url}/docs",
            "Try it:",
            f"curl -s {where} -H 'Content-Type: application/json' -d '{json.dumps(SAMPLE)}'",
            "Ctrl-C stops.",
        )
    )


def unbound(settings: Settings, reason: OSError) -> str:
    """Returns why the service cannot listen, and what to do."""
    if reason.errno == errno.EADDRINUSE:
        return f"Port {settings.PORT} is taken; stop what listens there, or set {PREFIX}PORT."
    why = reason.strerror or str(reason)
    return f"Cannot listen on {settings.HOST}, port {settings.PORT} ({why}); set {PREFIX}HOST or {PREFIX}PORT."


def _vendor_line(vendor: ProviderAccount) -> str:
    key = vendor.api_key.get_secret_value() if vendor.api_key else ""
    shown = f"key ...{key[-4:]}" if len(key) >= 12 else "key set" if key else "no key"
    return f"{vendor.provider}: {vendor.default_model} at {vendor.base_url}, {shown}"
