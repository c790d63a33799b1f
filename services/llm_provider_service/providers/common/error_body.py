"""Reads a vendor's error body, in all the formats that vendors use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.llm_provider_service.providers.common.vendor_json import NotJson, json_text, mapping, read_json, text

_CODE_FIELDS = ("code", "type", "status")
_MESSAGE_FIELDS = ("message", "detail", "error", "msg")


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorError:
    """Content of an error body: raw text that must be redacted before it is shown.

    `codes` are the vendor's codes in lower case, the most specific first; `number` is a status in the body itself;
    `detail` is the error object.
    """

    message: str = ""
    codes: tuple[str, ...] = ()
    number: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def error_of(body: bytes) -> VendorError:
    """Returns the error in *body*, which came with an error status; a body that is no JSON is the message itself."""
    try:
        document = read_json(body)
    except NotJson:
        return VendorError(message=body[:4_000].decode("utf-8", "replace"))
    return error_in(document) or _read(_unwrapped(document))


def error_in(document: Any) -> VendorError | None:
    """Returns the error in *document*, whatever the status was; `None` if there is none."""
    outer = document if isinstance(document, dict) else _unwrapped(document)
    error = outer.get("error")
    if not error:
        return None
    if isinstance(error, str):
        return _read({**outer, "error": None, "message": error})
    return _read(error) if isinstance(error, dict) else None


def with_the_vendor_behind(error: VendorError) -> VendorError:
    """Returns a reseller's *error* plus what the vendor behind it said: JSON or text in `metadata.raw`."""
    metadata = mapping(error.detail.get("metadata"))
    raw = metadata.get("raw")
    if not raw:
        return error
    said = _as_text(raw)
    inner = error_of(said.encode("utf-8", "replace"))
    words = (error.message, text(metadata.get("provider_name")), inner.message or said)
    return replace(error, message=": ".join(filter(None, words)), codes=(*error.codes, *inner.codes))


def _unwrapped(document: Any) -> Mapping[str, Any]:
    """Returns the first item of an array: Gemini sometimes wraps errors in one."""
    first = document[0] if isinstance(document, list) and document else document
    return mapping(first)


def _read(error: Mapping[str, Any]) -> VendorError:
    nested = _nested(error.get("message"))
    if nested is not None:
        return nested
    values = [error.get(name) for name in _CODE_FIELDS]
    numbers = [value for value in values if type(value) is int and 400 <= value <= 599]
    message = next((_as_text(error[name]) for name in _MESSAGE_FIELDS if error.get(name)), "")
    codes = tuple(value.lower() for value in values if isinstance(value, str) and value)
    return VendorError(message=message, codes=codes, number=next(iter(numbers), None), detail=error)


def _as_text(value: Any) -> str:
    """Returns a message as text; a list or an object (FastAPI sends these) as JSON."""
    try:
        return value if isinstance(value, str) else json_text(value)
    except NotJson:
        return ""


def _nested(message: Any) -> VendorError | None:
    """Returns the error in a message that is itself an error document (gRPC gateways do this), one level deep."""
    if not isinstance(message, str) or not message.lstrip().startswith("{"):
        return None
    try:
        inner = mapping(mapping(read_json(message.encode("utf-8", "replace"))).get("error"))
    except NotJson:
        return None
    return _read({**inner, "message": text(inner.get("message")).lstrip(" {\n\r\t")}) if inner else None
