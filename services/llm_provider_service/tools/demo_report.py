"""Prints the demo's result: tables for a terminal of 100 columns, plain text in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import RenderableType
from rich.table import Table

from services.llm_provider_service.domain.money import decimal_text
from services.llm_provider_service.tools.demo_client import Outcome
from services.llm_provider_service.tools.demo_essays import EssaySet
from services.llm_provider_service.tools.demo_ranking import rank_correlation, strengths
from services.llm_provider_service.tools.demo_summary import (
    Latency,
    VendorBooks,
    latency,
    order_effect,
    problems,
    spending,
)

UNKNOWN = "unknown"
_PROBLEMS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """All data for the report; `seconds` is how long the comparisons took."""

    essays: EssaySet
    outcomes: Sequence[Outcome]
    vendors: Sequence[VendorBooks]
    seconds: float

    @property
    def failed(self) -> int:
        """Number of comparisons for which the caller got no verdict."""
        return sum(outcome.answer is None for outcome in self.outcomes)

    @property
    def books_agree(self) -> bool:
        """Returns whether all vendors counted the same calls as the gateway."""
        return all(vendor.agrees is not False for vendor in self.vendors)


def report(result: DemoResult) -> Iterable[RenderableType]:
    """Yields what to print, part by part."""
    if result.failed < len(result.outcomes):
        yield from _ranking(result)
        yield _order_sentence(result)
    yield _attempts_table(result.vendors)
    yield from _failures(result.vendors)
    yield _spending_table(result)
    yield from _sentences(result)


def _ranking(result: DemoResult) -> Iterable[RenderableType]:
    names = [essay.name for essay in result.essays.essays]
    victories = [outcome.victory for outcome in result.outcomes if outcome.victory is not None]
    found = strengths(len(names), victories)
    places = {name: place for place, name in enumerate(result.essays.intended, start=1)}
    table = _table("Ranking", "place", "essay", "score", "std. error", "won", "of", *(["intended"] if places else []))
    order = sorted(range(len(names)), key=lambda index: -found[index].score)
    for place, index in enumerate(order, start=1):
        won = sum(winner == index for winner, _ in victories)
        played = sum(index in pair for pair in victories)
        figures = (f"{found[index].score:+.2f}", f"{found[index].standard_error:.2f}", str(won), str(played))
        table.add_row(str(place), names[index], *figures, *([str(places[names[index]])] if places else []))
    yield table
    yield "Score: Bradley-Terry, in log-odds against the average essay; both orders of a pair count."
    if places:
        rho = rank_correlation([one.score for one in found], [-places[name] for name in names])
        yield f"Rank correlation with the intended order: {'none' if rho is None else f'{rho:.2f}'} (Spearman)."


def _order_sentence(result: DemoResult) -> str:
    effect = order_effect(result.outcomes)
    return (
        f"Swapping the order changed the verdict in {effect.changed} of {effect.pairs} pairs; "
        f"the essay shown first won {effect.first_won} of {effect.judged} times."
    )


def _attempts_table(vendors: Sequence[VendorBooks]) -> Table:
    """Returns the table of attempts, without empty columns, so that it fits a terminal of 80 columns."""
    cached = any(vendor.cached for vendor in vendors)
    counted = any(vendor.counted is not None for vendor in vendors)
    columns = ["vendor", "answered", "fallback", *(["cached"] if cached else []), "failed", "breaker", "sent"]
    table = _table("Vendors", *columns, *(["counted", "match"] if counted else []))
    for vendor in vendors:
        name = f"{vendor.provider} (killed)" if vendor.killed else vendor.provider
        hits = [str(vendor.cached)] if cached else []
        failed = UNKNOWN if vendor.failed is None else str(sum(vendor.failed.values()))
        sent = UNKNOWN if vendor.sent is None else str(vendor.sent)
        counts = ["" if vendor.counted is None else str(vendor.counted), _match(vendor)] if counted else []
        table.add_row(name, str(vendor.answered), str(vendor.stood_in), *hits, failed, vendor.breaker, sent, *counts)
    return table


def _failures(vendors: Sequence[VendorBooks]) -> Iterable[str]:
    for vendor in vendors:
        if vendor.failed:
            failed = ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in sorted(vendor.failed.items()))
            yield f"Failed attempts at {vendor.provider}: {failed}."


def _match(vendor: VendorBooks) -> str:
    if vendor.agrees is None:
        return ""
    return "yes" if vendor.agrees else "NO"


def _spending_table(result: DemoResult) -> Table:
    table = _table(
        "Tokens, cost and waiting time of fresh answers",
        "vendor", "tokens in", "tokens out", "cost in USD", "unpriced", "p50 ms", "p95 ms", "p99 ms",
    )  # fmt: skip
    for vendor in result.vendors:
        spent = vendor.spending
        figures = (str(spent.prompt_tokens), str(spent.completion_tokens), decimal_text(spent.usd), str(spent.unpriced))
        table.add_row(vendor.provider, *figures, *_waits(vendor.latency))
    fresh = [outcome for outcome in result.outcomes if outcome.answer and not outcome.answer.cached]
    total = spending(outcome.answer for outcome in fresh if outcome.answer)
    figures = (str(total.prompt_tokens), str(total.completion_tokens), decimal_text(total.usd), str(total.unpriced))
    table.add_section()
    table.add_row("all", *figures, *_waits(latency([outcome.seconds for outcome in fresh])))
    return table


def _waits(waited: Latency | None) -> tuple[str, str, str]:
    if waited is None:
        return "", "", ""
    return f"{waited.p50:.0f}", f"{waited.p95:.0f}", f"{waited.p99:.0f}"


def _sentences(result: DemoResult) -> Iterable[str]:
    yield ""
    if any(vendor.agrees is not None for vendor in result.vendors):
        yield _books_sentence(result)
    elif any(vendor.sent is None for vendor in result.vendors):
        yield "Failed and sent: unknown, because the gateway's /metrics cannot be read at this address."
    else:
        yield "Failed and sent calls are the gateway's own count for this time, other callers' included."
    total = len(result.outcomes)
    cached = sum(outcome.answer.cached for outcome in result.outcomes if outcome.answer)
    if cached:
        yield f"{cached} of {total} answers came from the gateway's cache and cost nothing."
    for problem, times in problems(result.outcomes).most_common(_PROBLEMS_SHOWN):
        yield f"{times} x {problem}"
    ending = ": nobody noticed." if not result.failed and any(vendor.killed for vendor in result.vendors) else "."
    yield f"{result.failed} of {total} comparisons failed for the caller{ending} They took {result.seconds:.1f} s."


def _books_sentence(result: DemoResult) -> str:
    if not result.books_agree:
        return "The books do NOT match: a vendor counted other calls than the gateway's /metrics."
    cut = any(vendor.killed and vendor.sent != vendor.counted for vendor in result.vendors)
    exception = " (a call under way when the vendor was killed may not have reached it)" if cut else ""
    return f"The books match: the vendors counted the calls that the gateway's /metrics say it sent{exception}."


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=f"\n{title}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        show_edge=False, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    for column in columns:
        is_text = column in {"vendor", "essay", "breaker", "match"}
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    return table
