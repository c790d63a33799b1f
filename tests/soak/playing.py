"""How each fault is done to the stage, and how it is taken back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any

from tests.soak.questions import VENDORS
from tests.soak.stage import Stage
from tests.soak.timeline import Event, Fault

Play = str | dict[str, Any]
_LIMITED: Play = {"kind": "Status", "code": 429, "headers": {"Retry-After": "1"}}
_STORMS: Mapping[Fault, Play] = {
    Fault.RATE_LIMIT: _LIMITED,
    Fault.SERVER_ERROR: "status-503",
    Fault.OVERLOADED: "anthropic-overloaded",
    Fault.WRONG_KEY: "status-401",
    Fault.HANG: "hang",
    Fault.HANG_IN_BODY: "hang-body",
    Fault.DRIP: "drip",
    Fault.RESET: "cut",
    Fault.RESET_IN_BODY: "cut-half",
    Fault.HTML: "html",
    Fault.CUT_JSON: "truncated-json",
    Fault.NO_VERDICT: "prose",
    Fault.TRUNCATED: "max-tokens",
    Fault.REFUSED: "refusal",
    Fault.ALL_RATE_LIMIT: _LIMITED,
    Fault.ALL_SERVER_ERROR: "status-503",
}
_MIX: Sequence[Play] = (
    *("success",) * 4, "status-503", "status-503", "anthropic-overloaded", "cut", "cut-half", "html",
    "truncated-json", "prose", "prose", _LIMITED,
)  # fmt: skip
_MIX_LENGTH = 200
_PAUSE_MS = 400


async def play(event: Event, stage: Stage, over: asyncio.Event) -> None:
    """The whole *event*; it ends early when all is *over*."""
    async with _fault(event, stage):
        try:
            async with asyncio.timeout(event.seconds):
                await over.wait()
        except TimeoutError:
            return


@asynccontextmanager
async def _fault(event: Event, stage: Stage) -> AsyncIterator[None]:
    match event.fault:
        case Fault.MIXED:
            mix = Random(event.at).choices(_MIX, k=_MIX_LENGTH)
            await stage.vendors[event.vendor].script(event.vendor, mix)
            yield
            await stage.vendors[event.vendor].reset()
        case Fault.VENDOR_KILLED:
            async with stage.unsure_of(event.vendor):
                await stage.vendors[event.vendor].kill()
                yield
                await stage.vendors[event.vendor].start()
        case Fault.VENDOR_PAUSED:
            async with stage.unsure_of(event.vendor):
                os.kill(stage.vendors[event.vendor].pid, signal.SIGSTOP)
                yield
                os.kill(stage.vendors[event.vendor].pid, signal.SIGCONT)
        case Fault.REDIS_KILLED | Fault.REDIS_FROZEN | Fault.REDIS_SLOW | Fault.REDIS_FULL | Fault.CACHE_CLEARED:
            async with _infrastructure(event.fault, stage):
                yield
        case _:
            async with AsyncExitStack() as stack:
                for name in (event.vendor,) if event.vendor else VENDORS:
                    await stage.vendors[name].always(name, _STORMS[event.fault])
                    stack.push_async_callback(stage.vendors[name].always, name, None)
                yield


@asynccontextmanager
async def _infrastructure(fault: Fault, stage: Stage) -> AsyncIterator[None]:
    redis = stage.redis
    match fault:
        case Fault.REDIS_KILLED:
            redis.kill()
            yield
            await redis.start()
        case Fault.REDIS_FROZEN:
            redis.freeze()
            yield
            redis.thaw()
        case Fault.REDIS_SLOW:
            await redis.say("CLIENT", "PAUSE", _PAUSE_MS, "ALL")
            yield
        case Fault.REDIS_FULL:
            await redis.say("CONFIG", "SET", "maxmemory", "1")
            yield
            await redis.say("CONFIG", "SET", "maxmemory", "0")
        case _:
            await stage.gateway.ask("DELETE", "/api/v1/cache?all=true")
            yield
