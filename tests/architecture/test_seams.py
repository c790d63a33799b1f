"""The inner parts of uvicorn and Quart that our code extends or handles are still there, in the form that it needs.

Neither library promises them, so `pyproject.toml` bounds uvicorn above, and each of its versions comes in through this
table. A new use without a row fails too. aiohttp and the others are used by what they document.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from quart import Quart, Request
from quart.asgi import ASGIHTTPConnection
from quart.utils import encode_headers
from quart.wrappers.request import Body
from quart.wrappers.response import DataBody
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from huleedu_service_libs.http_server.joined_writes import JoinedWrites
from huleedu_service_libs.http_server.server import bind
from tests.architecture.foreign_names import foreign_imports, names_of, private_uses, replaced_whole, seam_modules, uses
from tests.architecture.sources import product_modules

GONE = "gone"
REQUEST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\n\r\nx"


@dataclass(frozen=True, slots=True)
class Seam:
    """One inner part; *form* is how its parameters are called, or a type of its value while a request is answered.

    *code* stands for the code of a method that ours replaces: when it differs, see whether ours has to follow.
    """

    of: type
    name: str
    form: str
    code: str = ""

    @property
    def place(self) -> str:
        """Where it is in its library."""
        return f"{self.of.__module__}.{self.of.__qualname__}.{self.name}"


SEAMS = (
    Seam(HttpToolsProtocol, "__init__", "(self, config, server_state, app_state, _loop)"),
    Seam(HttpToolsProtocol, "_unset_keepalive_if_required", "(self)"),
    Seam(HttpToolsProtocol, "connection_lost", "(self, exc)"),
    Seam(HttpToolsProtocol, "connection_made", "(self, transport)"),
    Seam(HttpToolsProtocol, "cycle", "RequestResponseCycle"),
    Seam(HttpToolsProtocol, "data_received", "(self, data)", code="e74b210e3c04"),
    Seam(HttpToolsProtocol, "headers", "list"),
    Seam(HttpToolsProtocol, "loop", "AbstractEventLoop"),
    Seam(HttpToolsProtocol, "on_header", "(self, name, value)"),
    Seam(HttpToolsProtocol, "on_headers_complete", "(self)"),
    Seam(HttpToolsProtocol, "on_message_begin", "(self)"),
    Seam(HttpToolsProtocol, "on_message_complete", "(self)"),
    Seam(HttpToolsProtocol, "on_response_complete", "(self)"),
    Seam(HttpToolsProtocol, "on_url", "(self, url)"),
    Seam(HttpToolsProtocol, "parser", "HttpRequestParser"),
    Seam(HttpToolsProtocol, "pause_writing", "(self)"),
    Seam(HttpToolsProtocol, "pipeline", "deque"),
    Seam(HttpToolsProtocol, "resume_writing", "(self)"),
    Seam(HttpToolsProtocol, "shutdown", "(self)"),
    Seam(HttpToolsProtocol, "timeout_keep_alive_handler", "(self)"),
    Seam(HttpToolsProtocol, "transport", "Transport"),
    Seam(HttpToolsProtocol, "url", "bytes"),
    Seam(RequestResponseCycle, "keep_alive", "bool"),
    Seam(RequestResponseCycle, "more_body", "bool"),
    Seam(RequestResponseCycle, "response_complete", "bool"),
    Seam(RequestResponseCycle, "response_started", "bool"),
    Seam(RequestResponseCycle, "scope", "dict"),
    Seam(RequestResponseCycle, "transport", "Transport"),
    Seam(ServerState, "connections", "set"),
    Seam(ServerState, "default_headers", "list"),
    Seam(ServerState, "tasks", "set"),
    Seam(Config, "load", "(self)"),
    Seam(ASGIHTTPConnection, "__call__", "async (self, receive, send)", code="b18ad8c2f2ab"),
    Seam(ASGIHTTPConnection, "_create_request_from_scope", "(self, send)"),
    Seam(ASGIHTTPConnection, "_send_response", "async (self, send, response)", code="c2569a2577db"),
    Seam(ASGIHTTPConnection, "handle_messages", "async (self, request, receive)"),
    Seam(ASGIHTTPConnection, "handle_request", "async (self, request, send)"),
    Seam(ASGIHTTPConnection, "scope", "dict"),
    Seam(Request, "body", "Body"),
    Seam(Body, "set_result", "(self, data)"),
    Seam(DataBody, "begin", "int"),
    Seam(DataBody, "data", "bytes"),
    Seam(DataBody, "end", "int"),
)
CLASSES = frozenset(seam.of for seam in SEAMS)
ROWS = frozenset(seam.name for seam in SEAMS)
# Functions from undocumented modules; they have no class to stand in.
FUNCTIONS = {"encode_headers": (encode_headers, "(headers)")}
# NamedTuples have them, and the language documents them.
OF_THE_LANGUAGE = {"_asdict", "_replace"}
# Quart's body and request have them too; in our code they are those of lists, sockets and transports.
OF_OTHERS_TOO = {"append", "close"}

Parts = Mapping[type, object]


@asynccontextmanager
async def parts_in_use() -> AsyncIterator[Parts]:
    """uvicorn's and Quart's own parts while the first of three requests of one connection is being answered."""
    asked, enough = asyncio.Event(), asyncio.Event()
    parts: dict[type, object] = {}

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        connection = ASGIHTTPConnection(Quart("seams"), scope)
        parts.setdefault(ASGIHTTPConnection, connection)
        parts.setdefault(Request, connection._create_request_from_scope(send))
        asked.set()
        await enough.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = Config(app, ws="none", lifespan="off", interface="asgi3", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    listener = bind("127.0.0.1", 0)
    server = await loop.create_server(lambda: HttpToolsProtocol(config, state, {}, loop), sock=listener)
    async with server:
        _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        writer.write(3 * REQUEST)
        await asked.wait()
        (protocol,) = state.connections
        assert isinstance(protocol, HttpToolsProtocol)
        parts |= {Config: config, ServerState: state, HttpToolsProtocol: protocol, RequestResponseCycle: protocol.cycle}
        parts |= {Body: Body(None, None), DataBody: DataBody(b"x")}
        try:
            yield parts
        finally:
            enough.set()
            writer.close()
            while state.connections or state.tasks:  # noqa: ASYNC110  # uvicorn's sets tell nobody when they empty
                await asyncio.sleep(0)


def problems_of(seam: Seam, part: object, users: set[str]) -> list[str]:
    """What is no longer as *seam* says, and which of our modules rely on it."""
    found, forms = _forms(seam, part)
    problems = [] if seam.form in forms else [f"{seam.place} was {seam.form} and is {found}"]
    if seam.code and found != GONE and _code(seam) != seam.code:
        problems.append(f"{seam.place} has other code ({_code(seam)}, not {seam.code}), and ours replaces it")
    return [f"{problem}; see {', '.join(sorted(users))}" for problem in problems]


def _forms(seam: Seam, part: object) -> tuple[str, set[str]]:
    """How the part looks, and everything that may be said of it."""
    method = inspect.getattr_static(seam.of, seam.name, None)
    if inspect.isfunction(method):
        form = parameters(method)
        return form, {form}
    value = getattr(part, seam.name, GONE)
    if value is GONE:
        return GONE, set()
    return type(value).__name__, {one.__name__ for one in type(value).__mro__}


def parameters(function: Any) -> str:
    """The names of its parameters, in their order; `async` before those of a coroutine function."""
    prefix = "async " if inspect.iscoroutinefunction(function) else ""
    return f"{prefix}({', '.join(inspect.signature(function).parameters)})"


def _code(seam: Seam) -> str:
    source = inspect.getsource(getattr(seam.of, seam.name))
    return hashlib.sha256("".join(source.split()).encode()).hexdigest()[:12]


@pytest.mark.sockets
async def test_each_seam_has_the_form_that_our_code_needs() -> None:
    used = uses(ROWS)
    async with parts_in_use() as parts:
        problems = [line for seam in SEAMS for line in problems_of(seam, parts.get(seam.of), used[seam.name])]
    problems += [
        f"{name} was {form} and is {parameters(function)}"
        for name, (function, form) in FUNCTIONS.items()
        if parameters(function) != form
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.sockets
async def test_the_newest_request_that_waits_for_its_turn_is_the_first_of_the_pipeline() -> None:
    """`LimitedHttpProtocol.close_after_response` makes it the connection's last."""
    async with parts_in_use() as parts:
        protocol = parts[HttpToolsProtocol]
        assert isinstance(protocol, HttpToolsProtocol)
        assert len(protocol.pipeline) == 2
        assert protocol.pipeline[0][0] is protocol.cycle


