"""Test clients: what they share is four words here, found by their shape. No framework is imported.

``Httpx``: httpx, httpx2, Starlette, FastAPI, Litestar. ``Werkzeug``: Flask, any WSGI application. ``Django``: its own.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any, Protocol

from ..errors import ConfigurationError
from ..web.cookies import SESSION_COOKIE

Headers = Sequence[tuple[str, str]]
CARRIERS = ("authorization", "x-api-key", "sec-fetch-site")
"""The headers that say who asks, and from where; the cookie is the jar's."""


class Client(Protocol):
    """One test client."""

    kept: MutableMapping[str, Any]
    """What it sends with every request."""

    def key(self, header: str) -> str:
        """How ``kept`` names a header."""
        ...

    def cookie(self, name: str, value: str | None) -> str | None:
        """Put a cookie into its jar, or None to take it out; the value that was there."""
        ...

    async def send(self, method: str, path: str, headers: Headers) -> int:
        """The status of the answer to exactly these headers. Redirects are not followed."""
        ...


class Httpx:
    """A client with the words of httpx, sync or async."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.kept = client.headers

    def key(self, header: str) -> str:
        return header

    def cookie(self, name: str, value: str | None) -> str | None:
        jar = self._client.cookies.jar
        found = [one for one in jar if one.name == name]
        for one in found:
            jar.clear(one.domain, one.path, one.name)
        if value is not None:
            host = self._client.base_url.host
            domain = host if "." in host else f"{host}.local"  # as the jar itself writes it (RFC 2965)
            self._client.cookies.set(name, value, domain=domain)
        return found[0].value if found else None

    async def send(self, method: str, path: str, headers: Headers) -> int:
        sent = self._client.request(method, path, headers=list(headers), follow_redirects=False)
        answer = await sent if isawaitable(sent) else sent
        return int(answer.status_code)


class Werkzeug:
    """The client of Flask, or of Werkzeug itself."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.kept = client.environ_base if hasattr(client, "environ_base") else {}

    def key(self, header: str) -> str:
        return _environ_name(header)

    def cookie(self, name: str, value: str | None) -> str | None:
        config = getattr(self._client.application, "config", {})
        domain = (config.get("SERVER_NAME") or "localhost").partition(":")[0]
        found = self._client.get_cookie(name, domain=domain)
        if found is not None:
            self._client.delete_cookie(name, domain=domain)
        if value is not None:
            self._client.set_cookie(name, value, domain=domain)
        return None if found is None else str(found.value)

    async def send(self, method: str, path: str, headers: Headers) -> int:
        plain = type(self._client)(self._client.application, self._client.response_wrapper, use_cookies=False)
        environ = {**self.kept, **_environ(headers)}
        answer = plain.open(path, method=method, environ_overrides=environ)
        return int(answer.status_code)


class Django:
    """Django's own client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.kept = client.defaults

    def key(self, header: str) -> str:
        return _environ_name(header)

    def cookie(self, name: str, value: str | None) -> str | None:
        found = self._client.cookies.pop(name, None)
        if value is not None:
            self._client.cookies[name] = value
        return None if found is None else str(found.value)

    async def send(self, method: str, path: str, headers: Headers) -> int:
        return int(self._client.generic(method, path, **_environ(headers)).status_code)


def client_of(client: Any) -> Client:
    """How to speak to this client. Raises: ConfigurationError for one of another shape."""
    if hasattr(client, "generic") and hasattr(client, "defaults"):
        return Django(client)
    if hasattr(client, "response_wrapper"):
        return Werkzeug(client)
    if hasattr(client, "request") and hasattr(client, "base_url") and hasattr(client, "cookies"):
        return Httpx(client)
    raise ConfigurationError(
        f"a {type(client).__name__} is no test client known here; take one of httpx, Starlette, FastAPI, Litestar, "
        "Flask, Werkzeug or Django"
    )


@contextmanager
def bare(client: Any, cookie: str = SESSION_COOKIE) -> Iterator[Client]:
    """The client without any credential of its own; afterwards it has them again."""
    known = client_of(client)
    names = [known.key(header) for header in CARRIERS]
    kept = {name: known.kept.pop(name) for name in names if name in known.kept}
    session = known.cookie(cookie, None)
    try:
        yield known
    finally:
        for name in names:
            known.kept.pop(name, None)
        known.kept.update(kept)
        known.cookie(cookie, session)


def _environ_name(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def _environ(headers: Headers) -> dict[str, str]:
    """As a server joins headers that came twice (RFC 9110 section 5.3; cookies by RFC 6265)."""
    environ: dict[str, str] = {}
    for header, value in headers:
        name = _environ_name(header)
        joint = "; " if header == "cookie" else ","
        environ[name] = f"{environ[name]}{joint}{value}" if name in environ else value
    return environ
