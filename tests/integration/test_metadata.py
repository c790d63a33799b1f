"""What a caller sends along comes back to this caller, its numbers digit for digit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from common_core.llm_contracts import LLMComparisonRequest
from huleedu_service_libs.llm_client import LLMProviderClient
from tests.support.gateway import Gateway, running_gateway, vendors
from tests.vendor_sim import Status, Success, VendorSim

pytestmark = pytest.mark.sockets

NUMBERS = (
    b'{"n":[1e-400,1.0,1.10,1E5,0.1000000000000000055,-0,-0.0,12345678901234567890,{"deep":[2.50]}],"of":"\xc3\xa5"}'
)
QUESTION = b'"user_prompt":"Which \\"metadata\\": {\\"n\\": 1.0}?","essay_a":"a","essay_b":"b"'


async def echoed(gateway: Gateway, metadata: bytes | None, *, in_pieces: bool = False) -> bytes:
    """The bytes of the answer's metadata; the request's stand last, after a text that looks like some."""
    raw = b"{%s}" % QUESTION if metadata is None else b'{%s,"metadata":%s}' % (QUESTION, metadata)

    async def pieces() -> AsyncIterator[bytes]:
        yield raw

    async with gateway.http.post(
        f"{gateway.url}/api/v1/comparison",
        data=pieces() if in_pieces else raw,
        headers={"Content-Type": "application/json"},
    ) as response:
        body = await response.read()
    assert response.status == 200, body
    assert json.loads(body)["winner"] == "Essay A"
    return body.partition(b'"metadata":')[2].rpartition(b',"request_id":')[0]


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_numbers_come_back_digit_for_digit(in_pieces: bool) -> None:
    """A request in pieces comes through Quart, another one before it."""
    async with running_gateway() as gateway:
        assert await echoed(gateway, NUMBERS, in_pieces=in_pieces) == NUMBERS
        assert await echoed(gateway, b"null", in_pieces=in_pieces) == b"{}"
        assert await echoed(gateway, None, in_pieces=in_pieces) == b"{}"


async def test_a_cached_answer_brings_its_own_callers_numbers(sim: VendorSim) -> None:
    sent: Sequence[bytes] = (b'{"n":1.0}', b'{"n":1.00}', b'{"n":1}', b'{"n":-0}')
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        assert [await echoed(gateway, one) for one in sent] == list(sent)
        assert sim.count() == 1


async def test_requests_that_share_a_running_one_get_their_own_numbers(sim: VendorSim) -> None:
    sent = [b'{"n":1.%s}' % (b"0" * zeros) for zeros in range(1, 9)]
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        assert await asyncio.gather(*(echoed(gateway, one) for one in sent)) == sent
        assert sim.count() == 1


async def test_retries_and_re_asks_do_not_touch_the_numbers(sim: VendorSim) -> None:
    sim.script("openai", [Status(503), Success(text="no verdict")])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        assert await echoed(gateway, NUMBERS) == NUMBERS
        assert sim.count() == 3


async def test_the_limit_counts_what_is_echoed() -> None:
    fits = b'{"n":[%s]}' % b",".join([b"1E300"] * 2700)
    too_long = b'{"n":[%s]}' % b",".join([b"1E300"] * 2800)
    assert len(fits) < 16 * 1024 < len(too_long)
    async with running_gateway() as gateway:
        assert await echoed(gateway, fits) == fits
        assert await echoed(gateway, fits.replace(b",", b" , ")) == fits
        answer = await gateway.ask(
            "POST",
            "/api/v1/comparison",
            data=b'{%s,"metadata":%s}' % (QUESTION, too_long),
            headers={"Content-Type": "application/json"},
        )
        assert (answer.status, answer.body["errors"][0]["pointer"]) == (400, "/metadata")


@pytest.mark.parametrize(
    ("metadata", "pointer"),
    [
        (b'{"n":1.0,"n":1.0}', "/metadata"),
        (b'{"a":[{"n":1,"\\u006e":2}]}', "/metadata/a/0"),
        (b'{"n":18446744073709551616}', "/metadata/n"),
        (b'{"n":1e400}', ""),
    ],
)
async def test_what_readers_read_differently_is_refused_inside_metadata_too(metadata: bytes, pointer: str) -> None:
    async with running_gateway() as gateway:
        answer = await gateway.ask(
            "POST",
            "/api/v1/comparison",
            data=b'{%s,"metadata":%s}' % (QUESTION, metadata),
            headers={"Content-Type": "application/json"},
        )
        assert (answer.status, answer.body["errors"][0]["pointer"]) == (400, pointer)


async def test_the_typed_client_reads_numbers_however_they_are_written() -> None:
    async with running_gateway() as gateway, LLMProviderClient(gateway.url, timeout=10) as client:
        metadata = {"tiny": 1e-300, "whole": 1.0, "wide": 12345678901234567890, "of": [0, -0.0, {"n": 0.1}]}
        request = LLMComparisonRequest(user_prompt="Which?", essay_a="a", essay_b="b", metadata=metadata)
        assert repr((await client.compare(request)).metadata) == repr(metadata)
