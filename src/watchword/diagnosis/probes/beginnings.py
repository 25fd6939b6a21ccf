"""Live, acting: nobody gets in without a credential, a sign-in begins a session, and shows it in its cookie alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

from ..canary import SHORTEST, entered, kept, knows_cookies, leave, not_entered, own_page, sign_in, visiting
from ..patient import UnreachableError
from .base import Ailment, CannotRunError, Case, Family, Measured, Probe, Sign

HEAD_START = 0.02
LONG_STALL = 0.15
"""Seconds. A password costs about as much."""
_TOKENS = re.compile(r"(?:access|id|refresh)_token=|eyJ[A-Za-z0-9_-]+\.|ww_[a-z]{2}_|v[34]\.(?:public|local)\.")
"""What a URL says that holds a token."""


def _wanted(case: Case) -> Iterator[Sign]:
    """The page that tells who somebody is refuses nobody's request, before and after somebody was there."""
    if knows_cookies(case.canary, {}, case.server):
        yield Sign("session.unguarded", "the path of me answers who shows nothing at all")
        return
    with visiting(case.canary, case.server) as visit:
        visit.knows()
        if knows_cookies(case.canary, {}, case.server):
            yield Sign("session.unguarded", "once somebody has asked, the path of me answers who shows nothing at all")


def _begins(case: Case) -> Iterator[Sign]:
    answer = sign_in(case.canary, case.server, own_page(case.server))
    if answer.status == 403:
        raise CannotRunError("the sign-in is refused as another site's: see csrf-own")
    if answer.status == 429:
        raise CannotRunError(not_entered(answer))
    held, named = kept(answer), {case.canary.cookie} - {""}
    if answer.status >= 500:
        yield Sign("session.fails", not_entered(answer))
    elif answer.status >= 400 or not any(len(value) >= SHORTEST for value in held.values()) or not named <= held.keys():
        yield Sign("session.no-sign-in", not_entered(answer))
    else:
        if not knows_cookies(case.canary, held, case.server):
            yield Sign("session.forgotten", "the request after the sign-in is refused, with every cookie that it set")
        with suppress(UnreachableError):
            leave(entered(case.canary, answer, case.server))


def _shown(case: Case) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        if visit.token.encode() in visit.answer.body:
            yield Sign("leak.body", "the answer to the sign-in repeats the session's token outside of its cookie")
        if any(visit.token in value or _TOKENS.search(value) for value in visit.answer.all("location")):
            yield Sign("leak.location", "the sign-in redirects to a URL that holds a token")


def _stalls(case: Case) -> Iterator[Sign | Measured]:
    """While a password is checked, others are answered. The best of three tries counts: a busy machine is no stall."""
    path = case.canary.paths.health or case.canary.paths.page or case.canary.paths.me
    shares = []
    for _ in range(3):
        with ThreadPoolExecutor(1) as other:
            entering = other.submit(sign_in, case.canary, case.server, own_page(case.server))
            Event().wait(HEAD_START)
            waited = case.server.ask(path).took
            answer = entering.result()
        visit = entered(case.canary, answer, case.server)
        leave(visit)
        if visit is None:
            raise CannotRunError(f"the canary could not sign in: {not_entered(answer)}")
        shares.append((waited, waited / max(answer.took, 0.001)))
    best, share = min(shares)
    yield Measured(f"another request took {best * 1000:.0f} ms while a password was checked")
    if best > LONG_STALL and share > 0.5:
        yield Sign("session.stalls", f"another request waits {best * 1000:.0f} ms while a password is checked")


FAMILY = Family(
    page="sign-in",
    title="A sign-in does not begin a session, or nobody needs one",
    look="Sign in with `curl -si`, send the cookie to `/api/me`, and then nothing at all: 200 and 401 are right.",
    prevent="Guard every page with `auth.require()`, write sessions by `auth.sign_in` alone, and let no shared cache "
    "keep what was answered to a cookie.",
    ailments=(
        Ailment(
            id="session.unguarded",
            symptom="Anybody reads what is for one user, or a user sees another user's page.",
            cause="The path of `me` is not guarded, a shared cache gives one user's answer to all, or something turns "
            "refusals into 200. What depends on its refusals is not looked at.",
            mend="who = await auth.require()   # in that route; or in canary.toml: me = a page that wants somebody",
        ),
        Ailment(
            id="session.fails",
            symptom="Nobody can sign in: 500, 502 or 503.",
            cause="The application fails, its store is away, or the proxy has no application behind it. It is not the "
            "password.",
            mend="watchword db status --config watchword.toml   # and the application's log, past the proxy",
        ),
        Ailment(
            id="session.no-sign-in",
            symptom="Nobody, or not the canary, can sign in.",
            cause="The password is another one, the account is disabled, or Set-Cookie is lost on the way.",
            mend="watchword users passwd CANARY < new-password.txt   # or read Set-Cookie on both sides of the proxy",
        ),
        Ailment(
            id="session.forgotten",
            symptom="Users sign in, and are signed out on the next page.",
            cause="The cookie does not come back to the process that wrote it: a cache of refusals, another "
            "store behind "
            "the load balancer, or a proxy that drops Cookie.",
            mend="watchword doctor --url http://NODE1:8080 --url http://NODE2:8080 --canary canary.toml",
        ),
        Ailment(
            id="session.stalls",
            level="warning",
            symptom="All requests wait whenever somebody signs in.",
            cause="Passwords are hashed on the event loop.",
            mend="await asyncio.to_thread(hasher.verify, …)   # or the server's own PasswordPool",
        ),
        Ailment(
            id="leak.body",
            symptom="Scripts of the page hold the session, as if the cookie were not HttpOnly.",
            cause="The answer to the sign-in repeats the token.",
            mend='return {"ok": True}   # after auth.sign_in: the token stands in the cookie alone',
        ),
        Ailment(
            id="leak.location",
            symptom="Sessions stand in histories, logs and Referer.",
            cause="A redirect after the sign-in carries the token in its URL.",
            mend='return RedirectResponse("/", 303)   '
            "# without the token; end what was leaked: watchword revoke --subject USER",
        ),
    ),
    probes=(
        Probe(
            id="session-wanted",
            asks="is somebody wanted where the doctor asks who somebody is",
            needs=("url", "canary"),
            run=_wanted,
            finds=("session.unguarded",),
        ),
        Probe(
            id="session-begins",
            asks="does a sign-in hold",
            needs=("url", "canary", "guarded"),
            run=_begins,
            finds=("session.no-sign-in", "session.fails", "session.forgotten"),
        ),
        Probe(
            id="session-shown",
            asks="does a sign-in show its token in the cookie alone",
            needs=("url", "canary"),
            run=_shown,
            finds=("leak.body", "leak.location"),
        ),
        Probe(
            id="session-beside",
            asks="are others answered while a password is checked",
            needs=("url", "canary"),
            run=_stalls,
            finds=("session.stalls",),
        ),
    ),
)
