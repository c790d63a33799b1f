"""Records every attempt in its run and in the metrics, and failed attempts also in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from common_core.config_enums import LLMProviderType
from common_core.llm_attempts import AttemptOutcome, Billed
from common_core.llm_contracts import PricingStatus
from huleedu_service_libs.observability.logging import get_logger
from huleedu_service_libs.observability.tracing import SpanKind
from services.llm_provider_service.accounting.price_book import PriceBook
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.completion import CompletionAnswer
from services.llm_provider_service.domain.money import UNPRICED, Cost
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.time_waited import waited
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage
from services.llm_provider_service.gateway.attempt_spans import attempt_span, describe
from services.llm_provider_service.gateway.incident_log import log_cooldown
from services.llm_provider_service.gateway.metrics_recorder import MetricsRecorder
from services.llm_provider_service.gateway.run_state import Run

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LastFailure:
    """The last failed attempt at a provider; `at` in Unix seconds."""

    target: Target
    outcome: AttemptOutcome
    at: float


class AttemptLog:
    """Records the attempts of runs with their price at that time; keeps the last failure of each provider."""

    def __init__(self, prices: PriceBook, recorder: MetricsRecorder, *, wall_clock: Callable[[], float]) -> None:
        self._prices = prices
        self._recorder = recorder
        self._wall_clock = wall_clock
        self.last_failures: dict[LLMProviderType, LastFailure] = {}

    def not_sent(self, run: Run, target: Target) -> None:
        """Record a call that one of our own limits prevented."""
        with attempt_span(target, SpanKind.INTERNAL) as span:
            self._write(run, target, AttemptOutcome.NOT_SENT, 0.0)
            if span.recording:
                describe(span, run.attempts[-1])

    def retried(self, target: Target) -> None:
        """Count a retry at *target*."""
        self._recorder.retried(target.provider)

    def cooled(self, target: Target, seconds: float) -> None:
        """Record a cooldown of *target* for *seconds*, which its vendor asked for."""
        self._recorder.cooled(target.provider, seconds)
        log_cooldown(target, seconds)

    def cancelled(self, run: Run, target: Target, seconds: float) -> None:
        """Record a call that we cancelled; its cost is unknown."""
        self._write(run, target, AttemptOutcome.CANCELLED, seconds)

    def answered(self, run: Run, target: Target, answer: CompletionAnswer, seconds: float) -> None:
        """Record an answer that the request accepts."""
        self._write(
            run, target, AttemptOutcome.SUCCESS, seconds, billed=True, usage=answer.usage, served_model=answer.model
        )

    def failed(self, run: Run, target: Target, failure: ProviderFailure, seconds: float) -> None:
        """Record a call that ended in *failure*; some failures are billed."""
        self._write(
            run,
            target,
            failure.outcome,
            seconds,
            billed=failure.billed is Billed.YES,
            status=failure.status,
            usage=failure.usage,
            served_model=failure.served_model,
        )
        self.last_failures[target.provider] = LastFailure(target, failure.outcome, self._wall_clock())
        report = log.error if failure.alerts else log.warning
        report(
            "provider_attempt_failed",
            provider=target.provider,
            model=target.model,
            outcome=failure.outcome,
            reason=failure.reason,
            status=failure.status,
            vendor_code=failure.vendor_code,
            alert=failure.alerts,
            request_id=run.order.request_id,
        )

    def _write(
        self,
        run: Run,
        target: Target,
        outcome: AttemptOutcome,
        seconds: float,
        *,
        billed: bool = False,
        status: int | None = None,
        usage: Usage = USAGE_UNKNOWN,
        served_model: str | None = None,
    ) -> None:
        attempt = Attempt(
            number=len(run.attempts) + 1,
            target=target,
            outcome=outcome,
            duration_seconds=seconds,
            status=status,
            served_model=served_model,
            usage=usage,
            cost=self._cost(target, served_model, usage) if billed else UNPRICED,
        )
        run.add(attempt)
        waited(seconds)
        self._recorder.attempt_ended(attempt, billed=billed)

    def _cost(self, target: Target, served_model: str | None, usage: Usage) -> Cost:
        now = datetime.fromtimestamp(self._wall_clock(), UTC)
        cost = self._prices.cost(target, served_model or target.model, usage, at=now)
        if cost.status is PricingStatus.UNPRICED:
            log.warning("billed_call_unpriced", provider=target.provider, model=target.model, usage_known=usage.known)
        return cost
