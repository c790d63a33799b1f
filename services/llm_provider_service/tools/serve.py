"""`./dev serve`: runs the service and prints its address, its live vendors and an example request."""

from __future__ import annotations

import sys
from functools import partial

from quart import Quart

from huleedu_service_libs.http_server.run import Address, ServerOptions, serve
from huleedu_service_libs.observability.logging import configure_logging
from huleedu_service_libs.workers.peers import Peers
from huleedu_service_libs.workers.supervisor import supervise
from huleedu_service_libs.workers.supervisor_options import SupervisorOptions
from huleedu_service_libs.workers.worker import serve_as_worker
from huleedu_service_libs.workers.worker_context import WorkerContext
from huleedu_service_libs.workers.worker_link import WorkerLink
from services.llm_provider_service.config import Settings, SettingsProblem, load_settings
from services.llm_provider_service.exceptions import TYPE_PREFIX
from services.llm_provider_service.gateway.all_workers import FOLDS
from services.llm_provider_service.routing.rule_parser import RuleError
from services.llm_provider_service.settings.prefix import PREFIX
from services.llm_provider_service.startup_setup import create_app, end_grace, start_draining
from services.llm_provider_service.tools.startup_banner import greeting, unbound, url_of

LAST_WORDS_SECONDS = 5.0


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0 after a graceful stop, 2 for unusable settings, else 1."""
    context = WorkerContext.taken()
    link = None if context is None else WorkerLink(context)
    try:
        settings = load_settings()
        if context is not None:
            settings = settings.model_copy(update={"WORKERS": context.workers})
        app, options = prepared(settings, link)
    except SettingsProblem as problem:
        return _refused(str(problem))
    except RuleError as problem:
        return _refused(f"{PREFIX}{problem}")

    def greet(address: Address) -> None:
        print(greeting(settings, url_of(address)), flush=True)

    def cannot_listen(reason: OSError) -> None:
        print(unbound(settings, reason), file=sys.stderr, flush=True)

    stopping, grace_over = partial(start_draining, app), partial(end_grace, app)
    retire_seconds = max(settings.SHUTDOWN_GRACE_SECONDS, settings.LLM_REQUEST_TIMEOUT + LAST_WORDS_SECONDS)
    if context is not None and link is not None:
        return serve_as_worker(
            app,
            options,
            context,
            link,
            retire_seconds=retire_seconds,
            on_stopping=stopping,
            on_grace_over=grace_over,
        )
    if settings.WORKERS > 1:
        return supervise(_supervision(settings, retire_seconds), on_ready=greet, on_unbound=cannot_listen)
    return serve(
        app,
        options,
        on_ready=greet,
        on_stopping=stopping,
        on_grace_over=grace_over,
        on_unbound=cannot_listen,
    )


def prepared(settings: Settings, peers: Peers | None = None) -> tuple[Quart, ServerOptions]:
    """Returns the application and its server options; logs are structured from here on."""
    configure_logging(service=settings.SERVICE_NAME, level=settings.LOG_LEVEL)
    options = ServerOptions(
        type_prefix=TYPE_PREFIX,
        host=settings.HOST,
        port=settings.PORT,
        grace_seconds=settings.SHUTDOWN_GRACE_SECONDS,
    )
    return create_app(settings, peers), options


def _supervision(settings: Settings, retire_seconds: float) -> SupervisorOptions:
    return SupervisorOptions(
        workers=settings.WORKERS,
        host=settings.HOST,
        port=settings.PORT,
        grace_seconds=settings.SHUTDOWN_GRACE_SECONDS,
        retire_seconds=retire_seconds,
        folds=FOLDS,
    )


def _refused(problem: str) -> int:
    print(f"The settings cannot be used:\n{problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
