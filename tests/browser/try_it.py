"""“Try it out” and “Execute” for every operation of /docs, in Chromium, at a service that the mock answers."""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress
from typing import Any

from services.llm_provider_service.api.openapi.document import openapi_document
from tests.browser.chromium import empty_tab, find_chromium
from tests.browser.devtools import Tab
from tests.browser.tried import FINE, FORBIDDEN, Tried
from tests.support.service_process import ServiceProcess

NO_CHROMIUM = "“Try it” was not checked: there is no Chromium here (Debian: apt install chromium)."
COMPARE = "compare"
# The directive of the next thing that the policy refuses; `nothing` where it refuses nothing.
REFUSING = """new Promise(told => {{
    addEventListener('securitypolicyviolation', event => told(event.effectiveDirective), {{once: true}});
    setTimeout(told, 2000, 'nothing');
    try {{ {provocation} }} catch (refused) {{ }}
}})"""


def operations() -> dict[str, str]:
    """The id of each operation's block in the page, by the operation's name."""
    described = [one for item in openapi_document()["paths"].values() for one in item.values()]
    return {
        one["operationId"]: f"operations-{one['tags'][0].replace(' ', '_')}-{one['operationId']}" for one in described
    }


async def try_it() -> Tried | None:
    """Play it; `None` where there is no Chromium."""
    program = find_chromium()
    if program is None:
        return None
    began = time.monotonic()
    async with ServiceProcess() as service, empty_tab(program) as tab:
        browser = (await tab.send("Browser.getVersion"))["product"]
        await tab.send("Page.navigate", url=f"{service.url}/docs")
        with suppress(TimeoutError):  # the complaints say why the page is empty
            await tab.until("document.querySelector('.opblock')")
        blocks = {name: f"document.getElementById('{block}')" for name, block in operations().items()}
        shown = {name: block for name, block in blocks.items() if await tab.evaluate(f"{block} !== null")}
        statuses = {name: await _executed(tab, block) for name, block in shown.items()}
        winner = await _winner(tab, shown[COMPARE]) if statuses.get(COMPARE) == FINE else ""
        picture = await _picture(tab, blocks[COMPARE])
        requests, complaints = tuple(tab.requests), tuple(tab.complaints)
        refusing = [await tab.evaluate(REFUSING.format(provocation=one)) for one in FORBIDDEN.values()]
    return Tried(
        browser=browser, origin=service.url, documented=tuple(blocks), statuses=statuses, winner=winner,
        requests=requests, complaints=complaints, refusing=refusing, picture=picture, seconds=time.monotonic() - began,
    )  # fmt: skip


async def _executed(tab: Tab, block: str) -> str:
    """Open an operation, press its buttons, and wait for the status that the page then shows; or what did not come."""
    status = f"{block}.querySelector('.live-responses-table tbody .response-col_status')"
    try:
        for button in (".opblock-summary-control", ".try-out__btn", ".execute"):
            await tab.until(f"{block}.querySelector('{button}')")
            await tab.evaluate(f"{block}.querySelector('{button}').click()")
        await tab.until(f"{status}?.innerText.trim()")
    except TimeoutError as nothing:
        return str(nothing)
    said: str = await tab.evaluate(f"{status}.innerText.trim()")
    return said


async def _winner(tab: Tab, block: str) -> str:
    """Who won by the answer that the page shows."""
    shown = await tab.evaluate(f"{block}.querySelector('.live-responses-table .highlight-code code').innerText")
    answer: Any = json.loads(shown)
    return str(answer.get("winner"))


async def _picture(tab: Tab, block: str) -> bytes:
    await tab.evaluate(f"{block}?.scrollIntoView()")
    return base64.b64decode((await tab.send("Page.captureScreenshot", format="png"))["data"])
