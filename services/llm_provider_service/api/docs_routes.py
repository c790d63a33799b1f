"""The API document over HTTP: `/openapi.json` for programs, `/docs` for people; both made once, at start."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from quart import Blueprint, Response, request

from services.llm_provider_service.api.docs_page import BASE_URL, CONTENT_SECURITY_POLICY, docs_page
from services.llm_provider_service.api.openapi.document import openapi_bytes, openapi_document
from services.llm_provider_service.api.openapi.routes import HTML, JSON

HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
USUAL_HOST: Final = "127.0.0.1:8090"
DOCUMENT: Final = openapi_bytes()
PAGE: Final = docs_page(openapi_document())
PAGE_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

docs_routes = Blueprint("docs", __name__)


@docs_routes.get("/openapi.json")
async def openapi_json() -> Response:
    """The OpenAPI 3.1 document."""
    return Response(DOCUMENT, content_type=JSON)


@docs_routes.get("/docs")
async def docs() -> Response:
    """The same as a page; its commands name the address under which the reader found it."""
    host = request.host if HOST.fullmatch(request.host) else USUAL_HOST
    page = PAGE.replace(BASE_URL, escape(f"{request.scheme}://{host}"))
    return Response(page, headers=PAGE_HEADERS, content_type=HTML)
