"""What came of trying the API page in a browser, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.llm_provider_service.api.docs_files import ORIGIN

FINE = "200"
WINNERS = ("Essay A", "Essay B")
# What the page's policy has to refuse, by the directive that refuses it: that nothing was refused before means
# nothing where nothing would be.
FORBIDDEN = {
    "script-src-elem": "document.body.append(Object.assign(document.createElement('script'), {textContent: '1'}))",
    "script-src": "eval('1')",
    "style-src-attr": "document.body.setAttribute('style', 'color: red')",
    "connect-src": "fetch('http://127.0.0.1:9/').catch(() => 0)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was seen.

    `statuses` are those that the page shows, by operation, of which `documented` are all; `requests` is what the page
    asked for and `complaints` what the browser objected to before it was given what is FORBIDDEN; `refusing` are the
    directives that then refused it. `picture` is a PNG of the comparison with its answer.
    """

    browser: str
    origin: str
    documented: Sequence[str]
    statuses: Mapping[str, str]
    winner: str
    requests: Sequence[str]
    complaints: Sequence[str]
    refusing: Sequence[str]
    picture: bytes
    seconds: float

    def problems(self) -> list[str]:
        """What is not as promised."""
        return [
            *(f"{name} is not on the page" for name in self.documented if name not in self.statuses),
            *(f"{name} gave {said!r}" for name, said in self.statuses.items() if said != FINE),
            *([] if self.winner in WINNERS else [f"the page shows the winner {self.winner!r}"]),
            *(f"it asked for {url}" for url in self.requests if not url.startswith(f"{self.origin}/")),
            *(f"the browser objects, {text}" for text in self.complaints),
            *(f"{name} refuses nothing" for name in FORBIDDEN if name not in self.refusing),
        ]

    def sentences(self) -> list[str]:
        """What a person wants to know of it."""
        by = ", ".join(f"`{name}`" for name in self.refusing)
        return [
            f"{self.browser} with Swagger UI {ORIGIN['version']}, {self.seconds:.0f} s: “Try it out” and “Execute”",
            f"gave 200 for each of {len(self.statuses)} operations, and for the comparison the winner {self.winner}.",
            f"None of its {len(self.requests)} requests went to another origin, and the browser objected to nothing.",
            f"What the page must not do was refused then, by {by}.",
        ]
