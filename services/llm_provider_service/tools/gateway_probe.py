"""Checks once, before any work, that there is a gateway at the given URL."""

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
    """There is no usable gateway at this address; the message is a sentence for the user who gave it."""


def client_for(url: str) -> LLMProviderClient:
    """Returns a client of the gateway at *url*; raises `GatewayUnusable` if it is no valid URL."""
    try:
        return LLMProviderClient(url)
    except ValueError:
        raise GatewayUnusable(f"{url!r} is no address of a gateway; it begins with http:// or https://.") from None


async def require_gateway(url: str) -> list[str]:
    """Returns the warnings of the gateway at *url* if it can serve; raises `GatewayUnusable` if not."""
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
