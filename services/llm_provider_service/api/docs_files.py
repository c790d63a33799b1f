"""The page at /docs and its files: Swagger UI from its package, and our script that starts it.

Why Swagger UI, and why its files are here: docs/decisions/015-api-page.md. `./dev assets` updates the package's files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

PAGE_PATH: Final = "/docs"
FOLDER: Final = Path(__file__).with_name("docs_page")
SWAGGER_UI: Final = FOLDER / "swagger_ui"
OUR_SCRIPT: Final = FOLDER / "page.js"
ORIGIN: Final = json.loads((SWAGGER_UI / "origin.json").read_text(encoding="utf-8"))
JAVASCRIPT: Final = "text/javascript; charset=utf-8"
CSS: Final = "text/css; charset=utf-8"
VERSION_DIGITS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DocsFile:
    """A file that the page loads; `sha256` is in hex."""

    path: Path
    content_type: str
    sha256: str

    @property
    def version(self) -> str:
        """Returns a version that changes with the content, so that a URL with it can be cached for ever."""
        return self.sha256[:VERSION_DIGITS]

    @property
    def url(self) -> str:
        """Returns the URL of the file with its version."""
        return f"{PAGE_PATH}/{self.path.name}?v={self.version}"


def _of_the_package(name: str, content_type: str) -> DocsFile:
    return DocsFile(path=SWAGGER_UI / name, content_type=content_type, sha256=ORIGIN["sha256"][name])


DOCS_FILES: Final = {
    file.path.name: file
    for file in (
        _of_the_package("swagger-ui-bundle.js", JAVASCRIPT),
        _of_the_package("swagger-ui.css", CSS),
        DocsFile(path=OUR_SCRIPT, content_type=JAVASCRIPT, sha256=sha256(OUR_SCRIPT.read_bytes()).hexdigest()),
    )
}


@cache
def content_of(file: DocsFile) -> bytes:
    """Returns the file's bytes, read at the first request and then kept: an unused page takes no memory."""
    return file.path.read_bytes()


@cache
def page() -> str:
    """Returns the HTML page, with the versions of its files."""
    text = (FOLDER / "page.html").read_text(encoding="utf-8")
    for name, file in DOCS_FILES.items():
        text = text.replace(f'"{PAGE_PATH}/{name}"', f'"{file.url}"')
    return text
