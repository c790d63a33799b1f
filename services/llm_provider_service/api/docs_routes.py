"""The API document over HTTP: `/openapi.json` for programs, `/docs` for people, and the files of that page."""

from __future__ import annotations

import asyncio
from typing import Final

from quart import Blueprint, Response, abort, request

from services.llm_provider_service.api.docs_files import DOCS_FILES, PAGE_PATH, content_of, page
from services.llm_provider_service.api.openapi.document import openapi_bytes
from services.llm_provider_service.api.openapi.routes import HTML, JSON

DOCUMENT: Final = openapi_bytes()
PAGE: Final = page()
# No inline code and nothing from other hosts; the icons in Swagger UI's style are `data:` URLs.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
AS_IT_IS: Final = {"X-Content-Type-Options": "nosniff"}
PAGE_HEADERS: Final = {
    **AS_IT_IS,
    "Cache-Control": "no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
}
FOR_A_YEAR: Final = {**AS_IT_IS, "Cache-Control": "public, max-age=31536000, immutable"}
NOT_KEPT: Final = {**AS_IT_IS, "Cache-Control": "no-cache"}

docs_routes = Blueprint("docs", __name__)


@docs_routes.get("/openapi.json")
async def openapi_json() -> Response:
    """Returns the OpenAPI 3.1 document."""
    return Response(DOCUMENT, content_type=JSON)


@docs_routes.get(PAGE_PATH)
async def docs() -> Response:
    """Returns the document as a page."""
    return Response(PAGE, headers=PAGE_HEADERS, content_type=HTML)


@docs_routes.get(f"{PAGE_PATH}/<file>")
async def docs_file(file: str) -> Response:
    """Returns a file of the page; with the right version in the URL it may be cached for a year."""
    known = DOCS_FILES.get(file)
    if known is None:
        abort(404)
    headers = FOR_A_YEAR if request.args.get("v") == known.version else NOT_KEPT
    return Response(await asyncio.to_thread(content_of, known), headers=headers, content_type=known.content_type)
