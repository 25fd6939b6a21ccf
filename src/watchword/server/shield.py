"""The outermost layer: size caps, the headers of every reply, one log line a request, the last resort for errors."""

from __future__ import annotations

import logging
from secrets import token_hex

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..clock import Clock
from ..errors import ConfigurationError, WatchwordError
from .bodies import MAX_BODY, too_large
from .oauth_error import OAuthError, invalid_request
from .replies import refusal

MAX_HEADERS = 16_384
MAX_URL = 8192

ALWAYS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Headers of every reply, unless an endpoint has set its own."""
HSTS = "max-age=63072000; includeSubDomains"

_SECRETS = frozenset(
    {b"access_token", b"api_key", b"client_secret", b"id_token", b"password", b"refresh_token", b"session", b"token"}
)

log = logging.getLogger("watchword.server")
access_log = logging.getLogger("watchword.server.access")


class Shield:
    """Wraps the whole application. An unknown error becomes a plain 500; its trace stays in the log, under an id."""

    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = self._clock.monotonic(), 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, scope)
            await send(message)

        try:
            _check_sizes(scope)
            _note_secrets(scope)
            await self._app(scope, receive, guarded)
        except OAuthError as error:
            await refusal(error)(scope, receive, guarded)
        except ClientDisconnect:
            pass  # nobody is left to answer
        except Exception as error:  # the last resort: whatever it was, no more than this leaves the process
            log.exception("request %s failed", token_hex(8))
            if status:
                raise  # half an answer is out; the connection must not look whole
            await refusal(error if isinstance(error, WatchwordError) else ConfigurationError())(scope, receive, guarded)
        finally:
            milliseconds = (self._clock.monotonic() - began) * 1000
            # The route and not the path: whatever a client puts into a URL, it is not written down.
            route = getattr(scope.get("route"), "path", "(no route)")
            access_log.info("%s %s %d %.1f ms", scope["method"][:16], route, status, milliseconds)


def _check_sizes(scope: Scope) -> None:
    if len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) > MAX_URL:
        raise invalid_request(f"The URL has more than {MAX_URL} bytes.", http_status=414)
    if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MAX_HEADERS:
        raise invalid_request(f"The headers have more than {MAX_HEADERS} bytes.", http_status=431)
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or len(value) > 9 or int(value) > MAX_BODY):
            raise too_large()


def _note_secrets(scope: Scope) -> None:
    """A secret in a URL is never read; that one came is worth a line, because it is now in somebody's history."""
    if scope["query_string"]:
        names = {pair.partition(b"=")[0].lower() for pair in scope["query_string"].split(b"&")}
        for name in sorted(names & _SECRETS):
            log.warning("secret_in_url: the query had a %s; it was not read, and should be replaced", name.decode())


def _add_headers(message: Message, scope: Scope) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    if scope.get("scheme") == "https":
        headers.setdefault("strict-transport-security", HSTS)
