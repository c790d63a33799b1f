"""Is there a gateway where the caller says? Asked once, before any work."""

from __future__ import annotations

from huleedu_service_libs.llm_client import LLMProviderClient
from huleedu_service_libs.llm_client_errors import (
    LLMProviderBadAnswer,
    LLMProviderClientError,
    LLMProviderProblem,
    LLMProviderUnreachable,
)

HEALTH_SECONDS = 10.0


class GatewayUnusable(Exception):
    """Nobody can be asked there; the message is a sentence for the person who gave the address."""


def client_for(url: str) -> LLMProviderClient:
    """A client of the gateway at *url*; raises `GatewayUnusable` for what is no address."""
    try:
        return LLMProviderClient(url)
    except ValueError:
        raise GatewayUnusable(f"{url!r} is no address of a gateway; it begins with http:// or https://.") from None


async def require_gateway(url: str) -> list[str]:
    """What the gateway at *url* warns of, if it says it can serve; raises `GatewayUnusable`."""
    try:
        async with LLMProviderClient(url, timeout=HEALTH_SECONDS) as client:
            health = await client.health()
    except LLMProviderUnreachable:
        raise GatewayUnusable(f"Nothing answers at {url}. Start the service there first: ./dev serve") from None
    except LLMProviderProblem as problem:
        if problem.problem is None:
            raise _something_else(url) from None
        raise GatewayUnusable(f"The gateway at {url} cannot serve: {problem}") from None
    except LLMProviderBadAnswer:
        raise _something_else(url) from None
    except LLMProviderClientError as error:
        raise GatewayUnusable(f"The gateway at {url} does not say how it is: {error}.") from None
    warnings = health.get("warnings")
    if "providers" not in health or not isinstance(warnings, list):
        raise _something_else(url)
    return [str(warning) for warning in warnings]


def _something_else(url: str) -> GatewayUnusable:
    return GatewayUnusable(f"What answers at {url} is not the LLM Provider Service.")
