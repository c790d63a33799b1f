"""Each work that goes on behind the requests fails once: it begins anew, and health warns (row X11)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from quart import Quart

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.observability.event_loop_lag import EventLoopLag, measuring_loop_lag
from huleedu_service_libs.redis_link.link import redis_link
from huleedu_service_libs.redis_link.values import LinkPolicy
from huleedu_service_libs.web.quart_app import install_container
from huleedu_service_libs.workers.peers import NoPeers
from services.llm_provider_service import policies
from services.llm_provider_service.api.health_routes import health_routes
from services.llm_provider_service.config import Settings
from services.llm_provider_service.di import build_container
from services.llm_provider_service.replicas.synchronisation import keeping_in_step
from tests.support.redis_server import redis_server


class FailsOnce:
    """Called with anything; the first call that counts raises what nobody expects."""

    def __init__(self, counts: Callable[..., bool] = lambda *_heard: True) -> None:
        self._counts = counts
        self.failed = False
        self.calls_after = 0

    def __call__(self, *heard: Any) -> None:
        if self.failed:
            self.calls_after += 1
        elif self._counts(*heard):
            self.failed = True
            raise ZeroDivisionError

    async def as_work(self) -> None:
        """The same for whoever awaits."""
        self()
        await asyncio.sleep(0)

    async def has_gone_on(self) -> None:
        """Wait until it was called again after its failure."""
        async with asyncio.timeout(10):
            while self.calls_after == 0:  # noqa: ASYNC110 -- it is called, and tells nobody
                await asyncio.sleep(0.01)


async def test_the_loop_is_watched_on() -> None:
    background, lag = BackgroundWork(), FailsOnce()
    async with measuring_loop_lag(EventLoopLag(1.0, clock=time.monotonic, on_lag=lag), background):
        await lag.has_gone_on()
        assert background.failing == ["loop_watch"]


async def test_replicas_are_kept_in_step() -> None:
    background = BackgroundWork()
    ever, each_round, last = FailsOnce(), FailsOnce(), asyncio.Event()

    async def say() -> None:
        last.set()

    acts = {"ever": {"replica_writing": ever.as_work}, "each_round": {"replica_exchanging": each_round.as_work}}
    async with keeping_in_step(background, **acts, last=say):
        for part in (ever, each_round):
            await part.has_gone_on()
        assert background.failing == ["replica_writing", "replica_exchanging"]
        assert not last.is_set()
    assert last.is_set()


@pytest.mark.sockets
async def test_redis_is_found_again_and_again(tmp_path: Path) -> None:
    background, back = BackgroundWork(), asyncio.Event()
    moved = FailsOnce(lambda available: available and back.is_set())
    async with (
        redis_server(tmp_path) as redis,
        redis_link(redis.url(), LinkPolicy(), background, on_moved=moved) as link,
    ):
        for _ in range(2):
            redis.kill()
            await until(lambda: not link.available)
            back.set()
            await redis.start()
            await until(lambda: link.available)
            assert background.failing == ["redis_watch"]
    assert moved.calls_after >= 2, "it went on to say when Redis went and came back"


@pytest.mark.sockets
async def test_redis_is_asked_on_although_every_connection_fails(tmp_path: Path) -> None:
    background, lost = BackgroundWork(), FailsOnce(lambda available: not available)
    policy = LinkPolicy(connections=1)
    async with (
        redis_server(tmp_path) as redis,
        redis_link(redis.url(), policy, background, on_moved=lost) as link,
    ):
        redis.kill()
        await until(lambda: lost.failed)
        await redis.start()
        await until(lambda: link.available)
        assert await link.run("PING") == b"PONG"
        assert background.failing == ["redis_connection"]


async def until(holds: Callable[[], bool]) -> None:
    """Wait until *holds* does."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 -- whom it tells has failed
            await asyncio.sleep(0.01)


async def test_health_warns_of_what_failed_and_the_service_goes_on() -> None:
    """The service's own parts and its own route; only the work that fails is the test's."""
    settings = Settings(_env_file=None, USE_MOCK_LLM=True)
    container = build_container(settings, NoPeers(), policies.provider_accounts(settings))
    app = Quart("health")
    app.register_blueprint(health_routes)
    install_container(app, container)
    background = await container.get(BackgroundWork)
    lost = FailsOnce()
    try:
        before = await health(app)
        async with background.going_on({"publisher": endless(lost.as_work)}):
            await lost.has_gone_on()
            after = await health(app)
    finally:
        await container.close()
    assert before == (200, "healthy", False)
    assert after == (200, "degraded", True)


async def health(app: Quart) -> tuple[int, str, bool]:
    """Status, state, and whether there is a warning of the work that failed."""
    response = await app.test_client().get("/healthz")
    said = await response.get_json()
    warned = any(one.startswith("background_work_failed: publisher") for one in said["warnings"])
    return response.status_code, said["status"], warned


def endless(act: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[NoReturn]]:
    """*act* again and again."""

    async def work() -> NoReturn:
        while True:
            await act()

    return work
