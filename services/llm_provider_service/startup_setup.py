"""Builds the application: the container, the routes, the layers around them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from dishka import AsyncContainer
from quart import Quart

from huleedu_service_libs.observability.tracing import Tracing
from huleedu_service_libs.web.body_budget import BodyBudget
from huleedu_service_libs.web.fast_path import FastPath
from huleedu_service_libs.web.problem import Problem
from huleedu_service_libs.web.quart_app import (
    install_container,
    install_edge,
    install_problem_handlers,
    problem_for,
)
from huleedu_service_libs.web.quart_draining import DrainMiddleware
from huleedu_service_libs.workers.peers import NoPeers, Peers
from services.llm_provider_service import policies
from services.llm_provider_service.api.caller_identity import caller_of
from services.llm_provider_service.api.comparison_mapping import OVERRIDE_POINTERS
from services.llm_provider_service.api.comparison_route import COMPARISON_PATH, ComparisonRoute
from services.llm_provider_service.api.docs_routes import docs_routes
from services.llm_provider_service.api.health_routes import health_routes
from services.llm_provider_service.api.llm_routes import llm_routes
from services.llm_provider_service.api.metrics_middleware import install_http_metrics
from services.llm_provider_service.api.problems import gateway_problem
from services.llm_provider_service.api.trace_middleware import install_tracing
from services.llm_provider_service.config import Settings, load_settings
from services.llm_provider_service.di import build_container
from services.llm_provider_service.domain.caller import Caller
from services.llm_provider_service.exceptions import TYPE_PREFIX, GatewayError
from services.llm_provider_service.gateway.all_workers import AllWorkers
from services.llm_provider_service.gateway.gateway_status import GatewayStatus
from services.llm_provider_service.gateway.metrics_recorder import MetricsRecorder
from services.llm_provider_service.protocols import (
    LLMOrchestratorProtocol,
)
from services.llm_provider_service.settings.accounts import ProviderAccounts

APP_NAME = "llm_provider_service"
DRAIN, GRACE_OVER = "drain", "grace_over"
ANSWERED_WHILE_STOPPING = frozenset({"/healthz", "/readyz", "/metrics"})


def create_app(
    settings: Settings | None = None, peers: Peers | None = None, accounts: ProviderAccounts | None = None
) -> Quart:
    """Returns the application; it opens its resources when the server starts it and closes them when it stops.

    *peers* are the other workers of the service; None for a single process. *accounts* come from the settings, unless
    the caller passes a table, to change it while the service runs.
    """
    settings = settings or load_settings()
    accounts = accounts or policies.provider_accounts(settings)
    app = Quart(APP_NAME, static_folder=None)
    container = build_container(settings, peers or NoPeers(), accounts)
    app.register_blueprint(llm_routes)
    app.register_blueprint(health_routes)
    app.register_blueprint(docs_routes)
    install_problem_handlers(app, type_prefix=TYPE_PREFIX, translate=_translate)
    app.config["MAX_CONTENT_LENGTH"] = settings.MAX_BODY_BYTES
    app.config["RESPONSE_TIMEOUT"] = None
    fast_path, gate = _install_layers(app, settings, container)

    @app.before_serving
    async def open_resources() -> None:
        async with AsyncExitStack() as undo:
            undo.push_async_callback(container.close)
            tracing = await container.get(Tracing)  # opened first, closed last: exports spans of the shutdown too
            fast_path.post(COMPARISON_PATH, (await container.get(ComparisonRoute)).compare)
            recorder = await container.get(MetricsRecorder)
            install_http_metrics(app, recorder.http_answered, recorder.overhead)
            install_tracing(app, tracing)
            status = await container.get(GatewayStatus)
            await container.get(AllWorkers)
            orchestrator = await container.get(LLMOrchestratorProtocol)
            app.extensions[DRAIN] = (status.drain, gate.close)
            app.extensions[GRACE_OVER] = (orchestrator.stop_waiting,)
            undo.pop_all()

    @app.after_serving
    async def close_resources() -> None:
        await container.close()

    return app


def _install_layers(
    app: Quart, settings: Settings, container: AsyncContainer
) -> tuple[FastPath[Caller], DrainMiddleware]:
    """Add the layers around Quart, from the inside out: the fast path, the body budget, the drain, the edge."""
    install_container(app, container)
    fast_path = FastPath(
        app.asgi_app,
        identify=caller_of,
        type_prefix=TYPE_PREFIX,
        body_cap=settings.MAX_BODY_BYTES,
        problem_for=partial(problem_for, translate=_translate),
    )
    budget = BodyBudget(
        fast_path,
        type_prefix=TYPE_PREFIX,
        budget_bytes=policies.body_memory_bytes(settings),
        longest_body=settings.MAX_BODY_BYTES,
    )
    gate = DrainMiddleware(budget, type_prefix=TYPE_PREFIX, open_paths=ANSWERED_WHILE_STOPPING)
    app.asgi_app = gate  # type: ignore[method-assign]  # as Quart documents
    install_edge(app, type_prefix=TYPE_PREFIX)
    return fast_path, gate


def start_draining(app: Quart) -> None:
    """Make readiness fail and refuse new requests from now on, while running requests finish."""
    for step in app.extensions.get(DRAIN, ()):
        step()


def end_grace(app: Quart) -> None:
    """End the grace period in the shutdown of *app*: calls that still run are cancelled, and recorded."""
    for step in app.extensions.get(GRACE_OVER, ()):
        step()


def _translate(error: Exception) -> Problem | None:
    return gateway_problem(error, OVERRIDE_POINTERS) if isinstance(error, GatewayError) else None
