"""Sends one HTTP request with the standard library, for pages that the typed client lacks; uses no proxies."""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

_SECONDS = 10.0


class PageProblem(Exception):
    """The page could not be read; the message says which one and why."""


async def fetch(url: str, *, json_body: bytes | None = None) -> bytes:
    """Returns the body of *url*; sends *json_body* with POST if given. Raises `PageProblem` for any status but 200."""
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
