"""Requests to servers that were named when the application was built: no redirects, cookies, proxies or netrc."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult

import httpx2
from msgspec import Struct

from ..errors import ConfigurationError
from ..runtime.fetch import check_url

CONNECT = 2.0
"""Seconds for a connection, and for a place in the pool."""
IDLE = 2.0
"""Seconds for which a connection is kept for the next request: shorter than servers do, so that we close it first."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class UnreachableError(Exception):
    """No answer came, or none that is one. ``slow``: time ran out."""

    def __init__(self, why: str, *, slow: bool = False) -> None:
        super().__init__(why)
        self.slow = slow


class Outside(Struct, frozen=True):
    """Where a server is: its origin, and the path below which everything lies (``""`` or ``/v1``)."""

    origin: str
    path: str

    @classmethod
    def of(cls, url: str, *, allow_loopback: bool = False) -> Outside:
        """From a configured URL: https, or http on this very machine where that is allowed by name.

        Raises: ConfigurationError for any other, and for one with a query.
        """
        parts: SplitResult = check_url(url, allow_loopback=allow_loopback)
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ConfigurationError(
                f"{url[:200]!a}: tokens travel by https, so write https://; http is for localhost alone"
            )
        if parts.query or "%" in parts.path or "//" in parts.path or "/." in parts.path:
            raise ConfigurationError(f"{url[:200]!a} is no plain origin and path")
        return cls(f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/"))


class Wire:
    """A pool of connections, made when it is first used. Parameters: tls: a context of your own. most: connections."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, most: int = 100) -> None:
        self._tls, self._most = tls, most
        self._transport: httpx2.AsyncHTTPTransport | None = None

    async def send(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[bytes, bytes]],
        content: bytes | AsyncIterator[bytes] | None,
        *,
        seconds: float,
    ) -> httpx2.Response:
        """The answer, whose body is still to be read (``read_on``), and which is to be closed.

        ``seconds``: for each wait for bytes. Raises: UnreachableError.
        """
        if self._transport is None:
            limits = httpx2.Limits(
                max_connections=self._most, max_keepalive_connections=self._most // 5, keepalive_expiry=IDLE
            )
            tls = self._tls or ssl.create_default_context()
            self._transport = httpx2.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits)
        waits = {"connect": CONNECT, "pool": CONNECT, "read": seconds, "write": seconds}
        request = httpx2.Request(method, url, headers=list(headers), content=content, extensions={"timeout": waits})
        with _told():
            return await self._transport.handle_async_request(request)

    async def read_on(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        """The body as it came, compressed or not. Raises: UnreachableError."""
        with _told():
            async for part in response.stream:  # type: ignore[union-attr]  # of an AsyncClient it is async
                yield part

    async def ask(
        self, method: str, url: str, headers: list[tuple[bytes, bytes]], content: bytes, *, seconds: float, most: int
    ) -> tuple[int, bytes]:
        """Status and whole body of a small answer, within so many seconds in all. Raises: UnreachableError."""
        try:
            async with asyncio.timeout(seconds):
                response = await self.send(method, url, headers, content, seconds=seconds)
                try:
                    return response.status_code, await self._whole(response, most)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise UnreachableError(f"no answer within {seconds:g} s", slow=True) from error

    async def _whole(self, response: httpx2.Response, most: int) -> bytes:
        body = b""
        async for part in self.read_on(response):
            body += part
            if len(body) > most:
                raise UnreachableError(f"the answer has more than {most} bytes")
        return body

    async def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()


@contextmanager
def _told() -> Iterator[None]:
    """What the client library raises, as UnreachableError. Nothing of a request or an answer is in its words."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise UnreachableError("it took too long", slow=True) from error
    except httpx2.TransportError as error:
        raise UnreachableError(type(error).__name__) from error
