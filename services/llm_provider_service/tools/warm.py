"""`./dev warm FILE`: sends the requests of a file to a running gateway, so that its cache holds the answers.

Exit codes: 0 every line is in the cache; 1 some failed; 2 the file or the gateway cannot be used, nothing was sent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common_core.llm_status_contracts import CacheStats
from huleedu_service_libs.llm_client import LLMProviderClient
from huleedu_service_libs.llm_client_errors import LLMProviderClientError
from services.llm_provider_service.tools.console import ReaderGone, progress_bar, say
from services.llm_provider_service.tools.gateway_probe import GatewayUnusable, client_for, require_gateway
from services.llm_provider_service.tools.http_get import PageProblem, fetch
from services.llm_provider_service.tools.processes import Stopped, run_until_signal
from services.llm_provider_service.tools.task_group import together
from services.llm_provider_service.tools.warm_file import WarmFileProblem, WarmLine, read_warm_file

DEFAULT_URL = "http://127.0.0.1:8090"
CACHE_IS_OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmed:
    """Result of one line: answered now, already in the cache (`cached`), or a problem in words."""

    number: int
    cached: bool = False
    problem: str | None = None


def main(
    file: Annotated[Path, typer.Argument(help="JSON lines: each line the body of one comparison request.")],
    url: Annotated[str, typer.Option(help="The gateway whose cache is filled.")] = DEFAULT_URL,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Requests under way at once.")] = 8,
) -> None:
    """Fill the cache of a running gateway from a file of requests."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        lines = read_warm_file(file)
        warmed = run_until_signal(_warm(url.rstrip("/"), lines, concurrency=concurrency, console=console))
        say(console, *summary(warmed))
    except (WarmFileProblem, GatewayUnusable, PageProblem) as problem:
        print(problem, file=sys.stderr)
        raise typer.Exit(2) from None
    except Stopped as stopped:
        print("Stopped; what was answered until now is in the cache.", file=sys.stderr)
        raise typer.Exit(stopped.exit_code) from None
    except ReaderGone:
        raise typer.Exit(1) from None
    raise typer.Exit(1 if any(one.problem for one in warmed) else 0)


def summary(warmed: Sequence[Warmed]) -> list[str]:
    """Returns one line for all, and one for each failure, in the order of the file."""
    failed = sorted((one for one in warmed if one.problem), key=lambda one: one.number)
    cached = sum(one.cached for one in warmed)
    fresh = len(warmed) - cached - len(failed)
    return [
        f"{fresh} warmed, {cached} already cached, {len(failed)} failed",
        *(f"line {one.number}: {one.problem}" for one in failed),
    ]


async def _warm(url: str, lines: Sequence[WarmLine], *, concurrency: int, console: Console) -> list[Warmed]:
    async with client_for(url) as client:
        await require_gateway(url)
        before = await _stats(url)
        if before.backend == CACHE_IS_OFF:
            raise GatewayUnusable(f"The gateway at {url} keeps no answers: its cache is off.")
        with progress_bar(console, "warming", len(lines)) as tick:
            warmed = await _ask_all(client, lines, concurrency=concurrency, tick=tick)
        dropped = (await _stats(url)).evictions - before.evictions
    if dropped > 0:
        say(console, f"The cache is too small: it dropped {dropped} older answers meanwhile.")
    return warmed


async def _stats(url: str) -> CacheStats:
    return CacheStats.model_validate_json(await fetch(f"{url}/api/v1/cache/stats"))


async def _ask_all(
    client: LLMProviderClient, lines: Sequence[WarmLine], *, concurrency: int, tick: Callable[[], None]
) -> list[Warmed]:
    waiting = iter(lines)
    warmed: list[Warmed] = []

    async def work() -> None:
        for line in waiting:
            warmed.append(await _ask(client, line))
            tick()

    await together(work() for _ in range(concurrency))
    return warmed


async def _ask(client: LLMProviderClient, line: WarmLine) -> Warmed:
    try:
        answer = await client.compare(line.request)
    except LLMProviderClientError as error:
        return Warmed(number=line.number, problem=str(error))
    return Warmed(number=line.number, cached=answer.cached)


if __name__ == "__main__":
    typer.run(main)
