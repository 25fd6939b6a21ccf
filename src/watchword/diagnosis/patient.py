"""Patient: the server under examination, known by one origin. Bounded, and no credential leaves that origin."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from msgspec import Struct

from ..clock import Clock, SystemClock
from ..encoding import json_object
from ..errors import ConfigurationError, MalformedTokenError
from ..web.messages import is_loopback
from .untrusted import Untrusted

MAX_BODY = 262_144
SECONDS = 10.0
"""For one exchange: from the connection to the last byte, however slowly they drip."""
MOST_REQUESTS = 500
WAITS = {"timeout": dict.fromkeys(("connect", "pool", "read", "write"), SECONDS)}
Pairs = Iterable[tuple[str, str]]


class UnreachableError(Exception):
    """No answer came, or none that is HTTP; the text says why, and names no credential."""


class Answer(Struct, frozen=True):
    """What came back: at most 256 KiB of it. ``began``, ``took``: seconds of the boot-time clock."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    began: float = 0.0
    took: float = 0.0

    def __repr__(self) -> str:
        return f"Answer({self.status})"

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str:
        """All values of a header in one line; empty without one."""
        return ", ".join(self.all(name))

    def json(self) -> Untrusted:
        """The object in the body; an empty one where there is none."""
        try:
            return Untrusted(json_object(self.body))
        except MalformedTokenError:
            return Untrusted({})

    def readable_by(self, origin: str) -> bool:
        """Whether CORS lets a page of that origin read it, though it was asked for with cookies."""
        allowed = self.header("access-control-allow-origin") in (origin, "*")
        return allowed and self.header("access-control-allow-credentials").lower() == "true"

    def holds(self, secret: str) -> bool:
        """Whether the text stands in the body or in a header other than a cookie's."""
        said = [value for key, value in self.headers if key != "set-cookie"]
        return secret.encode() in self.body or any(secret in value for value in said)


class Patient:
    """A client of one origin: no redirects, no proxies of the environment, no cookies that nobody sent by hand.

    Parameters: url: the origin, ``https://app.example``. ca: a PEM file to trust instead of the system's.
    Raises: ConfigurationError for a URL that is more or less than an origin.
    Its connections live on a loop of their own, in a thread: there an exchange can be ended in the middle of a wait.
    """

    def __init__(self, url: str, *, ca: str | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        parts = _origin(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.secure = parts.scheme == "https"
        self.local = is_loopback(str(parts.hostname))
        self.sibling = f"{parts.scheme}://watchword-doctor.{parts.hostname}"
        """An origin of the same site that nobody has named."""
        self.asked = 0
        self.session_cookie = ""
        """Its name, once it has been found out."""
        self.ends: float | None = None
        """When the time for all is up, by the boot-time clock."""
        try:
            tls = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"{ca} is no file of certificates: {type(error).__name__}") from error
        self._http = httpx2.AsyncHTTPTransport(verify=tls, trust_env=False)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="watchword-patient", daemon=True)
        self._thread.start()

    @property
    def confidential(self) -> bool:
        """Whether a password may be sent there: over TLS, or within this machine."""
        return self.secure or self.local

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._http.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def ask(
        self,
        request: str,
        *,
        headers: Pairs = (),
        json: Any = None,
        form: Mapping[str, str] | None = None,
        query: str = "",
    ) -> Answer:
        """The answer to ``GET /path``. Raises: UnreachableError."""
        method, _, path = request.partition(" ")
        if not path.startswith("/") or path.startswith("//") or "\\" in path:
            raise UnreachableError("that is no path of this server")
        self.asked += 1
        if self.asked > MOST_REQUESTS:
            raise UnreachableError(f"{MOST_REQUESTS} requests were made, and that is enough")
        seconds = SECONDS if self.ends is None else min(SECONDS, self.ends - self.clock.monotonic())
        if seconds <= 0:
            raise UnreachableError("the time was up")
        sent = [("accept-encoding", "identity"), ("user-agent", "watchword-doctor"), *headers]
        content = None
        if form is not None:
            content = urlencode(dict(form)).encode()
            sent.append(("content-type", "application/x-www-form-urlencoded"))
        url = f"{self.origin}{path}{'?' if query else ''}{query}"
        try:
            asked = httpx2.Request(method, url, headers=sent, json=json, content=content, extensions=WAITS)
            return asyncio.run_coroutine_threadsafe(self._sent(asked, seconds), self._loop).result()
        except TimeoutError:
            raise UnreachableError(f"{self.origin} did not end its answer within {seconds:.0f} s") from None
        except httpx2.HTTPError as error:
            raise UnreachableError(f"{self.origin} did not answer: {type(error).__name__}") from None
        except (ValueError, UnicodeError):
            raise UnreachableError("the request could not be written") from None

    async def _sent(self, asked: httpx2.Request, seconds: float) -> Answer:
        began = self.clock.monotonic()
        body = bytearray()
        async with asyncio.timeout(seconds):
            response = await self._http.handle_async_request(asked)
            try:
                async for chunk in response.stream:  # type: ignore[union-attr]  # of an async transport it is async
                    body += chunk
                    if len(body) > MAX_BODY:
                        break
            finally:
                await response.aclose()
        headers = tuple((name.lower(), value) for name, value in response.headers.multi_items())
        return Answer(response.status_code, headers, bytes(body[:MAX_BODY]), began, self.clock.monotonic() - began)


def _origin(url: str) -> Any:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError("--url is not a URL; write https://app.example") from None
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or not bare:
        raise ConfigurationError(
            "--url is an origin such as https://app.example: no path, no query and no password; paths go into --canary"
        )
    return parts
