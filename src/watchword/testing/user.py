"""A test client that is somebody for a while."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ConfigurationError
from ..web.cookies import SESSION_COOKIE
from .clients import Headers, bare
from .mint import AnyWatchword, mint


@contextmanager
def dressed(
    client: Any,
    subject: str,
    *,
    ww: AnyWatchword,
    kind: str = "session",
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
    flaw: str | None = None,
    format: str | None = None,
    cookie: str = SESSION_COOKIE,
) -> Iterator[Any]:
    """The client as ``subject`` within the block: a fresh credential goes with each of its requests.

    Parameters: kind: ``session`` travels in the cookie, with a ``Sec-Fetch-Site`` that passes CSRF; ``access``,
    ``opaque_access`` and ``api_key`` as bearer. cookie: the name your CookiePolicy has. The others: as for ``mint``.
    What the client carried before is set aside, and is back afterwards.
    """
    token = mint(ww, kind, subject, scopes=scopes, roles=roles, flaw=flaw, format=format)
    headers = carried(kind, token)
    with bare(client, cookie) as known:
        known.kept.update({known.key(name): value for name, value in headers})
        if kind == "session":
            known.cookie(cookie, token)
        yield client


def carried(kind: str, token: str) -> Headers:
    """The headers with which a client sends a token of this kind; a session goes into its jar."""
    if kind == "session":
        return [("sec-fetch-site", "same-origin")]
    if kind in ("access", "opaque_access", "api_key"):
        return [("authorization", f"Bearer {token}")]
    raise ConfigurationError(
        f"nobody is a caller by a {kind} token; take session, access, opaque_access or api_key, or mint one"
    )
