"""The routes under /api/v1: the comparison, and status for callers and operators."""

from __future__ import annotations

from dishka import FromDishka
from quart import Blueprint, Response, request

from common_core.config_enums import LLMProviderType
from huleedu_service_libs.web.fast_path import PlainRequest
from huleedu_service_libs.web.quart_app import inject, read_body
from services.llm_provider_service.api.caller_identity import caller_of
from services.llm_provider_service.api.comparison_route import COMPARISON_PATH, ComparisonRoute
from services.llm_provider_service.api.problems import invalid_fields, not_found
from services.llm_provider_service.gateway.all_workers import AllWorkers
from services.llm_provider_service.gateway.gateway_status import GatewayStatus
from services.llm_provider_service.gateway.provider_test import ProviderTester

PREFIX = "/api/v1"
llm_routes = Blueprint("llm", __name__, url_prefix=PREFIX)
CLEAR_SCOPES = ("key", "tenant", "all")


@llm_routes.post(COMPARISON_PATH.removeprefix(PREFIX))
@inject
async def compare(route: FromDishka[ComparisonRoute]) -> Response:
    """Answer which of two essays is better."""
    headers = request.scope["headers"]
    return _json(await route.compare(PlainRequest(caller_of(headers), await read_body(request), headers)))


@llm_routes.get("/providers")
@inject
async def providers(all_workers: FromDishka[AllWorkers]) -> Response:
    """Returns every provider: switched on, configured, its breaker, running calls."""
    return _json((await all_workers.providers()).model_dump_json().encode())


@llm_routes.post("/providers/<provider>/test")
@inject
async def test_provider(provider: str, tester: FromDishka[ProviderTester]) -> Response:
    """Send one small prompt to a provider at its configured address."""
    if provider not in set(LLMProviderType):
        raise not_found("Unknown provider", f"There is no provider {provider[:40]!r}; see GET /api/v1/providers.")
    result = await tester.test(LLMProviderType(provider), caller_of(request.scope["headers"]))
    return _json(result.model_dump_json().encode())


@llm_routes.get("/models")
@inject
async def models(status: FromDishka[GatewayStatus]) -> Response:
    """Returns the model registry: capabilities, limits, prices."""
    return _json(status.models().model_dump_json().encode())


@llm_routes.get("/circuit-breakers")
@inject
async def circuit_breakers(all_workers: FromDishka[AllWorkers]) -> Response:
    """Returns every circuit breaker; if several workers have one for a target, the worst."""
    return _json((await all_workers.circuit_breakers()).model_dump_json().encode())


@llm_routes.get("/cache/stats")
@inject
async def cache_stats(all_workers: FromDishka[AllWorkers]) -> Response:
    """Returns hits, misses, entries and bytes of the cache."""
    return _json((await all_workers.cache_stats()).model_dump_json().encode())


@llm_routes.delete("/cache")
@inject
async def clear_cache(all_workers: FromDishka[AllWorkers]) -> Response:
    """Clear the cache by `key`, by `tenant` or with `all=true`; exactly one of them must be given."""
    given = list(request.args.items(multi=True))
    name, value = given[0] if len(given) == 1 else ("", "")
    if name not in CLEAR_SCOPES or not value or (name == "all" and value != "true"):
        raise invalid_fields((("", "name exactly one of the query parameters key, tenant, all=true"),))
    tenant, key = (value if name == scope else None for scope in ("tenant", "key"))
    cleared = await all_workers.clear_cache(tenant=tenant, key=key)
    return _json(cleared.model_dump_json().encode())


def _json(body: bytes) -> Response:
    return Response(body, content_type="application/json")