def test_a_cycle_uses_nothing_of_its_transport_but_what_joined_writes_has() -> None:
    used = set(re.findall(r"\btransport\.(\w+)", inspect.getsource(RequestResponseCycle)))
    assert used == {name for name in vars(JoinedWrites) if not name.startswith("_")}


def test_each_use_of_an_inner_part_has_its_row_and_each_row_its_use() -> None:
    """A new name: give it a row. A row without a use: take it out."""
    used = uses(set().union(ROWS, *map(names_of, CLASSES)))
    assert {name: sorted(used[name]) for name in used.keys() - ROWS - OF_OTHERS_TOO} == {}
    assert ROWS - used.keys() == set()


def test_whatever_comes_from_an_undocumented_module_is_in_the_table() -> None:
    known = {one.__name__ for one in CLASSES} | FUNCTIONS.keys()
    unknown = {
        f"{module.name}: {place}.{name}"
        for module in product_modules()
        for name, place in foreign_imports(module).items()
        if name not in known
    }
    assert unknown == set()


def test_every_name_with_an_underscore_that_is_not_ours_is_in_the_table() -> None:
    known = ROWS | OF_THE_LANGUAGE | {word for seam in SEAMS for word in seam.form.strip("()").split(", ")}
    found = {f"{module.name}: {name}" for module in product_modules() for name in private_uses(module) - known}
    assert found == set()


