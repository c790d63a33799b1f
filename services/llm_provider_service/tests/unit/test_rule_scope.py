"""What rules are held against at start is what requests really look like when they are planned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from common_core.config_enums import LLMProviderType
from common_core.error_enums import ErrorCode
from huleedu_service_libs.web.problem import ProblemError
from services.llm_provider_service.api.caller_identity import LOCAL_CALLER
from services.llm_provider_service.api.comparison_mapping import ComparisonMapping
from services.llm_provider_service.config import Settings
from services.llm_provider_service.domain.completion_order import CompletionOrder, CompletionResult
from services.llm_provider_service.exceptions import UnknownProvider
from services.llm_provider_service.gateway.planner import request_bytes
from services.llm_provider_service.gateway.provider_test import ProviderTester
from services.llm_provider_service.policies import comparison_defaults, routing_rules, rule_scope
from services.llm_provider_service.routing.rule_parser import RuleError
from services.llm_provider_service.settings.accounts import ProviderAccount, ProviderAccounts

BODY_BYTES = 3000
SHORTEST = {"user_prompt": "x", "essay_a": "x", "essay_b": "x"}
OWN_SYSTEM_TEXT = {"llm_config_overrides": {"system_prompt_override": "x"}}


def settings(**given: Any) -> Settings:
    """One live vendor, and small bodies."""
    return Settings(
        _env_file=None, OPENAI_ENABLED=True, OPENAI_API_KEY=SecretStr("sk-1"), MAX_BODY_BYTES=BODY_BYTES, **given
    )


def as_sent(body: Mapping[str, Any]) -> bytes:
    """*body* in as few bytes as JSON takes."""
    return json.dumps(body, separators=(",", ":")).encode()


def order_of(**body: Any) -> CompletionOrder:
    """What the desk makes of *body*; raises what it raises."""
    desk, raw = ComparisonMapping(comparison_defaults(settings())), as_sent(body)
    return desk.case(desk.read(raw), caller=LOCAL_CALLER, correlation_id="c", timeout_header=None).order


def test_no_comparison_is_smaller_than_the_smallest() -> None:
    smallest = rule_scope(settings()).request_types["comparison"].min_input_bytes
    assert request_bytes(order_of(**SHORTEST, **OWN_SYSTEM_TEXT).request) == smallest
    assert request_bytes(order_of(**SHORTEST).request) > smallest
    for field in SHORTEST:
        with pytest.raises(ProblemError):
            order_of(**{**SHORTEST, field: ""})
    with pytest.raises(ProblemError):
        order_of(**SHORTEST, llm_config_overrides={"system_prompt_override": ""})


def test_a_body_that_is_full_of_text_is_the_largest_comparison() -> None:
    largest = rule_scope(settings()).request_types["comparison"].max_input_bytes
    full = {**SHORTEST, "essay_a": "x" * (BODY_BYTES - len(as_sent(SHORTEST)) + 1)}
    assert len(as_sent(full)) == BODY_BYTES
    assert request_bytes(order_of(**full).request) == largest


def test_comparisons_carry_what_rules_may_ask_for() -> None:
    named = {"provider_override": "openai", "model_override": "m"}
    order = order_of(**SHORTEST, user_id="ann", tags=["a"], llm_config_overrides=named)
    assert (order.user_id, order.tags, order.model) == ("ann", ("a",), "m")
    assert rule_scope(settings()).request_types[order.request_type].carries == {"user", "tag", "model"}


class Listener:
    """An orchestrator that notes what it is asked and answers nobody."""

    def __init__(self) -> None:
        self.heard: list[CompletionOrder] = []

    async def complete(self, order: CompletionOrder) -> CompletionResult:
        self.heard.append(order)
        raise UnknownProvider("", "", code=ErrorCode.RESOURCE_NOT_FOUND, slug="")

    def is_under_way(self, request_id: str) -> bool:
        return False

    def stop_waiting(self) -> None:
        """Nothing runs."""


async def test_provider_tests_carry_nothing_and_are_all_of_one_size() -> None:
    listener = Listener()
    tester = ProviderTester(
        listener,
        ProviderAccounts([ProviderAccount(provider=LLMProviderType.OPENAI, default_model="m")]),
        clock=lambda: 0.0,
    )
    await tester.test(LLMProviderType.OPENAI, LOCAL_CALLER)
    (order,) = listener.heard
    kind = rule_scope(settings()).request_types[order.request_type]
    size = request_bytes(order.request)
    assert (order.user_id, order.tags, order.model) == (None, (), None)
    assert kind.carries == frozenset()
    assert (kind.min_input_bytes, kind.max_input_bytes) == (size, size)


@pytest.mark.parametrize(
    ("when", "field"),
    [
        ({"request_type": "comparison", "max_input_bytes": 500}, "when.max_input_bytes"),
        ({"request_type": "provider_test", "tag": "x"}, "when.tag"),
        ({"request_type": "provider_test", "user": "x"}, "when.user"),
        ({"request_type": "provider_test", "model": "x"}, "when.model"),
        ({"max_input_bytes": 33}, "when.max_input_bytes"),
    ],
)
def test_a_rule_that_no_request_here_could_match_is_refused(when: dict[str, Any], field: str) -> None:
    with pytest.raises(RuleError, match="can never match") as refused:
        routing_rules(settings(ROUTING_RULES=json.dumps([{"when": when, "use": {"strategy": "random"}}])))
    assert refused.value.field == field


def test_a_rule_that_only_the_smallest_comparison_matches_is_kept() -> None:
    order = order_of(**SHORTEST, **OWN_SYSTEM_TEXT)
    when = {"request_type": "comparison", "max_input_bytes": request_bytes(order.request)}
    (rule,) = routing_rules(settings(ROUTING_RULES=json.dumps([{"when": when, "use": {"strategy": "random"}}])))
    assert rule.max_input_bytes == when["max_input_bytes"]
