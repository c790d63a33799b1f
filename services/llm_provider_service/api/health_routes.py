"""Routes for orchestration and monitoring: liveness, readiness, metrics."""

from __future__ import annotations

from dishka import FromDishka
from quart import Blueprint, Response

from huleedu_service_libs.web.quart_app import inject
from services.llm_provider_service.api.problems import unavailable
from services.llm_provider_service.api_models import HealthStatus
from services.llm_provider_service.gateway.all_workers import AllWorkers
from services.llm_provider_service.gateway.gateway_status import GatewayStatus

JSON = "application/json"
health_routes = Blueprint("health", __name__)


@health_routes.get("/healthz")
@inject
async def healthz(all_workers: FromDishka[AllWorkers]) -> Response:
    """Returns liveness and the state of everything that any worker depends on; 503 only if no worker can serve."""
    health = await all_workers.health()
    if health.status is HealthStatus.UNHEALTHY:
        raise unavailable("The service cannot serve", " ".join(health.warnings))
    return Response(health.model_dump_json(), content_type=JSON)


@health_routes.get("/readyz")
@inject
async def readyz(status: FromDishka[GatewayStatus]) -> Response:
    """Returns whether this worker should get traffic; 503 gives the reason if not."""
    readiness = status.readiness()
    if readiness.reason is not None:
        raise unavailable("Not ready", readiness.reason)
    return Response(readiness.model_dump_json(exclude_none=True), content_type=JSON)


@health_routes.get("/metrics")
@inject
async def metrics(all_workers: FromDishka[AllWorkers]) -> Response:
    """Returns Prometheus text; 503 while the counts of the other workers are unknown."""
    said = await all_workers.metrics()
    if said is None:
        raise unavailable("The counts are not known", "The supervisor of the workers did not answer in time.")
    body, content_type = said
    return Response(body, content_type=content_type)
