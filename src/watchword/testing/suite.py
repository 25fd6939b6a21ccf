"""The attack: every hostile credential against one endpoint, and who was let in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from msgspec import Struct

from ..errors import ConfigurationError, KeyUseError
from ..runtime.ticker import drive
from ..web.cookies import SESSION_COOKIE
from .attacks import ATTACKS, OWN, Token, bearer
from .clients import Client, Headers, bare
from .mint import AnyWatchword, minted

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


class Outcome(Struct, frozen=True):
    """What came of one attack. ``status`` 0: the application raised, and ``error`` says what."""

    attack: str
    status: int
    error: str = ""

    @property
    def crashed(self) -> bool:
        """A 503 is an answer: it says that nobody could judge. It is still no refusal, and named here."""
        return self.status == 0 or self.status >= 500

    def __str__(self) -> str:
        return f"{self.attack}: {self.error or self.status}"


def assert_rejects_all(client: Any, path: str, method: str = "GET", *, ww: AnyWatchword, **options: Any) -> None:
    """Show an endpoint some seventy hostile credentials; AssertionError names those that were let in, or crashed it.

    Parameters: path: where a good credential of ``subject`` gets in, else nothing would be shown, and that is an
    AssertionError too. ww: open, with the store and keys of the application. method: with a method that changes things
    (POST) also what comes from other sites. scopes, roles: what the endpoint asks for: the hostile ones have it as
    well. cookie: the name your CookiePolicy has. redirects: 3xx is a refusal here (to a page where one signs in).
    allowed: names of attacks that are let in on purpose, as the failure spells them.
    """
    if iscoroutinefunction(getattr(client, "request", None)):
        raise ConfigurationError("this client is asynchronous: await assert_rejects_all_async(client, …)")
    drive(assert_rejects_all_async(client, path, method, ww=ww, **options))


async def assert_rejects_all_async(
    client: Any,
    path: str,
    method: str = "GET",
    *,
    ww: AnyWatchword,
    redirects: bool = False,
    allowed: Iterable[str] = (),
    **options: Any,
) -> None:
    """``assert_rejects_all`` under an event loop: for an ``AsyncClient``, or a store that suspends."""
    excused = frozenset(allowed)
    outcomes = [one for one in await attack(client, path, method, ww=ww, **options) if one.attack not in excused]
    let_in = [one for one in outcomes if 0 < one.status < (300 if redirects else 400)]
    crashed = [one for one in outcomes if one.crashed]
    if let_in or crashed:
        raise AssertionError(_report(f"{method} {path}", let_in, crashed, len(outcomes)))


async def attack(
    client: Any,
    path: str,
    method: str = "GET",
    *,
    ww: AnyWatchword,
    subject: str = "alice",
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
    cookie: str = SESSION_COOKIE,
) -> list[Outcome]:
    """What came of each attack, after a good credential got in. Parameters: as for ``assert_rejects_all``."""
    token: Token = partial(_token, ww, subject, tuple(scopes), tuple(roles))
    outcomes: list[Outcome] = []
    with bare(client, cookie) as known:
        await _check_open(known, path, method, token, cookie)
        for row in ATTACKS:
            if row.unsafe and method.upper() in SAFE:
                continue
            try:
                shot = await row.shot(token, cookie)
            except (KeyUseError, ConfigurationError):
                continue  # a token that the keys of this application cannot write, and so nobody has
            url = path if not shot.query else f"{path}{'&' if '?' in path else '?'}{shot.query}"
            outcomes.append(await _fire(known, method, url, shot.headers, row.name, cookie))
    return outcomes


async def _token(
    ww: AnyWatchword, subject: str, scopes: Sequence[str], roles: Sequence[str], kind: str, **how: Any
) -> str:
    return await minted(ww, kind, subject, scopes=scopes, roles=roles, **how)


async def _check_open(client: Client, path: str, method: str, token: Token, cookie: str) -> None:
    """Raise AssertionError where no good credential gets in: then a refusal would say nothing."""
    tried = []
    for kind in ("session", "access", "opaque_access", "api_key"):
        good = await token(kind)
        headers = [("cookie", f"{cookie}={good}"), OWN] if kind == "session" else [bearer(good)]
        outcome = await _fire(client, method, path, headers, kind, cookie)
        if 200 <= outcome.status < 300:
            return
        tried.append(str(outcome))
    raise AssertionError(
        f"{method} {path} let no good credential in ({', '.join(tried)}), so nothing can be shown. Is the path right, "
        "is ww the Watchword of the application, and does the endpoint ask for scopes= or roles=?"
    )


async def _fire(client: Client, method: str, url: str, headers: Headers, name: str, cookie: str) -> Outcome:
    try:
        status = await client.send(method, url, headers)
    except Exception as error:  # noqa: BLE001  # whatever the application raised: test clients pass it on
        return Outcome(name, 0, f"raised {type(error).__name__}")
    finally:
        client.cookie(cookie, None)
    return Outcome(name, status)


def _report(where: str, let_in: Sequence[Outcome], crashed: Sequence[Outcome], total: int) -> str:
    lines = [f"{where} was shown {total} hostile credentials: {len(let_in)} got in, {len(crashed)} crashed it"]
    lines += [f"  got in: {one}" for one in let_in]
    lines += [f"  crashed: {one}" for one in crashed]
    return "\n".join(lines)
