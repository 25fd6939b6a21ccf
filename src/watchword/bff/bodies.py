"""The body of a request on its way through: its beginning is kept, so that a small one can be sent a second time."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..integrations.asgi import Receive, Scope
from .headers import length
from .replies import AnsweredError

KEPT = 65_536
"""Bytes of a body up to which it can be sent again."""


class GoneError(Exception):
    """The browser went away before its body was here."""


class Body:
    """``Body.begin`` reads up to ``KEPT`` bytes; ``content`` gives these, and then the rest as it comes."""

    def __init__(self, receive: Receive, most: int, said: int | None) -> None:
        self._receive, self._most, self.length = receive, most, said
        self._begun, self._size = b"", 0
        self.whole = False
        """It is here in full."""

    @classmethod
    async def begin(cls, scope: Scope, receive: Receive, most: int) -> Body:
        """Raises: AnsweredError with 413 for one of more than ``most`` bytes; GoneError."""
        body = cls(receive, most, length(scope["headers"]))
        if body.length is not None and body.length > most:
            raise AnsweredError(413)
        while not body.whole and body._size < KEPT:
            body._begun += await body._next()
        return body

    @property
    def again(self) -> bool:
        """It can be sent a second time."""
        return self.whole and len(self._begun) <= KEPT

    def content(self) -> bytes | AsyncIterator[bytes] | None:
        return (self._begun or None) if self.whole else self._parts()

    async def _parts(self) -> AsyncIterator[bytes]:
        yield self._begun
        while not self.whole:
            part = await self._next()
            if part:
                yield part

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        part: bytes = message.get("body", b"")
        self._size += len(part)
        if self._size > self._most:
            raise AnsweredError(413)
        self.whole = not message.get("more_body", False)
        return part
