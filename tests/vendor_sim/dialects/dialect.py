"""What every dialect can do, and the checking of bodies by the official SDKs' own request types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from tests.vendor_sim.values import Answer, Asked, Complaint, Json


class Dialect(Protocol):
    """One vendor API. Bodies are parsed JSON; header names are in lower case; no `request_id_header` is empty text."""

    request_id_header: str

    def model_at(self, path: str, body: Json) -> str | None:
        """The model that is asked at *path* (under the vendor's base path); `None` where no such endpoint is."""

    def credentials(self, headers: Mapping[str, str], query: str) -> Complaint | None:
        """What is wrong with the headers."""

    def prepare(self) -> None:
        """Load the SDK's types now, which takes up to a second, and not when the first request comes."""

    def complaints(self, body: Json, headers: Mapping[str, str]) -> list[Complaint]:
        """What the SDK's types and the vendor's own rules have against the body; headers choose the API's version."""

    def asked(self, body: Json, model: str) -> Asked:
        """What the request wants; the body has been accepted, or checking is off."""

    def answer(self, answer: Answer) -> Json:
        """The body of a success."""

    def error(self, complaint: Complaint) -> Json:
        """The body of an error in the vendor's own shape."""

    def usage_field(self) -> str:
        """The name of the usage object at the top of a success."""

    def finish_with(self, body: Json, word: str) -> None:
        """Put the raw *word* where the body of a success has its finish reason."""


def type_complaints(adapter: TypeAdapter[Any], body: Json, *, allowed_extra: Iterable[str] = ()) -> list[Complaint]:
    """What the SDK's TypedDict has against *body*; unknown fields count, except those that the vendor documents and the
    SDK's type lacks (*allowed_extra*). Types are taken strictly, as JSON has them."""
    extra = frozenset(allowed_extra)
    known = {name: value for name, value in body.items() if name not in extra}
    try:
        _exhaust(adapter.validate_python(known, extra="forbid", strict=True))
    except ValidationError as exc:
        return said_by(exc)
    return []


def said_by(exc: ValidationError) -> list[Complaint]:
    """pydantic's errors as complaints; five are enough."""
    return [_complaint(error["loc"], error["msg"]) for error in exc.errors(include_url=False)[:5]]


def _complaint(loc: tuple[int | str, ...], message: str) -> Complaint:
    where = ".".join(str(step) for step in loc)
    return Complaint(message=f"{where}: {message}", param=str(loc[0]) if loc else None)


def _exhaust(value: object) -> None:
    """pydantic checks `Iterable` fields only while they are read."""
    if isinstance(value, Mapping):
        for member in value.values():
            _exhaust(member)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for member in value:
            _exhaust(member)


def bearer_complaint(headers: Mapping[str, str]) -> Complaint | None:
    """What is wrong with an `Authorization: Bearer …` header."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme == "Bearer" and key.strip():
        return None
    return Complaint(message="You didn't provide an API key.", status=401, code="invalid_api_key")


def texts_of(content: object) -> str:
    """All text of a content that is a string, or a list of parts of which some have text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))
