"""`./dev serve`: run the service and say where it is, who is live and how to try it."""

from __future__ import annotations

import json
import sys

from quart import Quart

from huleedu_service_libs.logging import configure_logging
from huleedu_service_libs.peers import Peers
from huleedu_service_libs.server import Address, ServerOptions, serve
from huleedu_service_libs.supervisor import SupervisorOptions, supervise
from huleedu_service_libs.worker import serve_as_worker
from huleedu_service_libs.worker_link import WorkerLink
from huleedu_service_libs.worker_seat import Seat
from services.llm_provider_service.config import PREFIX, Settings, SettingsProblem, VendorSettings, load_settings
from services.llm_provider_service.exceptions import TYPE_PREFIX
from services.llm_provider_service.implementations.whole_service_impl import FOLDS
from services.llm_provider_service.routing.rule_source import RuleError
from services.llm_provider_service.startup_setup import create_app, start_draining

LAST_WORDS_SECONDS = 5.0
SAMPLE = {
    "user_prompt": "Which essay argues its case better?",
    "essay_a": "School should start later, because pupils who sleep longer learn more.",
    "essay_b": "School is boring and I think it should start later.",
}


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; the exit code is 0 after a graceful stop, 2 for unusable settings."""
    seat = Seat.taken()
    link = None if seat is None else WorkerLink(seat)
    try:
        settings = load_settings()
        if seat is not None:
            settings = settings.model_copy(update={"WORKERS": seat.workers})
        app, options = prepared(settings, link)
    except SettingsProblem as problem:
        return _refused(str(problem))
    except RuleError as problem:
        return _refused(f"{PREFIX}{problem}")

    def greet(address: Address) -> None:
        print(greeting(settings, f"http://{address[0]}:{address[1]}"), flush=True)

    def stopping() -> None:
        start_draining(app)

    retire_seconds = max(settings.SHUTDOWN_GRACE_SECONDS, settings.LLM_REQUEST_TIMEOUT + LAST_WORDS_SECONDS)
    if seat is not None and link is not None:
        return serve_as_worker(app, options, seat, link, retire_seconds=retire_seconds, on_stopping=stopping)
    if settings.WORKERS > 1:
        return supervise(_supervision(settings, retire_seconds), on_ready=greet)
    return serve(app, options, on_ready=greet, on_stopping=stopping)


def prepared(settings: Settings, peers: Peers | None = None) -> tuple[Quart, ServerOptions]:
    """The application, and how it is served; logs are structured from here on."""
    configure_logging(service=settings.SERVICE_NAME, level=settings.LOG_LEVEL)
    options = ServerOptions(
        type_prefix=TYPE_PREFIX,
        host=settings.HOST,
        port=settings.PORT,
        grace_seconds=settings.SHUTDOWN_GRACE_SECONDS,
    )
    return create_app(settings, peers), options


def greeting(settings: Settings, url: str) -> str:
    """What a person needs to know who has just started the service; keys show their last four characters."""
    if settings.mock_mode:
        vendors = ["  mock: answers everything, costs nothing (set <VENDOR>_API_KEY and _ENABLED=true for a real one)"]
    else:
        vendors = [f"  {_vendor_line(vendor)}" for vendor in settings.live_vendors] or ["  none: not ready"]
    curl = f"curl -s {url}/api/v1/comparison -H 'Content-Type: application/json' -d '{json.dumps(SAMPLE)}'"
    return "\n".join(
        (
            f"LLM Provider Service: {url}",
            "Vendors:",
            *vendors,
            f"API page: {url}/docs",
            "Try it:",
            curl,
            "Ctrl-C stops.",
        )
    )


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


def _vendor_line(vendor: VendorSettings) -> str:
    key = vendor.api_key.get_secret_value() if vendor.api_key else ""
    shown = f"key ...{key[-4:]}" if len(key) >= 12 else "key set" if key else "no key"
    return f"{vendor.provider}: {vendor.default_model} at {vendor.base_url}, {shown}"


if __name__ == "__main__":
    sys.exit(main())
