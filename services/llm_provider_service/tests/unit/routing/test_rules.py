"""Routing rules: what they choose, what they leave to the caller, and which are refused at start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_core.config_enums import LLMProviderType, SelectionStrategy
from services.llm_provider_service.routing.rule_parser import RuleError, parse_rules
from services.llm_provider_service.routing.rule_reachability import dead_end
from services.llm_provider_service.routing.rule_shadowing import is_covered
from services.llm_provider_service.routing.rules import Choice, RequestFacts, RequestKind, Rule, RuleScope, choose

SCOPE = RuleScope(
    providers=frozenset({LLMProviderType.OPENAI, LLMProviderType.ANTHROPIC}),
    request_types={
        "comparison": RequestKind(
            carries=frozenset({"user", "tag", "model"}), min_input_bytes=50, max_input_bytes=1_000_000
        ),
        "provider_test": RequestKind(carries=frozenset(), min_input_bytes=30, max_input_bytes=30),
    },
    models=frozenset({"gpt", "claude"}),
)
FACTS = RequestFacts(request_type="comparison", caller="cj", input_bytes=5000, user="ann", tags=frozenset({"a", "b"}))
USUAL = SelectionStrategy.PRIORITY
TO_OPENAI = {"use": {"provider": "openai"}}


def _parse(*rules: Any) -> tuple[Rule, ...]:
    return parse_rules(json.dumps(rules), SCOPE)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({}, True),
        ({"request_type": "comparison"}, True),
        ({"request_type": "provider_test"}, False),
        ({"caller": ["x", "cj"]}, True),
        ({"caller": "x"}, False),
        ({"user": "ann"}, True),
        ({"user": "bob"}, False),
        ({"tag": ["b", "z"]}, True),
        ({"tag": "z"}, False),
        ({"model": "gpt"}, False),
        ({"min_input_bytes": 5000, "max_input_bytes": 5000}, True),
        ({"min_input_bytes": 5001}, False),
        ({"max_input_bytes": 4999}, False),
        ({"caller": "cj", "tag": "a", "min_input_bytes": 1}, True),
        ({"caller": "cj", "tag": "z"}, False),
    ],
)
def test_a_rule_matches_when_all_of_its_conditions_hold(when: dict[str, Any], holds: bool) -> None:
    (rule,) = _parse({"when": when, **TO_OPENAI})
    assert rule.matches(FACTS) is holds


def test_the_first_rule_that_matches_decides() -> None:
    rules = _parse(
        {"when": {"tag": "z"}, "use": {"provider": "openai"}},
        {"when": {"tag": "a"}, "use": {"provider": "anthropic", "strategy": "random"}},
        {"when": {"caller": "cj"}, "use": {"provider": "openai"}},
    )
    assert choose(rules, FACTS, USUAL) == Choice(
        strategy=SelectionStrategy.RANDOM, provider=LLMProviderType.ANTHROPIC, model=None, rule=1
    )


def test_without_a_matching_rule_the_usual_strategy_and_the_callers_wish_hold() -> None:
    facts = replace(FACTS, model="gpt")
    assert choose((), facts, USUAL) == Choice(strategy=USUAL, provider=None, model="gpt")


def test_a_provider_that_the_caller_names_beats_the_rule_but_its_strategy_holds() -> None:
    rules = _parse({"use": {"provider": "openai", "model": "gpt", "strategy": "random"}})
    facts = replace(FACTS, provider=LLMProviderType.ANTHROPIC)
    assert choose(rules, facts, USUAL) == Choice(
        strategy=SelectionStrategy.RANDOM, provider=LLMProviderType.ANTHROPIC, model=None, rule=0
    )


def test_a_model_that_the_caller_names_beats_a_rule_that_is_not_about_it() -> None:
    rules = _parse({"use": {"provider": "openai"}})
    assert choose(rules, replace(FACTS, model="claude"), USUAL).provider is None


def test_a_rule_about_a_model_may_send_it_elsewhere() -> None:
    rules = _parse({"when": {"model": "gpt"}, "use": {"provider": "anthropic", "model": "claude"}})
    chosen = choose(rules, replace(FACTS, model="gpt"), USUAL)
    assert (chosen.provider, chosen.model) == (LLMProviderType.ANTHROPIC, "claude")


@pytest.mark.parametrize(
    ("source", "index", "field"),
    [
        ("{", None, ""),
        ("{}", None, ""),
        ("[" * 100_000, None, ""),
        ('[{"use": {"provider": "openai", "provider": "anthropic"}}]', None, ""),
        ("[3]", 0, ""),
        ('[{"use": {"provider": "openai"}}, {"if": {}}]', 1, "if"),
        ('[{"when": {"colour": "red"}, "use": {"provider": "openai"}}]', 0, "when.colour"),
        ('[{"when": null, "use": {"provider": "openai"}}]', 0, "when"),
        ('[{"when": {"tag": []}, "use": {"provider": "openai"}}]', 0, "when.tag"),
        ('[{"when": {"tag": [1]}, "use": {"provider": "openai"}}]', 0, "when.tag"),
        ('[{"when": {"tag": ""}, "use": {"provider": "openai"}}]', 0, "when.tag"),
        ('[{"when": {"model": "a model"}, "use": {"provider": "openai"}}]', 0, "when.model"),
        ('[{"when": {"request_type": "comparision"}, "use": {"provider": "openai"}}]', 0, "when.request_type"),
        ('[{"when": {"min_input_bytes": -1}, "use": {"provider": "openai"}}]', 0, "when.min_input_bytes"),
        ('[{"when": {"min_input_bytes": true}, "use": {"provider": "openai"}}]', 0, "when.min_input_bytes"),
        ('[{"when": {"max_input_bytes": NaN}, "use": {"provider": "openai"}}]', 0, "when.max_input_bytes"),
        (
            '[{"when": {"min_input_bytes": 9, "max_input_bytes": 8}, "use": {"provider": "openai"}}]',
            0,
            "when.max_input_bytes",
        ),
        ('[{"when": {"min_input_bytes": 1000001}, "use": {"provider": "openai"}}]', 0, "when.min_input_bytes"),
        ('[{"when": {"tag": "a"}}]', 0, "use"),
        ('[{"use": {"provider": null}}]', 0, "use"),
        ('[{"use": {"provider": "acme"}}]', 0, "use.provider"),
        ('[{"use": {"provider": ["openai"]}}]', 0, "use.provider"),
        ('[{"use": {"provider": "google"}}]', 0, "use.provider"),
        ('[{"use": {"model": "unheard-of"}}]', 0, "use.model"),
        ('[{"use": {"model": 5, "provider": "openai"}}]', 0, "use.model"),
        ('[{"use": {"strategy": "cheapest"}}]', 0, "use.strategy"),
    ],
)
def test_a_rule_that_could_never_do_anything_is_refused_by_index_and_field(
    source: str, index: int | None, field: str
) -> None:
    with pytest.raises(RuleError) as refused:
        parse_rules(source, SCOPE)
    assert (refused.value.index, refused.value.field) == (index, field)
    assert str(refused.value).startswith("ROUTING_RULES")


def test_a_caller_who_cannot_exist_here_is_refused() -> None:
    with pytest.raises(RuleError, match=r"ROUTING_RULES\[0\]\.when\.caller: can never match"):
        parse_rules(
            '[{"when": {"caller": "cj"}, "use": {"provider": "openai"}}]', replace(SCOPE, callers=frozenset({"local"}))
        )


@pytest.mark.parametrize(
    ("when", "field"),
    [
        ({"request_type": "comparison", "max_input_bytes": 49}, "max_input_bytes"),
        ({"request_type": "comparison", "min_input_bytes": 1_000_001}, "min_input_bytes"),
        ({"request_type": "provider_test", "min_input_bytes": 31}, "min_input_bytes"),
        ({"request_type": "provider_test", "max_input_bytes": 29}, "max_input_bytes"),
        ({"request_type": "provider_test", "tag": "a"}, "tag"),
        ({"request_type": "provider_test", "user": "ann"}, "user"),
        ({"request_type": "provider_test", "model": "gpt"}, "model"),
        ({"max_input_bytes": 29}, "max_input_bytes"),
        ({"min_input_bytes": 31, "max_input_bytes": 49}, "max_input_bytes"),
        ({"tag": "a", "max_input_bytes": 49}, "max_input_bytes"),
        ({"request_type": ["provider_test", "comparison"], "user": "ann", "max_input_bytes": 30}, "max_input_bytes"),
    ],
)
def test_a_rule_about_requests_that_cannot_be_is_refused_by_its_field(when: dict[str, Any], field: str) -> None:
    with pytest.raises(RuleError, match="can never match: ") as refused:
        _parse({"when": {"tag": "z"}, **TO_OPENAI}, {"when": when, **TO_OPENAI})
    assert (refused.value.index, refused.value.field) == (1, f"when.{field}")


def test_a_rule_that_cannot_match_says_what_could_be() -> None:
    with pytest.raises(RuleError, match=r"requests of type provider_test carry no tag$"):
        _parse({"when": {"request_type": "provider_test", "tag": "a"}, **TO_OPENAI})
    with pytest.raises(RuleError, match="comparison has 50 to 1000000 bytes; provider_test has 30 bytes, our own text"):
        _parse({"when": {"max_input_bytes": 3}, **TO_OPENAI})


@pytest.mark.parametrize(
    "when",
    [
        {"request_type": ["comparison", "provider_test"], "tag": "a"},
        {"request_type": ["comparison", "provider_test"], "max_input_bytes": 30},
        {"request_type": "comparison", "max_input_bytes": 50},
        {"request_type": "comparison", "min_input_bytes": 1_000_000},
        {"request_type": "provider_test", "min_input_bytes": 30, "max_input_bytes": 30},
    ],
)
def test_a_rule_that_one_request_could_match_is_kept(when: dict[str, Any]) -> None:
    assert len(_parse({"when": when, **TO_OPENAI})) == 1


def test_a_model_that_nobody_knows_may_be_chosen_together_with_its_provider() -> None:
    (rule,) = _parse({"use": {"provider": "openai", "model": "ft:gpt:mine"}})
    assert rule.use_model == "ft:gpt:mine"


@pytest.mark.parametrize("source", ["", "  ", "[]"])
def test_no_rules_is_a_valid_setting(source: str) -> None:
    assert parse_rules(source, SCOPE) == ()


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ([{}], {"tag": "a"}),
        ([{}], {}),
        ([{"tag": ["a", "b"]}], {"tag": "a"}),
        ([{"tag": "a"}], {"tag": "a", "user": "ann"}),
        ([{"max_input_bytes": 100}, {"min_input_bytes": 101}], {"tag": "a"}),
        ([{"request_type": "comparison"}, {"request_type": "provider_test"}], {"caller": "cj"}),
        ([{"request_type": "comparison"}], {"user": "ann"}),
        ([{"request_type": "provider_test"}], {"max_input_bytes": 49}),
        ([{"request_type": "provider_test"}, {"max_input_bytes": 70}], {"max_input_bytes": 60}),
        ([{"min_input_bytes": 50}], {"tag": "a"}),
        ([{"max_input_bytes": 30}], {"request_type": "provider_test"}),
        ([{"tag": "a"}, {"tag": "b"}], {"tag": ["a", "b"]}),
        ([{"max_input_bytes": 1_000_000}], {}),
        ([{"tag": "a", "max_input_bytes": 90}, {"min_input_bytes": 80}], {"tag": "a", "min_input_bytes": 20}),
    ],
)
def test_a_rule_for_which_earlier_rules_leave_nothing_is_refused(
    earlier: list[dict[str, Any]], later: dict[str, Any]
) -> None:
    rules = [{"when": when, **TO_OPENAI} for when in (*earlier, later)]
    with pytest.raises(RuleError, match="earlier rules") as refused:
        _parse(*rules)
    assert (refused.value.index, refused.value.field) == (len(earlier), "when")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"tag": "a"}, {"tag": ["a", "b"]}),
        ({"tag": "a"}, {}),
        ({"tag": "a", "user": "ann"}, {"tag": "a"}),
        ({"max_input_bytes": 100}, {"max_input_bytes": 101}),
        ({"model": "gpt"}, {"tag": "a"}),
        ({"request_type": "comparison"}, {"max_input_bytes": 49}),
        ({"request_type": "provider_test"}, {"tag": "a"}),
    ],
)
def test_a_rule_for_which_something_is_left_is_kept(earlier: dict[str, Any], later: dict[str, Any]) -> None:
    assert len(_parse({"when": earlier, **TO_OPENAI}, {"when": later, **TO_OPENAI})) == 2


_values = st.none() | st.frozensets(st.sampled_from("xy"), min_size=1)


@st.composite
def _rules(draw: st.DrawFn) -> Rule:
    low = draw(st.integers(0, 3))
    return Rule(
        request_type=draw(_values),
        user=draw(_values),
        tag=draw(_values),
        min_input_bytes=low,
        max_input_bytes=draw(st.none() | st.integers(low, 4)),
    )


@st.composite
def _kinds(draw: st.DrawFn) -> RequestKind:
    low = draw(st.integers(0, 4))
    carries = frozenset(draw(st.sets(st.sampled_from(["user", "tag", "model"]))))
    return RequestKind(
        carries=carries, min_input_bytes=low, max_input_bytes=draw(st.none() | st.sampled_from([low, 4]))
    )


def _possible(name: str, kind: RequestKind) -> Iterator[RequestFacts]:
    """Every request of that type that can be told from others by the rules drawn here."""
    users = ("x", "y", None) if "user" in kind.carries else (None,)
    tags = ("", "x", "y", "xy") if "tag" in kind.carries else ("",)
    end = 6 if kind.max_input_bytes is None else kind.max_input_bytes
    for user, tag, size in product(users, tags, range(kind.min_input_bytes, end + 1)):
        yield RequestFacts(request_type=name, caller="c", user=user, tags=frozenset(tag), input_bytes=size)


@given(rule=_rules(), earlier=st.lists(_rules(), max_size=4), kinds=st.tuples(_kinds(), _kinds()))
def test_a_rule_is_called_dead_exactly_when_no_request_gets_through_to_it(
    rule: Rule, earlier: list[Rule], kinds: tuple[RequestKind, RequestKind]
) -> None:
    scope = replace(SCOPE, request_types=dict(zip("xy", kinds, strict=True)))
    matching = [one for name, kind in scope.request_types.items() for one in _possible(name, kind) if rule.matches(one)]
    assert (dead_end(rule, scope) is None) is bool(matching)
    reached = any(not any(other.matches(one) for other in earlier) for one in matching)
    assert is_covered(rule, earlier, scope) is not reached
