"""Makes the plan of an order from live accounts, model capabilities, breakers and cooldowns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from common_core.config_enums import LLMProviderType, SelectionStrategy
from common_core.error_enums import ErrorCode
from services.llm_provider_service.accounting.price_book import PriceBook
from services.llm_provider_service.domain.completion import CompletionRequest, ImagePart, TextPart
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.model import ModelProfile
from services.llm_provider_service.domain.target import AccountKey, Target
from services.llm_provider_service.exceptions import InvalidOrder
from services.llm_provider_service.gateway.error_mapping import nobody_is_live
from services.llm_provider_service.gateway.model_choice import capable_targets, choices, profiles_of_model
from services.llm_provider_service.gateway.target_state import TargetState
from services.llm_provider_service.providers.models.capabilities import profile_for, unsupported
from services.llm_provider_service.providers.models.sampling import (
    ParameterFacts,
    effective_sampling,
    thinking_budget,
    thinks,
)
from services.llm_provider_service.routing.candidates import Candidate
from services.llm_provider_service.routing.plan import Plan, PlanQuestion, plan
from services.llm_provider_service.routing.rules import RequestFacts, Rule, choose
from services.llm_provider_service.settings.accounts import AccountsNow, ProviderAccount, ProviderAccounts

MOST_KEPT_PLANS = 256
BYTES_PER_TOKEN = 4
# Twice what we count with for prices. A text that has even more only goes to a model with a larger window first.
MOST_CHARACTERS_PER_TOKEN = 8
EXPECTED_OUTPUT_TOKENS = 200
# Reasoning tokens that we expect in addition, or the budget if it is smaller. Our assumption: vendors publish what an
# effort may use, not what it uses.
EXPECTED_REASONING_TOKENS = 1000
MOST_NAMED = 8


# The key of kept candidates; not used for least-cost, where the size of a request decides too.
_Kind = tuple[PlanQuestion, ParameterFacts, bool]


@dataclass(frozen=True, slots=True)
class _Kept:
    """Holds for requests of at most *longest* characters, which fit into the window of every candidate."""

    candidates: Sequence[Candidate]
    plan: Plan
    longest: float


class Planner:
    """Makes the plan of an order, from the present state of the accounts.

    While every target is available and the accounts do not change, equal questions have the same candidates. These are
    cached, and for the strategy priority so is the plan. Plans that depend on the request's size (least-cost) are not.
    """

    def __init__(
        self,
        accounts: ProviderAccounts,
        *,
        strategy: SelectionStrategy,
        rules: Sequence[Rule],
        targets: TargetState,
        prices: PriceBook,
        patience_seconds: float,
        mock_answers_all: bool,
    ) -> None:
        self._accounts = accounts
        self._strategy = strategy
        self._rules = tuple(rules)
        self._targets = targets
        self._scoreboard = targets.scoreboard
        self._breakers = targets.breakers
        self._avoid_seconds = targets.avoid_seconds
        self._prices = prices
        self._patience = patience_seconds
        self._mock_answers_all = mock_answers_all
        self._kept: dict[_Kind, _Kept] = {}

    def plan(self, order: CompletionOrder) -> Plan:
        """Returns which targets are asked for *order*, and in which order.

        Raises `InvalidOrder` if no target can be asked this, and `NoProviderAvailable` if no account is live.
        """
        now = self._accounts.now
        if not now.live:
            raise nobody_is_live()
        question = self._question(order, now.generation)
        made = self._planned(question, order.request, now)
        if made.refusals:
            raise _lacking(made, order.request, question.provider, now)
        return made

    def _planned(self, question: PlanQuestion, request: CompletionRequest, now: AccountsNow) -> Plan:
        characters, images = extent_of(request)
        if question.strategy is SelectionStrategy.LEAST_COST:
            candidates = self._candidates(question, request, now, characters, request_bytes(request))
            return plan(question, candidates, self._scoreboard)
        if not self._targets.all_available:
            return plan(question, self._candidates(question, request, now, characters), self._scoreboard)
        key = (question, ParameterFacts.of(request), images)
        kept = self._kept.get(key)
        if kept is None or characters > kept.longest:
            return self._made_anew(key, request, now, characters)
        if question.strategy is not SelectionStrategy.PRIORITY:
            return plan(question, kept.candidates, self._scoreboard)
        if kept.plan.turn and kept.plan.first is not None:
            self._scoreboard.take_turn(question.strategy, kept.plan.turn, kept.plan.first)
        return kept.plan

    def _made_anew(self, key: _Kind, request: CompletionRequest, now: AccountsNow, characters: int) -> Plan:
        candidates = self._candidates(key[0], request, now, characters)
        made = plan(key[0], candidates, self._scoreboard)
        longest = min(map(_longest_text, candidates), default=math.inf)
        if characters <= longest:
            if len(self._kept) >= MOST_KEPT_PLANS:
                self._kept.clear()
            self._kept[key] = _Kept(candidates, made, longest)
        return made

    def _candidates(
        self,
        question: PlanQuestion,
        request: CompletionRequest,
        now: AccountsNow,
        characters: int,
        size: int | None = None,
    ) -> list[Candidate]:
        """Returns the targets that may be asked, in their present state; *size* in bytes if the cost matters."""
        _check(question, now)
        places = {account.key: place for place, account in enumerate(now.live)}
        extent = (characters, size)
        return [
            self._candidate(target, profile, request, extent, now.live_by_key[target.account_key], places)
            for target, profile in choices(question, now).items()
        ] + [_switched_off(account) for account in now.switched_off]

    def _question(self, order: CompletionOrder, generation: int) -> PlanQuestion:
        strategy, provider, model = self._strategy, order.provider, order.model
        if self._mock_answers_all:
            provider, model = None, None
        elif self._rules:
            choice = choose(self._rules, _facts(order), self._strategy)
            strategy, provider, model = choice.strategy, choice.provider, choice.model
        return PlanQuestion(
            strategy=strategy,
            provider=provider,
            model=model,
            fallback=order.fallback,
            patience_seconds=self._patience,
            generation=generation,
        )

    def _candidate(
        self,
        target: Target,
        profile: ModelProfile,
        request: CompletionRequest,
        extent: tuple[int, int | None],
        account: ProviderAccount,
        places: Mapping[AccountKey, int],
    ) -> Candidate:
        characters, size = extent
        ready = self._breakers.would_admit(target)
        return Candidate(
            target=target,
            canonical=profile.canonical,
            known=profile.known,
            weight=account.weight,
            priority=places[account.key],
            refusals=unsupported(request, profile),
            too_small=characters > longest_text(profile),
            expected_cost=None if size is None else self._expected_cost(profile, request, size),
            ready=ready,
            opens_in_seconds=None if ready else self._breakers.opens_in(target),
            cooling_seconds=self._avoid_seconds(target),
        )

    def _expected_cost(self, profile: ModelProfile, request: CompletionRequest, size: int) -> Decimal | None:
        return self._prices.expected_cost(profile.target, size // BYTES_PER_TOKEN, _expected_output(request, profile))


def _switched_off(account: ProviderAccount) -> Candidate:
    """Returns a candidate for a switched-off account; it is in the plan only to be reported as skipped."""
    profile = profile_for(account.provider, account.default_model)
    target = Target(profile.provider, profile.id, account.name)
    return Candidate(target=target, canonical=profile.canonical, enabled=False)


def _check(question: PlanQuestion, now: AccountsNow) -> None:
    """Raise `InvalidOrder` for a provider that is not live, or a model that no live provider is known to have."""
    if question.provider is not None and question.provider not in now.live_providers:
        raise InvalidOrder(
            "This provider is not available",
            f"{question.provider} is not configured here. Available: {', '.join(now.live_providers)}.",
            code=ErrorCode.VALIDATION_ERROR,
            slug="provider-not-available",
            fields=(("provider", "names a provider that is not configured"),),
        )
    if question.model is not None and question.provider is None and not profiles_of_model(question.model, now):
        raise InvalidOrder(
            "This model is not known",
            f"No available provider is known to have the model {question.model!r}. Name its provider as well, "
            "or take one from GET /api/v1/models.",
            code=ErrorCode.VALIDATION_ERROR,
            slug="unknown-model",
            fields=(("model", "is not in the model registry"),),
        )


def _lacking(made: Plan, request: CompletionRequest, asked: LLMProviderType | None, now: AccountsNow) -> InvalidOrder:
    could_all = capable_targets(request, now)
    near = [target for target in could_all if target.provider is asked][: MOST_NAMED // 2]
    could = list(dict.fromkeys(map(str, (*near, *made.capable, *could_all))))
    named = ", ".join(could[:MOST_NAMED]) + (", …" if len(could) > MOST_NAMED else "")
    return InvalidOrder(
        "The chosen model does not support what was asked",
        f"{made.refusals[0].message}. Could honour it: {named or 'no available model'}.",
        code=ErrorCode.VALIDATION_ERROR,
        slug="unsupported-override",
        fields=tuple((lack.field, lack.message) for lack in made.refusals),
    )


def _expected_output(request: CompletionRequest, profile: ModelProfile) -> int:
    """Expected output tokens as billed, reasoning included."""
    sampling = effective_sampling(request, profile)
    tokens = EXPECTED_OUTPUT_TOKENS
    if thinks(sampling.reasoning_effort, profile):
        budget = thinking_budget(sampling.reasoning_effort, profile)
        tokens += EXPECTED_REASONING_TOKENS if budget is None else min(budget, EXPECTED_REASONING_TOKENS)
    return min(tokens, request.sampling.max_output_tokens or tokens)


def longest_text(profile: ModelProfile) -> float:
    """Characters of the longest request that the model may be able to read; infinite if its window is not known."""
    return math.inf if profile.context_window is None else profile.context_window * MOST_CHARACTERS_PER_TOKEN


def _longest_text(candidate: Candidate) -> float:
    return longest_text(profile_for(candidate.target.provider, candidate.target.model))


def extent_of(request: CompletionRequest) -> tuple[int, bool]:
    """Returns the number of characters of all text in *request*, and whether it holds an image."""
    characters, images = len(request.system or ""), False
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, TextPart):
                characters += len(part.text)
            elif isinstance(part, ImagePart):
                images = True
    return characters, images


def request_bytes(request: CompletionRequest) -> int:
    """Size of all text in *request*, in bytes of UTF-8."""
    texts = [part.text for message in request.messages for part in message.parts if isinstance(part, TextPart)]
    return sum(len(text.encode()) for text in (request.system or "", *texts))


def _facts(order: CompletionOrder) -> RequestFacts:
    return RequestFacts(
        request_type=order.request_type,
        caller=order.caller.service,
        input_bytes=request_bytes(order.request),
        user=order.user_id,
        tags=frozenset(order.tags),
        provider=order.provider,
        model=order.model,
    )
