"""One tab, spoken to over the DevTools protocol; it notes every request, and everything that the browser objects to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp

COMMAND_SECONDS = 20.0
LOOK_SECONDS = 0.05
EVENT_DOMAINS = ("Network", "Log", "Runtime", "Page")
NEVER_SENT = ("about:", "blob:", "data:")


class Tab:
    """`requests` are the addresses that were asked for; `complaints` is what the browser's console shows in red."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._socket = socket
        self._session: dict[str, str] = {}
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}

    async def open(self) -> None:
        """Make the tab, and have its events told; `listen` must be running."""
        target = await self.send("Target.createTarget", url="about:blank")
        attached = await self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in EVENT_DOMAINS:
            await self.send(f"{domain}.enable")

    async def send(self, method: str, **parameters: Any) -> Any:
        """A command and its result; raises `RuntimeError` where the browser refuses it."""
        number = next(self._numbers)
        self._asked[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters, **self._session})
        async with asyncio.timeout(COMMAND_SECONDS):
            answer = await self._asked[number]
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    async def evaluate(self, expression: str) -> Any:
        """The JSON value of *expression* in the page, of a promise what it becomes; the page's policy holds for it."""
        said = await self.send(
            "Runtime.evaluate",
            expression=expression, returnByValue=True, awaitPromise=True, allowUnsafeEvalBlockedByCSP=False,
        )  # fmt: skip
        if "exceptionDetails" in said:
            raise RuntimeError(f"{expression}: {said['exceptionDetails']['exception']['description']}")
        return said["result"].get("value")

    async def until(self, expression: str, *, seconds: float = 20.0) -> None:
        """Look until *expression* is true; raises `TimeoutError` that names it."""
        try:
            async with asyncio.timeout(seconds):
                while not await self.evaluate(f"Boolean({expression})"):  # noqa: ASYNC110  # a page tells nobody
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as exc:
            raise TimeoutError(f"in {seconds:.0f} s it did not become true: {expression}") from exc

    async def listen(self) -> None:
        """Hand each answer to whoever waits for it, and note events, until the connection ends."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._asked.pop(said["id"]).set_result(said)
            else:
                self._note(said["method"], said["params"])

    def _note(self, event: str, told: Any) -> None:
        if event == "Network.requestWillBeSent" and not told["request"]["url"].startswith(NEVER_SENT):
            self.requests.append(told["request"]["url"])
        elif event == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(f"{told['entry']['source']}: {told['entry']['text']}")
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(f"exception: {told['exceptionDetails']['text']}")


@asynccontextmanager
async def open_tab(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Tab]:
    """A tab of the browser at the other end of *socket*, which is closed with it."""
    tab = Tab(socket)
    listening = asyncio.create_task(tab.listen())
    try:
        await tab.open()
        yield tab
    finally:
        await socket.close()
        await listening
