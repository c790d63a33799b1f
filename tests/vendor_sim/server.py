"""The simulator itself: `async with VendorSim() as sim`, then point base URLs at `sim.base_url("openai")`."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import orjson
from aiohttp import web
from aiohttp.client_exceptions import ClientError

from tests.vendor_sim.control import control
from tests.vendor_sim.dialects.anthropic import AnthropicDialect
from tests.vendor_sim.dialects.chat import ChatDialect
from tests.vendor_sim.dialects.dialect import Dialect
from tests.vendor_sim.dialects.google import GoogleDialect
from tests.vendor_sim.dialects.ollama import OllamaDialect
from tests.vendor_sim.dialects.openrouter import OpenRouterDialect
from tests.vendor_sim.journal import Journal
from tests.vendor_sim.judging import Judge
from tests.vendor_sim.ledger import Call, Ledger
from tests.vendor_sim.scenarios import Scenario, Status, Success
from tests.vendor_sim.script import ScriptBook
from tests.vendor_sim.stage import Turn, encoded, play
from tests.vendor_sim.values import Complaint, Json, Tokens
from tests.vendor_sim.vendors import BASE_PATHS, Vendor

DIALECTS: Mapping[Vendor, Dialect] = {
    Vendor.OPENAI: ChatDialect(),
    Vendor.ANTHROPIC: AnthropicDialect(),
    Vendor.GOOGLE: GoogleDialect(),
    Vendor.OPENROUTER: OpenRouterDialect(),
    Vendor.OLLAMA: OllamaDialect(),
}
SEEDS = {vendor: number for number, vendor in enumerate(Vendor, start=1)}
CONTROL_PREFIX = "/_sim/"
_SHUTDOWN_SECONDS = 0.2
_ARRIVAL_SECONDS = 10.0


class VendorSim:
    """All vendors, or the given ones, on one loopback port.

    `latency` (seconds) and `fail_rate` (share of 503s, seeded) hold where no script does. Without `validate`, neither
    types nor rules nor headers are checked. `keepalive_seconds` is how long an idle connection is kept. `journal` is a
    file in which calls are also counted, see `JournalReader`.
    """

    def __init__(
        self,
        *,
        vendors: Iterable[str] = tuple(Vendor),
        port: int = 0,
        latency: float = 0.0,
        fail_rate: float = 0.0,
        validate: bool = True,
        keepalive_seconds: float = 75.0,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
        journal: Path | None = None,
    ) -> None:
        self.vendors = tuple(Vendor(vendor) for vendor in vendors)
        self._journal = None if journal is None else Journal(journal)
        self.ledger = Ledger(clock, self._journal)
        self.book = ScriptBook(default=Success(delay=latency))
        self.judges: dict[Vendor, Judge] = {}
        self.port = port
        self._validate = validate
        self._fail_rate = fail_rate
        self._dice = random.Random(seed)
        self._seed = seed
        self._prefixes = {BASE_PATHS[vendor] + "/": vendor for vendor in self.vendors}
        server = web.Server(
            self._handle, handler_cancellation=True, access_log=None, keepalive_timeout=keepalive_seconds
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def __aenter__(self) -> VendorSim:
        await self.start()
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; the port is known from here on."""
        if self._validate:
            for vendor in self.vendors:
                DIALECTS[vendor].prepare()
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port and all connections; what hangs is cancelled."""
        await self._runner.cleanup()
        if self._journal is not None:
            self._journal.close()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    def base_url(self, vendor: str) -> str:
        """What the gateway's `<P>_BASE_URL` is set to."""
        return self.origin + BASE_PATHS[Vendor(vendor)]

    def script(self, vendor: str, scenarios: Sequence[Scenario], *, model: str | None = None) -> None:
        """Answer the next calls with these, one each; adds to what is queued. A refused (malformed) call uses none."""
        self.book.script(vendor, scenarios, model=model)

    def always(self, vendor: str, scenario: Scenario | None, *, model: str | None = None) -> None:
        """Answer every call that no queue answers; `None` takes the rule back."""
        self.book.always(vendor, scenario, model=model)

    def judge(self, vendor: str, mode: Judge) -> None:
        """How this vendor reads from now on."""
        self.judges[Vendor(vendor)] = mode

    def reset(self) -> None:
        """Forget scripts, judges, calls and counts."""
        self.book.reset()
        self.judges.clear()
        self.ledger.reset()

    def calls(self, vendor: str | None = None, model: str | None = None, scenario: str | None = None) -> list[Call]:
        """The last calls, oldest first."""
        return self.ledger.calls(vendor, model, scenario)

    def count(self, vendor: str | None = None, model: str | None = None, scenario: str | None = None) -> int:
        """How many calls arrived, cut ones and refused ones included."""
        return self.ledger.count(vendor, model, scenario)

    async def has_read(self, calls: int, vendor: str | None = None) -> None:
        """Wait until so many calls have arrived whole; what each is answered with is decided then."""
        async with asyncio.timeout(_ARRIVAL_SECONDS):
            while self.count(vendor) - self.count(vendor, scenario="unread") < calls:  # noqa: ASYNC110 -- only counted
                await asyncio.sleep(0.005)

    def billed(self, vendor: str | None = None, model: str | None = None) -> Tokens:
        """All tokens charged."""
        return self.ledger.billed(vendor, model)

    def max_in_flight(self, vendor: str) -> int:
        """The most calls that were ever being answered at one moment."""
        return self.ledger.max_in_flight(vendor)

    def violations(self) -> list[str]:
        """Everything that the real vendors would not have accepted."""
        return self.ledger.violations()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith(CONTROL_PREFIX):
            return await control(self, request, path.removeprefix(CONTROL_PREFIX))
        for prefix, vendor in self._prefixes.items():
            if path.startswith(prefix):
                return await self._answer(request, vendor, path[len(prefix) - 1 :])
        return web.Response(status=404, text="no vendor lives here")

    async def _answer(self, request: web.BaseRequest, vendor: Vendor, path: str) -> web.StreamResponse:
        call = self.ledger.open(
            vendor, path=path, query=request.query_string, headers=request.headers, connection=_port_of(request)
        )
        try:
            return await self._decide(request, call)
        except (asyncio.CancelledError, ClientError, ConnectionError):
            call.client_left = True
            raise
        finally:
            self.ledger.close(call)

    async def _decide(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        dialect = DIALECTS[call.vendor]
        body, unreadable = _parsed(await request.content.read())
        model = dialect.model_at(call.path, body) if request.method == "POST" else None
        self.ledger.read(call, model=model or "", body=body)
        if model is None:
            return self._refuse(
                call, dialect, [Complaint(message=f"no endpoint {request.method} {call.path}", status=404)]
            )
        if self._validate and (complaints := unreadable or self._complaints(request, dialect, body)):
            return self._refuse(call, dialect, complaints)
        scenario = self._scenario(call)
        self.ledger.decide(call, scenario.name)
        turn = Turn(
            request=request,
            dialect=dialect,
            asked=dialect.asked(body, model),
            call=call,
            ledger=self.ledger,
            judge=self.judges.get(call.vendor, Judge.READING),
            seed=SEEDS[call.vendor] + 100 * self._seed,
        )
        return await play(scenario, turn)

    def _scenario(self, call: Call) -> Scenario:
        scenario = self.book.next(call.vendor, call.model)
        if scenario is self.book.default and self._fail_rate and self._dice.random() < self._fail_rate:
            return Status(503, delay=scenario.delay)
        return scenario

    @staticmethod
    def _complaints(request: web.BaseRequest, dialect: Dialect, body: Json) -> list[Complaint]:
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            return [Complaint(message="Content-Type must be application/json")]
        headers = {name.lower(): value for name, value in request.headers.items()}
        if refused := dialect.credentials(headers, request.query_string):
            return [refused]
        return dialect.complaints(body, headers)

    def _refuse(self, call: Call, dialect: Dialect, complaints: list[Complaint]) -> web.StreamResponse:
        call.violations = tuple(complaint.message for complaint in complaints)
        call.status = complaints[0].status
        self.ledger.decide(call, "violation")
        body = encoded(dialect.error(complaints[0]))
        return web.Response(body=body, status=call.status, headers={"Content-Type": "application/json"})


def _parsed(raw: bytes) -> tuple[Json, list[Complaint]]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        return {}, [Complaint(message=f"the body is not JSON: {exc}")]
    if not isinstance(body, dict):
        return {}, [Complaint(message="the body is not a JSON object")]
    return body, []


def _port_of(request: web.BaseRequest) -> int:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return int(peer[1]) if peer else 0
