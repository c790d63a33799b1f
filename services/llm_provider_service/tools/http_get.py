"""One GET with the standard library, for the pages that the typed client has no word for; proxies are not asked."""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

_SECONDS = 10.0


class PageProblem(Exception):
    """The page could not be had; the message says which and why."""


async def fetch(url: str, *, json_body: bytes | None = None) -> bytes:
    """The body of *url*, asked with POST where *json_body* is given; raises `PageProblem` for all but a 200."""
    return await asyncio.to_thread(_fetch, url, json_body)


def _fetch(url: str, json_body: bytes | None) -> bytes:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=_SECONDS)
    try:
        method = "GET" if json_body is None else "POST"
        connection.request(method, parts.path, body=json_body, headers={"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, HTTPException) as error:
        raise PageProblem(f"{url} did not answer: {error}.") from error
    finally:
        connection.close()
    if response.status != 200:
        raise PageProblem(f"{url} answered {response.status}.")
    return body
