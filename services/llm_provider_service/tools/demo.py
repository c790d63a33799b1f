"""`./dev demo`: compares real essays over HTTP through the service, and prints a ranking.

Exit codes: 0 all compared and the call counts match; 1 not; 2 essays, gateway or simulated vendors cannot be used.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common_core.llm_status_contracts import CircuitBreakerList
from huleedu_service_libs.llm_client_errors import LLMProviderClientError
from services.llm_provider_service.tools.console import ReaderGone, progress_bar, say, tool_console, waiting
from services.llm_provider_service.tools.demo_client import OnFinished, Outcome, compare_all
from services.llm_provider_service.tools.demo_essays import EssaySet, EssaysProblem, all_duels, load_essays
from services.llm_provider_service.tools.demo_processes import CAST, ROOT, SimulatedVendor, counted_calls, running_stage
from services.llm_provider_service.tools.demo_report import DemoResult, report
from services.llm_provider_service.tools.demo_summary import attempts_in, since, vendor_books
from services.llm_provider_service.tools.gateway_probe import GatewayUnusable, client_for, require_gateway
from services.llm_provider_service.tools.http_get import PageProblem, fetch
from services.llm_provider_service.tools.processes import StartProblem, Stopped, run_until_signal

ESSAYS = ROOT / "examples" / "essays"
VICTIM = CAST[1][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The essays to compare, how many comparisons run at a time, and the console for the result."""

    essays: EssaySet
    concurrency: int
    console: Console

    @property
    def total(self) -> int:
        """Number of comparisons: every pair in both orders."""
        return len(all_duels(len(self.essays.essays)))

    @property
    def in_words(self) -> str:
        """Returns the description for the header."""
        return f"{len(self.essays.essays)} essays, every pair in both orders ({self.total} comparisons), over HTTP"


@dataclass(slots=True, kw_only=True)
class HalfwayKill:
    """Kills *victim* when half of the comparisons are done; *counted* holds its count of calls until then."""

    victim: SimulatedVendor
    total: int
    console: Console
    finished: int = 0
    counted: dict[str, int] = field(default_factory=dict)

    async def __call__(self, outcome: Outcome) -> None:
        """Count one more finished comparison."""
        self.finished += 1
        if self.finished == self.total // 2:
            at, pid = self.finished, self.victim.process.pid
            self.counted[self.victim.provider] = await self.victim.die()
            say(self.console, f"killed {self.victim.provider} (pid {pid}) after {at} of {self.total}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The outcomes, and the gateway's attempts during them; None if the gateway does not report them."""

    outcomes: list[Outcome]
    attempts: Mapping[tuple[str, str], int] | None
    seconds: float


def main(
    url: Annotated[str | None, typer.Option(help="Ask this gateway; no vendor is started or killed.")] = None,
    essays: Annotated[Path, typer.Option(help="A folder with question.txt and one .txt file per essay.")] = ESSAYS,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Comparisons under way at once.")] = 8,
) -> None:
    """Compare every pair of essays in both orders, and print the ranking."""
    try:
        job = Job(essays=load_essays(essays), concurrency=concurrency, console=tool_console())
        result = run_until_signal(_with_own_vendors(job) if url is None else _against(url.rstrip("/"), job))
        say(job.console, *report(result))
    except (EssaysProblem, GatewayUnusable, PageProblem, StartProblem) as problem:
        print(problem, file=sys.stderr)
        raise typer.Exit(2) from None
    except Stopped as stopped:
        print("Stopped; nothing is left running.", file=sys.stderr)
        raise typer.Exit(stopped.exit_code) from None
    except ReaderGone:
        raise typer.Exit(1) from None
    raise typer.Exit(1 if result.failed or not result.books_agree else 0)


async def _with_own_vendors(job: Job) -> DemoResult:
    names = ", ".join(provider for provider, _ in CAST)
    say(
        job.console,
        f"Comparing {job.in_words}, through the service. It asks three simulated vendors in turn ({names}): "
        f"nothing is paid. Halfway, {VICTIM} is killed.",
    )
    async with AsyncExitStack() as stack:
        with waiting(job.console, "starting the service and the vendors"):
            stage = await stack.enter_async_context(running_stage())
        victim = next(vendor for vendor in stage.vendors if vendor.provider is VICTIM)
        kill = HalfwayKill(victim=victim, total=job.total, console=job.console)
        compared = await _compare(stage.url, job, kill)
        if compared.attempts is None:
            raise await stage.no_answer_error()
        counted = await counted_calls(stage.vendors, kill.counted)
        return await _result(stage.url, job, compared, counted=counted, killed=VICTIM)


async def _against(url: str, job: Job) -> DemoResult:
    client_for(url)
    warnings = await require_gateway(url)
    say(
        job.console,
        f"Comparing {job.in_words}, through the gateway at {url}. Real vendors behind it charge for what they answer.",
        *warnings,
    )
    return await _result(url, job, await _compare(url, job, _nothing), counted={}, killed=None)


async def _nothing(outcome: Outcome) -> None:
    return None


async def _compare(url: str, job: Job, on_finished: OnFinished) -> Compared:
    before = await _attempts(url)
    began = time.monotonic()
    with progress_bar(job.console, "comparing", job.total) as tick:

        async def one_more(outcome: Outcome) -> None:
            tick()
            await on_finished(outcome)

        async with client_for(url) as client:
            duels = all_duels(len(job.essays.essays))
            outcomes = await compare_all(client, job.essays, duels, concurrency=job.concurrency, on_finished=one_more)
    seconds = time.monotonic() - began
    return Compared(outcomes=outcomes, attempts=since(before, await _attempts(url)), seconds=seconds)


async def _attempts(url: str) -> dict[tuple[str, str], int] | None:
    """Returns the gateway's own count; `None` if there is no /metrics at this base URL."""
    try:
        return attempts_in((await fetch(f"{url}/metrics")).decode())
    except (PageProblem, ValueError):  # no answer, or another server: not UTF-8, no metrics, other metrics
        return None


async def _result(
    url: str, job: Job, compared: Compared, *, counted: Mapping[str, int], killed: str | None
) -> DemoResult:
    breakers = await _breakers(url)
    books = vendor_books(compared.outcomes, compared.attempts, breakers, counted=counted, killed=killed)
    return DemoResult(essays=job.essays, outcomes=compared.outcomes, vendors=books, seconds=compared.seconds)


async def _breakers(url: str) -> CircuitBreakerList:
    """Returns the breakers; an empty list if they cannot be read, because the ranking does not need them."""
    try:
        async with client_for(url) as client:
            return await client.circuit_breakers()
    except LLMProviderClientError:
        return CircuitBreakerList(circuit_breakers=[])


if __name__ == "__main__":
    typer.run(main)