def test_the_code_of_each_method_that_ours_replaces_is_watched() -> None:
    watched = {seam.name for seam in SEAMS if seam.code}
    replaced = {name for module in seam_modules() for name in replaced_whole(module, CLASSES)} - {"__init__"}
    assert {"data_received", "__call__"} <= replaced
    assert replaced - watched == set()


class _Renamed:
    """A library's class in a version that called a method otherwise, and gave another one a parameter more."""

    def on_url(self, url: bytes, more: bytes) -> None: ...


@pytest.mark.parametrize(
    ("seam", "part", "says"),
    [
        (Seam(_Renamed, "on_uri", "(self, uri)"), _Renamed(), "on_uri was (self, uri) and is gone; see our/module.py"),
        (Seam(_Renamed, "on_url", "(self, url)"), _Renamed(), "on_url was (self, url) and is (self, url, more); see"),
        (Seam(_Renamed, "on_url", "(self, url, more)", code="0"), _Renamed(), "on_url has other code"),
        (Seam(DataBody, "data", "str"), DataBody(b"x"), "data was str and is bytes; see our/module.py"),
    ],
    ids=["gone", "signature", "code", "type"],
)
def test_a_seam_that_has_come_apart_is_told_with_our_module(seam: Seam, part: object, says: str) -> None:
    (problem,) = problems_of(seam, part, {"our/module.py"})
    assert says in problem
    assert problem.startswith(seam.place)
    assert problem.endswith("see our/module.py")
