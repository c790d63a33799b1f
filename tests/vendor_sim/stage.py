"""How each scenario is played on the wire."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import orjson
from aiohttp import web

from tests.vendor_sim.answers import saying, true_answer, truncated
from tests.vendor_sim.dialects.dialect import Dialect
from tests.vendor_sim.judging import Judge
from tests.vendor_sim.ledger import Call, Ledger
from tests.vendor_sim.scenarios import (
    Cut,
    Drip,
    EmptyChoices,
    GzipBomb,
    Hang,
    Huge,
    MaxTokens,
    RawBody,
    RawWire,
    Redirect,
    Refusal,
    SafetyBlock,
    Scenario,
    Status,
    Success,
    ToolCallUnasked,
)
from tests.vendor_sim.values import Answer, Asked, Complaint, Finish, Json

JSON_TYPE = "application/json"
_PIECE = 65_536
_RESET = struct.pack("ii", 1, 0)
_LET_BYTES_ARRIVE = 0.02
_FOREVER = 10**9


class Played(web.StreamResponse):
    """Stands for an answer that was written, or withheld, on the bare connection: aiohttp adds nothing."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to send."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""


@dataclass(slots=True, kw_only=True)
class Turn:
    """One call on its way to being answered."""

    request: web.BaseRequest
    dialect: Dialect
    asked: Asked
    call: Call
    ledger: Ledger
    judge: Judge
    seed: int

    def honest(self) -> Answer:
        """What the model would say."""
        return true_answer(self.asked, number=self.call.number, judge=self.judge, seed=self.seed)

    def billed(self, answer: Answer) -> Json:
        """The vendor's body for *answer*, whose tokens are charged from now on, whether or not it arrives."""
        self.ledger.bill(self.call, answer.tokens)
        return self.dialect.answer(answer)

    def reply(self, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
        """A complete HTTP answer; JSON unless the headers say otherwise."""
        self.call.status = status
        known = {"Content-Type": JSON_TYPE}
        if self.dialect.request_id_header:
            known[self.dialect.request_id_header] = f"req_sim{self.call.number:08d}"
        return web.Response(body=body, status=status, headers={**known, **(headers or {})})


async def play(scenario: Scenario, turn: Turn) -> web.StreamResponse:
    """Do what *scenario* says; returns what aiohttp is to send."""
    if scenario.delay and not isinstance(scenario, Success):
        await asyncio.sleep(scenario.delay)
    match scenario:
        case Success():
            return await _success(scenario, turn)
        case Status():
            return _status(scenario, turn)
        case Refusal() | SafetyBlock() | MaxTokens() | EmptyChoices() | ToolCallUnasked():
            return turn.reply(encoded(turn.billed(_failed_answer(scenario, turn.honest()))))
        case RawBody():
            return turn.reply(scenario.body, status=scenario.status, headers={"Content-Type": scenario.content_type})
        case Redirect():
            return turn.reply(b"", status=scenario.code, headers={"Location": scenario.to})
        case GzipBomb():
            return turn.reply(_bomb(scenario.size), headers={"Content-Encoding": "gzip"})
        case _:
            return await _play_on_the_wire(scenario, turn)


async def _play_on_the_wire(scenario: RawWire | Cut | Hang | Drip | Huge, turn: Turn) -> web.StreamResponse:
    match scenario:
        case RawWire():
            _write(turn, scenario.data)
            return await _end(turn, "fin")
        case Cut():
            return await _cut(scenario, turn)
        case Hang():
            if scenario.where == "body":
                await _streaming(turn, length=_FOREVER)
            await asyncio.Event().wait()
            return Played()
        case Drip():
            return await _drip(scenario, turn)
        case Huge():
            return await _huge(scenario, turn)


async def _success(scenario: Success, turn: Turn) -> web.StreamResponse:
    answer = turn.honest()
    if scenario.text is not None:
        answer = saying(answer, scenario.text)
    answer = replace(answer, tokens=scenario.tokens or answer.tokens, model=scenario.served_model or answer.model)
    body = turn.billed(answer)
    if scenario.usage is not None:
        body[turn.dialect.usage_field()] = dict(scenario.usage)
        if not scenario.usage:
            del body[turn.dialect.usage_field()]
    if scenario.finish is not None:
        turn.dialect.finish_with(body, scenario.finish)
    if scenario.delay:
        await asyncio.sleep(scenario.delay)
    return turn.reply(encoded({**body, **scenario.extra}, exact=scenario.usage is None), headers=scenario.headers)


def _status(scenario: Status, turn: Turn) -> web.StreamResponse:
    body = scenario.body
    if body is None:
        body = turn.dialect.error(Complaint(message=f"Simulated status {scenario.code}.", status=scenario.code))
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else orjson.dumps(body)
    return turn.reply(raw.replace(b"<<key>>", _key(turn).encode()), status=scenario.code, headers=scenario.headers)


def _key(turn: Turn) -> str:
    headers = turn.request.headers
    bearer = headers.get("Authorization", "").removeprefix("Bearer ")
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or bearer


def _failed_answer(
    scenario: Refusal | SafetyBlock | MaxTokens | EmptyChoices | ToolCallUnasked, honest: Answer
) -> Answer:
    match scenario:
        case Refusal():
            return replace(honest, text=scenario.text, finish=Finish.REFUSAL, tool_name="")
        case SafetyBlock():
            finish = Finish.PROMPT_BLOCKED if scenario.prompt else Finish.SAFETY
            return replace(honest, text="", finish=finish, tool_name="")
        case MaxTokens():
            return _out_of_tokens(honest, empty=scenario.empty)
        case EmptyChoices():
            return replace(honest, text="", finish=Finish.NOTHING, tool_name="")
        case ToolCallUnasked():
            return replace(honest, text='{"q": "essays"}', finish=Finish.UNASKED_TOOL_CALL, tool_name="web_search",
                           arguments={"q": "essays"})  # fmt: skip


def _out_of_tokens(honest: Answer, *, empty: bool) -> Answer:
    if not empty:
        return truncated(honest, limit=honest.tokens.output - (honest.tokens.output - honest.tokens.reasoning + 1) // 2)
    spent = replace(honest.tokens, reasoning=honest.tokens.output)
    return replace(honest, text="", finish=Finish.LENGTH, tokens=spent, tool_name="")


async def _cut(scenario: Cut, turn: Turn) -> web.StreamResponse:
    if scenario.after == "accept":
        return await _end(turn, scenario.how)
    body = encoded(turn.billed(turn.honest()))
    head = {"length": f"Content-Length: {len(body)}\r\n", "chunked": "Transfer-Encoding: chunked\r\n", "close": ""}
    _write(turn, f"HTTP/1.1 200 OK\r\nContent-Type: {JSON_TYPE}\r\n{head[scenario.framing]}\r\n".encode())
    turn.call.status = 200
    if scenario.after == "half":
        half = body[: len(body) // 2]
        _write(turn, b"%x\r\n%s\r\n" % (len(half), half) if scenario.framing == "chunked" else half)
    return await _end(turn, scenario.how)


async def _drip(scenario: Drip, turn: Turn) -> web.StreamResponse:
    body = encoded(turn.billed(turn.honest()))
    response = await _streaming(turn, length=len(body))
    for start in range(0, len(body), scenario.bytes_per_interval):
        await response.write(body[start : start + scenario.bytes_per_interval])
        await asyncio.sleep(scenario.interval)
    return response


async def _huge(scenario: Huge, turn: Turn) -> web.StreamResponse:
    response = await _streaming(turn, length=scenario.size)
    for start in range(0, scenario.size, _PIECE):
        await response.write(b" " * min(_PIECE, scenario.size - start))
    return response


async def _streaming(turn: Turn, *, length: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": JSON_TYPE, "Content-Length": str(length)})
    turn.call.status = 200
    await response.prepare(turn.request)
    return response


def _write(turn: Turn, data: bytes) -> None:
    transport = turn.request.transport
    if transport is not None:
        transport.write(data)


async def _end(turn: Turn, how: str) -> web.StreamResponse:
    """Close the connection from our side, by a reset or cleanly, after what was written has had time to arrive."""
    transport = turn.request.transport
    if transport is None:
        return Played()
    if turn.call.status:
        await asyncio.sleep(_LET_BYTES_ARRIVE)
    if how == "fin":
        transport.close()
        return Played()
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
    return Played()


@cache
def _bomb(size: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        for start in range(0, size, 1_000_000):
            file.write(b" " * min(1_000_000, size - start))
    return packed.getvalue()


def encoded(body: Mapping[str, Any] | list[Any], *, exact: bool = True) -> bytes:
    """JSON; not *exact* may have NaN and infinity in it, as scripted usage has."""
    return orjson.dumps(body) if exact else json.dumps(body).encode()
