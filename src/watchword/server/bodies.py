"""Request bodies, read strictly: one form or one JSON object, in UTF-8, of at most 64 KiB, with no name twice."""

from __future__ import annotations

import re
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.requests import Request

from ..encoding import json_object
from ..errors import MalformedTokenError
from .oauth_error import OAuthError, invalid_request

T = TypeVar("T")

MAX_BODY = 65_536
MAX_FIELDS = 100
FORM, JSON = "application/x-www-form-urlencoded", "application/json"

_UTF8 = frozenset({"utf-8", "utf8"})
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; a request with neither body nor Content-Type has none. Raises: OAuthError 400, 413, 415."""
    raw = await _read(request)
    if raw or "content-type" in request.headers:
        media_type(request, FORM)
    return parse_form(raw)


async def read_oauth_form(request: Request) -> dict[str, str]:
    """The same, without the fields that have no value: they count as omitted (RFC 6749 §3.2)."""
    return {name: value for name, value in (await read_form(request)).items() if value}


async def read_json(request: Request, shape: type[T]) -> T:
    """The JSON object of a body as a msgspec Struct. Raises: OAuthError 400, 413, 415."""
    media_type(request, JSON)
    return as_shape(await _read(request), shape)


async def read_either(request: Request, shape: type[T]) -> tuple[T, bool]:
    """A body that may be a form or JSON, and whether it was a form."""
    is_form = media_type(request, FORM, JSON) == FORM
    raw = await _read(request)
    return (_convert(dict(parse_form(raw)), shape, strict=False) if is_form else as_shape(raw, shape)), is_form


def media_type(request: Request, *allowed: str) -> str:
    """Which of ``allowed`` the body is, by its Content-Type. Raises: OAuthError 415, 400 for a charset but UTF-8."""
    types, codings = request.headers.getlist("content-type"), request.headers.getlist("content-encoding")
    if any(coding.strip().lower() != "identity" for coding in codings):
        raise invalid_request("A body with a Content-Encoding is not read.", http_status=415)
    if len(types) > 1:
        raise invalid_request("The request has two Content-Type headers.")
    main, *parameters = (types[0] if types else "").split(";")
    found = main.strip().lower()
    if found not in allowed:
        raise invalid_request(f"The body must be {' or '.join(allowed)}.", http_status=415)
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in _UTF8:
            raise invalid_request("The body must be in UTF-8.")
    return found


def parse_form(raw: bytes) -> dict[str, str]:
    """``a=b&c=d`` in UTF-8 with whole percent escapes: at most 100 fields, no NUL, no name twice.

    Raises: OAuthError 400.
    """
    if raw.count(b"&") >= MAX_FIELDS:
        raise invalid_request(f"The form has more than {MAX_FIELDS} fields.")
    fields: dict[str, str] = {}
    for pair in raw.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            key = form_text(name)
            if key in fields:
                raise invalid_request("A field occurs more than once.")
            fields[key] = form_text(value)
    return fields


def form_text(raw: bytes) -> str:
    """One name or value of a form. Raises: OAuthError 400."""
    if _BAD_PERCENT.search(raw):
        raise invalid_request("A percent escape in the form is not whole.")
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise invalid_request("The form is not in UTF-8.") from None
    if "\0" in text:
        raise invalid_request("The form holds a NUL character.")
    return text


def as_shape(raw: bytes, shape: type[T]) -> T:
    """A JSON text as ``shape``: no name twice, no unknown member, nothing of another type. Raises: OAuthError 400."""
    try:
        value = json_object(raw)
    except MalformedTokenError as error:
        raise invalid_request("The body is not one JSON object in UTF-8 with unique names.", hint=str(error)) from None
    return _convert(value, shape, strict=True)


def _convert(value: object, shape: type[T], *, strict: bool) -> T:
    try:
        return msgspec.convert(value, shape, strict=strict)
    except msgspec.ValidationError:
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(shape))  # type: ignore[arg-type]  # T is a Struct
        raise invalid_request(f"A member is missing, unknown or of the wrong type; there are: {known}.") from None


async def _read(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def too_large() -> OAuthError:
    return invalid_request(f"The body has more than {MAX_BODY} bytes.", http_status=413)
