"""Tests a provider with one small request, to see whether it answers."""

from __future__ import annotations

import uuid

from common_core.config_enums import LLMProviderType
from common_core.error_enums import ErrorCode
from common_core.llm_contracts import CacheMode, FallbackMode
from common_core.llm_status_contracts import ProviderTestResult
from services.llm_provider_service.domain.caller import Caller
from services.llm_provider_service.domain.completion import CompletionRequest, Message, Role, Sampling, TextPart
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.exceptions import GatewayError, NoProviderAvailable, UnknownProvider
from services.llm_provider_service.protocols import LLMOrchestratorProtocol
from services.llm_provider_service.resilience.deadline import Clock
from services.llm_provider_service.settings.accounts import ProviderAccounts

REQUEST_TYPE = "provider_test"
TEST_SECONDS = 20.0
TEST_OUTPUT_TOKENS = 256
TEST_REQUEST = CompletionRequest(
    messages=(Message(Role.USER, (TextPart("Answer with the single word: ready"),)),),
    defaults=Sampling(max_output_tokens=TEST_OUTPUT_TOKENS),
)


class ProviderTester:
    """Runs one test at a time, because a test is a paid call and nobody needs two at once."""

    def __init__(self, orchestrator: LLMOrchestratorProtocol, accounts: ProviderAccounts, *, clock: Clock) -> None:
        self._orchestrator = orchestrator
        self._accounts = accounts
        self._clock = clock
        self._order: CompletionOrder | None = None
        self._asking = False

    async def test(self, provider: LLMProviderType, caller: Caller) -> ProviderTestResult:
        """Make one counted attempt on behalf of *caller*; returns whether the provider answered.

        A bad answer of the provider is a result, not an error. Raises a `GatewayError` if the provider cannot be asked,
        or while another test runs.
        """
        live = self._accounts.now.live_providers
        if provider not in live:
            raise UnknownProvider(
                "This provider is not available",
                f"{provider} is not enabled and configured. Available: {', '.join(live)}.",
                code=ErrorCode.RESOURCE_NOT_FOUND,
                slug="provider-not-available",
            )
        if self._busy:
            raise NoProviderAvailable(
                "Another test is running",
                "Provider tests run one at a time in each worker, because each is a paid call. Try again in a moment.",
                code=ErrorCode.SERVICE_UNAVAILABLE,
                slug="provider-test-running",
                retry_after=1.0,
            )
        self._asking = True
        started = self._clock()
        try:
            model, message = await self._ask(provider, caller)
        except GatewayError as error:
            return self._result(provider, live[provider][0].default_model, error.detail, started, success=False)
        finally:
            self._asking = False
        return self._result(provider, model, message, started, success=True)

    @property
    def _busy(self) -> bool:
        """Returns whether a test runs; a test whose caller has gone runs until its call has ended."""
        return self._asking or (self._order is not None and self._orchestrator.is_under_way(self._order.request_id))

    async def _ask(self, provider: LLMProviderType, caller: Caller) -> tuple[str, str]:
        self._order = _order(provider, caller)
        result = await self._orchestrator.complete(self._order)
        return result.answer.model, "The provider answered."

    def _result(
        self, provider: LLMProviderType, model: str, message: str, started: float, *, success: bool
    ) -> ProviderTestResult:
        return ProviderTestResult(
            success=success,
            provider=provider,
            model=model,
            message=message,
            response_time_ms=round((self._clock() - started) * 1000),
        )


def _order(provider: LLMProviderType, caller: Caller) -> CompletionOrder:
    request_id = str(uuid.uuid4())
    return CompletionOrder(
        request=TEST_REQUEST,
        request_type=REQUEST_TYPE,
        request_id=request_id,
        correlation_id=request_id,
        caller=caller,
        provider=provider,
        fallback=FallbackMode.NONE,
        cache=CacheMode.BYPASS,
        timeout_seconds=TEST_SECONDS,
        may_retry=False,
    )
