"""Correlation ids from outside are harmless or replaced."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from huleedu_service_libs.web.correlation import (
    adopt_body_correlation,
    bind_correlation,
    correlation_from_header,
    current_correlation_id,
    is_acceptable,
)


@pytest.mark.parametrize("value", ["a", "A-1.b_c:d", "x" * 128, "5f0c2f6e-8c1a-4f0e-9a43-0d8a5f7b1c2d"])
def test_a_harmless_id_is_taken(value: str) -> None:
    correlation = correlation_from_header(value)
    assert (correlation.id, correlation.given) == (value, True)


@pytest.mark.parametrize(
    "value",
    [None, "", " ", "a b", "x" * 129, "x" * 10_240, "a\r\nSet-Cookie: x", "a\n", "é", "a\x1b[2J", "{}", "a\u2028"],
)
def test_a_hostile_or_missing_id_is_replaced_by_a_fresh_uuid(value: str | None) -> None:
    correlation = correlation_from_header(value)
    assert str(uuid.UUID(correlation.id)) == correlation.id
    assert not correlation.given
    assert is_acceptable(correlation.id)


async def test_the_body_names_the_request_when_the_header_does_not() -> None:
    bind_correlation(correlation_from_header(None))
    assert adopt_body_correlation("from-body") == "from-body"
    assert await asyncio.create_task(_read()) == "from-body"


async def test_the_header_wins_over_the_body_and_a_hostile_body_id_is_ignored() -> None:
    bind_correlation(correlation_from_header("from-header"))
    assert adopt_body_correlation("from-body") == "from-header"
    bind_correlation(correlation_from_header(None))
    fresh = current_correlation_id()
    assert adopt_body_correlation("a\r\nb") == fresh
    assert adopt_body_correlation(None) == fresh


async def test_requests_do_not_see_each_others_ids() -> None:
    async def request(name: str) -> str | None:
        bind_correlation(correlation_from_header(name))
        await asyncio.sleep(0)
        return await _read()

    assert await asyncio.gather(*(asyncio.create_task(request(f"r{n}")) for n in range(5))) == [
        f"r{n}" for n in range(5)
    ]


async def _read() -> str | None:
    return current_correlation_id()
