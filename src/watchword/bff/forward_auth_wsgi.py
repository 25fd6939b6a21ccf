"""Forward-auth as a WSGI application, over a ``watchword.blocking.Watchword``: no thread and no loop is made for it."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from ..blocking import Watchword
from ..errors import WatchwordError
from ..integrations.visit import refusal
from ..integrations.wsgi import Environ, StartResponse
from ..runtime.ticker import drive
from ..web.messages import Connection, Reply
from .forward_auth import ForwardAuth as _ForwardAuth


class ForwardAuth:
    """As ``watchword.bff.forward_auth.ForwardAuth``, and with its parameters. Each process opens ``ww`` for itself."""

    def __init__(self, ww: Watchword, **options: Any) -> None:
        self._ww, self._options = ww, options
        self._made: _ForwardAuth | None = None
        self._of: object = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            reply = drive(self._here().judge(Connection.from_environ(environ)))
        except WatchwordError as error:
            reply = refusal(error)
        return _send(reply, start_response)

    def _here(self) -> _ForwardAuth:
        """Of this process: a child of a fork has a Watchword of its own."""
        core = self._ww.core
        if self._made is None or self._of is not core:
            self._made, self._of = _ForwardAuth(core, **self._options), core
        return self._made


def _send(reply: Reply, start_response: StartResponse) -> list[bytes]:
    headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in reply.headers]
    start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
    return [reply.body]
