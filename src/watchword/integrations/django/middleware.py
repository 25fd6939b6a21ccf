"""The middleware: a visit for each request, our cookies on its answer, ``request.user`` for what it presented."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from http.cookies import SimpleCookie
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.apps import apps
from django.http import HttpRequest, HttpResponse

from ...errors import WatchwordError
from ...runtime.ticker import drive
from ...web.messages import Connection, Reply
from ..visit import Visit, enter, leave, refusal
from .auth import auth


class WatchwordMiddleware:
    """Below ``AuthenticationMiddleware``, if that is there; for WSGI and ASGI.

    ``request.user`` is the account of the session cookie or token that the request presents (``WATCHWORD["user"]``
    looks it up), and what it was before where nothing is presented. A bad credential makes it AnonymousUser, so that
    pages for everybody open; ``auth.require`` and ``auth.who`` refuse it. Errors of watchword that a view raises are
    answered.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._waits = iscoroutinefunction(get_response)
        if self._waits:
            markcoroutinefunction(self)
        self._dress: Callable[[HttpRequest, Visit], None] | None = None
        if apps.is_installed("django.contrib.auth"):
            from .accounts import dress  # its models can be imported only where it is installed

            self._dress = dress

    def __call__(self, request: HttpRequest) -> Any:
        try:
            visit = Visit(auth, auth.words.ww.sessions, lambda: connection_of(request))
        except WatchwordError as error:
            return self._ready(answer(refusal(error)))
        if self._dress is not None:
            self._dress(request, visit)
        return self._later(request, visit) if self._waits else self._now(request, visit)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Django calls this for what a view raised."""
        return answer(refusal(error)) if isinstance(error, WatchwordError) else None

    def _now(self, request: HttpRequest, visit: Visit) -> HttpResponse:
        mark = enter(visit)
        try:
            return _ahead(visit) or _finish(self.get_response(request), visit)
        finally:
            leave(mark)
            drive(visit.abandon())

    async def _later(self, request: HttpRequest, visit: Visit) -> HttpResponse:
        mark = enter(visit)
        try:
            return _ahead(visit) or _finish(await self.get_response(request), visit)
        finally:
            leave(mark)
            drive(visit.abandon())

    def _ready(self, response: HttpResponse) -> HttpResponse | Awaitable[HttpResponse]:
        async def waited() -> HttpResponse:
            return response

        return waited() if self._waits else response


def connection_of(request: HttpRequest) -> Connection:
    """What the request presents; the scheme is Django's word (``SECURE_PROXY_SSL_HEADER``)."""
    return Connection.from_environ({"SCRIPT_NAME": "", **request.META, "wsgi.url_scheme": request.scheme})


def answer(reply: Reply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status)
    del response["Content-Type"]
    _add(response, reply.headers)
    return response


def _ahead(visit: Visit) -> HttpResponse | None:
    reply = None if auth.words.refresh_path is None else drive(auth.words.ahead(visit))
    return None if reply is None else answer(reply)


def _add(response: HttpResponse, headers: Iterable[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name == b"set-cookie":
            response.cookies.update(SimpleCookie(value.decode("ascii")))
        else:
            response[name.decode("ascii")] = value.decode("ascii")


def _finish(response: HttpResponse, visit: Visit) -> HttpResponse:
    ours = drive(visit.settle(response.status_code))
    _add(response, ours)
    if ours:
        response["Cache-Control"] = "no-store"
    return response
