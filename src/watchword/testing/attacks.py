"""The hostile credentials that an endpoint is shown: one row each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from .clients import Headers
from .flaws import JWT_FLAWS, PASETO_FLAWS

Token = Callable[..., Awaitable[str]]
"""``await token("access", flaw="expired")``: as ``minted``, for one Watchword and one caller."""
OWN = ("sec-fetch-site", "same-origin")
FOREIGN = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]


class Shot(Struct, frozen=True):
    """What one request presents."""

    headers: Headers
    query: str = ""


class Attack(Struct, frozen=True):
    """One row. ``unsafe``: it says something about methods that change things alone (CSRF)."""

    name: str
    shot: Callable[[Token, str], Awaitable[Shot]]
    """From what mints a token, and the name of the session's cookie."""
    unsafe: bool = False


def bearer(token: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token}")


def _bearing(name: str, kind: str, **how: Any) -> Attack:
    async def shot(token: Token, cookie: str) -> Shot:
        return Shot([bearer(await token(kind, **how))])

    return Attack(name, shot)


def _in_cookie(name: str, kind: str, **how: Any) -> Attack:
    async def shot(token: Token, cookie: str) -> Shot:
        return Shot([("cookie", f"{cookie}={await token(kind, **how)}"), OWN])

    return Attack(name, shot)


def _as_key(name: str, kind: str, **how: Any) -> Attack:
    async def shot(token: Token, cookie: str) -> Shot:
        return Shot([("x-api-key", await token(kind, **how))])

    return Attack(name, shot)


def _plain(name: str, *headers: tuple[str, str]) -> Attack:
    async def shot(token: Token, cookie: str) -> Shot:
        return Shot(list(headers))

    return Attack(name, shot)


def _crossing(name: str, *headers: tuple[str, str]) -> Attack:
    async def shot(token: Token, cookie: str) -> Shot:
        return Shot([("cookie", f"{cookie}={await token('session')}"), *headers])

    return Attack(name, shot, unsafe=True)


async def _cookie_twice(token: Token, cookie: str) -> Shot:
    pair = f"{cookie}={await token('session')}"
    return Shot([("cookie", f"{pair}; {cookie}={await token('session')}"), OWN])


async def _cookie_and_bearer(token: Token, cookie: str) -> Shot:
    return Shot([("cookie", f"{cookie}={await token('session')}"), bearer(await token("access")), OWN])


async def _two_bearers(token: Token, cookie: str) -> Shot:
    return Shot([bearer(await token("access")), bearer(await token("access"))])


async def _bearer_and_key(token: Token, cookie: str) -> Shot:
    return Shot([bearer(await token("access")), ("x-api-key", await token("api_key"))])


_IN_QUERIES = ("access_token", "token", "jwt", "bearer", "auth", "authorization", "api_key", "key")


async def _in_query(token: Token, cookie: str) -> Shot:
    good = await token("access")
    return Shot([], "&".join(f"{name}={good}" for name in _IN_QUERIES))


async def _without_scheme(token: Token, cookie: str) -> Shot:
    return Shot([("authorization", await token("access"))])


async def _as_basic(token: Token, cookie: str) -> Shot:
    return Shot([("authorization", f"Basic {await token('access')}")])


async def _two_words(token: Token, cookie: str) -> Shot:
    good = await token("access")
    return Shot([("authorization", f"Bearer {good} {good}")])


def _said(flaw: str) -> str:
    return flaw.replace("_", " ")


ATTACKS: tuple[Attack, ...] = (
    _plain("nothing"),
    _plain("an empty bearer", ("authorization", "Bearer ")),
    _plain("a bearer that is no token", bearer("abc")),
    _plain("a bearer of 64 KiB", bearer("A" * 65_536)),
    _plain("a bearer of dots", bearer("." * 4096)),
    _plain("a JWT of deep JSON", bearer(f"{'W3tb' * 1000}.e30.AAAA")),
    _plain("a cookie bomb", ("cookie", "; ".join(f"c{number}={'x' * 200}" for number in range(90))), OWN),
    *(_bearing(f"a JWT: {_said(one)}", "access", flaw=one, format="jwt") for one in [*JWT_FLAWS, "revoked"]),
    *(
        _bearing(f"a PASETO: {_said(flaw)}", "access", flaw=flaw, format="paseto")
        for flaw in [*PASETO_FLAWS, "revoked"]
    ),
    *(
        _bearing(f"an opaque access token: {flaw}", "opaque_access", flaw=flaw)
        for flaw in ("expired", "revoked", "tampered", "unknown")
    ),
    *(
        _bearing(f"an API key: {_said(flaw)}", "api_key", flaw=flaw)
        for flaw in ("expired", "revoked", "tampered", "unknown", "wrong_environment")
    ),
    _as_key("an API key in X-API-Key: revoked", "api_key", flaw="revoked"),
    *(_in_cookie(f"a session: {flaw}", "session", flaw=flaw) for flaw in ("expired", "revoked", "tampered", "unknown")),
    *(
        _bearing(f"a {_said(kind)} token as bearer", kind)
        for kind in ("session", "refresh", "one_time", "service", "sealed")
    ),
    *(
        _in_cookie(f"in the session's cookie: {_said(kind)}", kind)
        for kind in ("access", "opaque_access", "api_key", "refresh")
    ),
    _as_key("an access token in X-API-Key", "access"),
    Attack("the session's cookie twice", _cookie_twice),
    Attack("a cookie and a bearer", _cookie_and_bearer),
    Attack("two Authorization headers", _two_bearers),
    Attack("a bearer and an API key", _bearer_and_key),
    Attack("two tokens in one header", _two_words),
    Attack("an access token in the query", _in_query),
    Attack("an access token without its scheme", _without_scheme),
    Attack("an access token as Basic", _as_basic),
    _crossing("a session from another site", *FOREIGN),
    _crossing("a session from a foreign Origin", FOREIGN[1]),
    _crossing("a session from a sandboxed page", ("origin", "null")),
    _crossing("a session that does not say from where"),
)
