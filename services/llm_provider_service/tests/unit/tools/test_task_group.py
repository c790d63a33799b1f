"""Several things at once."""

from __future__ import annotations

import asyncio

import pytest

from services.llm_provider_service.tools.task_group import together


async def test_results_come_in_the_order_of_the_work() -> None:
    later = asyncio.Event()

    async def first() -> int:
        await later.wait()
        return 1

    async def second() -> int:
        later.set()
        return 2

    assert await together([first(), second()]) == [1, 2]


async def test_a_failure_ends_the_rest_and_comes_out_as_itself() -> None:
    ended = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def failing() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await together([forever(), failing()])
    assert ended == ["cancelled"]
