"""Patient: the server under examination, known by one origin. Bounded, and no credential leaves that origin."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from msgspec import Struct

from ..clock import Clock, SystemClock
from ..encoding import json_object
from ..errors import ConfigurationError, MalformedTokenError
from ..web.messages import is_loopback

MAX_BODY = 262_144
SECONDS = 10.0
MOST_REQUESTS = 500
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

    def json(self) -> dict[str, Any]:
        """The object in the body; an empty one where there is none."""
        try:
            return json_object(self.body)
        except MalformedTokenError:
            return {}

    def holds(self, secret: str) -> bool:
        """Whether the text stands in the body or in a header other than a cookie's."""
        said = [value for key, value in self.headers if key != "set-cookie"]
        return secret.encode() in self.body or any(secret in value for value in said)


class Patient:
    """A client of one origin: no redirects, no proxies of the environment, no cookies that nobody sent by hand.

    Parameters: url: the origin, ``https://app.example``. ca: a PEM file to trust instead of the system's.
    Raises: ConfigurationError for a URL that is more or less than an origin.
    """

    def __init__(self, url: str, *, ca: str | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        parts = _origin(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.secure = parts.scheme == "https"
        self.local = is_loopback(str(parts.hostname))
        self.asked = 0
        try:
            tls: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca) if ca else True
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"{ca} is no file of certificates: {type(error).__name__}") from error
        self._http = httpx2.Client(
            base_url=self.origin, follow_redirects=False, trust_env=False, timeout=SECONDS, verify=tls
        )

    @property
    def confidential(self) -> bool:
        """Whether a password may be sent there: over TLS, or within this machine."""
        return self.secure or self.local

    def close(self) -> None:
        self._http.close()

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
        sent = [("accept-encoding", "identity"), ("user-agent", "watchword-doctor"), *headers]
        content = None
        if form is not None:
            content = urlencode(dict(form)).encode()
            sent.append(("content-type", "application/x-www-form-urlencoded"))
        try:
            return self._sent(method, f"{path}?{query}" if query else path, sent, json, content)
        except httpx2.HTTPError as error:
            raise UnreachableError(f"{self.origin} did not answer: {type(error).__name__}") from None
        except (ValueError, UnicodeError):
            raise UnreachableError("the request could not be written") from None
        finally:
            self._http.cookies.clear()

    def _sent(self, method: str, url: str, sent: list[tuple[str, str]], json: Any, content: bytes | None) -> Answer:
        began = self.clock.monotonic()
        body = bytearray()
        with self._http.stream(method, url, headers=sent, json=json, content=content) as response:
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > MAX_BODY or self.clock.monotonic() - began > SECONDS:
                    break
            headers = tuple((name.lower(), value) for name, value in response.headers.multi_items())
            status = response.status_code
        return Answer(status, headers, bytes(body[:MAX_BODY]), began, self.clock.monotonic() - began)


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
