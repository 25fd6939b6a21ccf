"""Live, acting: a sign-out ends the session, its access tokens and its refresh tokens, and how soon is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from ...clock import Clock
from ..canary import Visit, bearer, own_page, session_cookie, sign_in, visiting
from ..patient import Answer
from .base import Ailment, CannotRunError, Case, Family, Measured, Probe, Sign, endpoint

LOOK = 0.05
SLACK = 0.5
"""Seconds that the measuring itself may take."""
PATIENCE = 2.0
"""How many times the bound is waited for, and as many seconds, to tell what comes late from what never comes."""
HEAD_START = 0.02
LONG_STALL = 0.15
"""Seconds. A password costs about as much."""
FORMATS = ("jwt", "paseto", "opaque")


def until(held: Callable[[], bool], clock: Clock, bound: float) -> float | None:
    """Seconds until ``held`` is false, looked at every 50 ms; None when it still holds at the end of our patience."""
    began, pause = clock.monotonic(), Event()
    while True:
        if not held():
            return clock.monotonic() - began
        if clock.monotonic() - began > PATIENCE * (bound + 1):
            return None
        pause.wait(LOOK)


def _sign_in(case: Case) -> Iterator[Sign]:
    answer = sign_in(case.canary, case.server, own_page(case.server))
    if answer.status == 403:
        raise CannotRunError("the sign-in is refused as another site's: see csrf-own")
    if (found := session_cookie(answer)) is None:
        yield Sign("session.no-sign-in", f"status {answer.status}, and no cookie that is a session")
        return
    headers = [("cookie", f"{found[0]}={found[1]}"), *own_page(case.server)]
    try:
        me = case.server.ask(case.canary.paths.me, headers=headers)
        if not me.ok:
            yield Sign("session.forgotten", f"the request after the sign-in gave {me.status}")
        token = found[1].encode()
        if token in answer.body:
            yield Sign("leak.body", "the answer to the sign-in repeats the session's token outside of its cookie")
        if any(found[1] in value for value in answer.all("location")):
            yield Sign("leak.location", "the sign-in redirects to a URL that holds the session's token")
    finally:
        _leave(case, answer)


def _ends(case: Case) -> Iterator[Sign | Measured]:
    endpoint(case.canary.paths.sign_out, "sign_out")
    with visiting(case.canary, case.server) as visit:
        minted = {format: visit.mint(format) for format in FORMATS}
        shown: dict[str, Callable[[], bool]] = {"session": lambda: visit.knows().ok}
        for format, pair in minted.items():
            if token := pair.get("access_token"):
                shown[format] = lambda token=token: _shows(visit, token).ok  # type: ignore[misc]  # its default has no type
        good = {name: held for name, held in shown.items() if held()}
        if "session" not in good:
            raise CannotRunError("the canary's session is not good at the path of me")
        left = visit.sign_out()
        if left.status >= 400:
            raise CannotRunError(f"the sign-out gave {left.status}")
        yield from _measured(case, good)
        spent = [pair["refresh_token"] for pair in minted.values() if "refresh_token" in pair]
        if spent and case.canary.paths.refresh:
            answer = refresh(case, spent[0])
            if answer.ok:
                yield Sign(
                    "session.refresh-lives", "a refresh token of the session that was signed out gave a new pair"
                )


def _measured(case: Case, good: dict[str, Callable[[], bool]]) -> Iterator[Sign | Measured]:
    """The bound is one for all, and counts from the answer to the sign-out."""
    bound, began, took = case.bound, case.clock.monotonic(), dict[str, float]()

    def some_live() -> bool:
        for name in good.keys() - took.keys():
            if not good[name]():
                took[name] = case.clock.monotonic() - began
        return len(took) < len(good)

    until(some_live, case.clock, bound)
    lives = sorted(good.keys() - took.keys())
    spans = ", ".join(f"{name} {took[name]:.2f} s" for name in good if name in took)
    yield Measured(f"refused after the sign-out: {spans or 'nothing'}; {bound:g} s are declared")
    if "session" in lives:
        yield Sign("session.lives", f"its cookie still works {case.clock.monotonic() - began:.1f} s after the sign-out")
    if tokens := [name for name in lives if name != "session"]:
        yield Sign("session.access-lives", f"access tokens ({', '.join(tokens)}) of a signed-out session still work")
    worst = max(took, key=lambda name: took[name], default="")
    if worst and took[worst] > bound + SLACK:
        yield Sign("session.late", f"{worst}: {took[worst]:.1f} s after the sign-out; {bound:g} s are declared")


def _stalls(case: Case) -> Iterator[Sign | Measured]:
    """While a password is checked, others are answered. The best of three tries counts: a busy machine is no stall."""
    path = case.canary.paths.health or case.canary.paths.page or case.canary.paths.me
    shares = []
    for _ in range(3):
        with ThreadPoolExecutor(1) as other:
            entering = other.submit(sign_in, case.canary, case.server, own_page(case.server))
            Event().wait(HEAD_START)
            waited = case.server.ask(path).took
            entered = entering.result()
        _leave(case, entered)
        shares.append((waited, waited / max(entered.took, 0.001)))
    best, share = min(shares)
    yield Measured(f"another request took {best * 1000:.0f} ms while a password was checked")
    if best > LONG_STALL and share > 0.5:
        yield Sign("session.stalls", f"another request waits {best * 1000:.0f} ms while a password is checked")


def _leave(case: Case, entered: Answer) -> None:
    found = session_cookie(entered)
    if found is not None and case.canary.paths.sign_out:
        case.server.ask(
            case.canary.paths.sign_out, headers=[("cookie", f"{found[0]}={found[1]}"), *own_page(case.server)]
        )


def _listed(case: Case) -> Iterator[Sign]:
    path = endpoint(case.canary.paths.sessions, "sessions")
    with visiting(case.canary, case.server) as visit:
        answer, own = case.server.ask(path, headers=visit.own()), visit.answer.json().get("session_id")
        if not answer.ok:
            raise CannotRunError(f"the list of sessions gave {answer.status}")
        found = answer.json().get("sessions")
        listed = {one.get("session_id") for one in found if isinstance(one, dict)} if isinstance(found, list) else set()
    if not listed or (own is not None and own not in listed):
        yield Sign("session.unlisted", f"{len(listed)} sessions are listed, and the one that asks is not among them")


def refresh(case: Case, token: str) -> Answer:
    """The answer to one refresh token at the token endpoint."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return case.server.ask(endpoint(case.canary.paths.refresh, "refresh"), form=form)


def _shows(visit: Visit, token: str) -> Answer:
    return visit.patient.ask(visit.paths.me, headers=[bearer(token)])


FAMILY = Family(
    page="sign-out",
    title="A sign-out does not end everything, or a sign-in does not begin it",
    look="Sign in, keep the cookie and an access token, sign out, and send both to `/api/me`: 401 is right. The metric "
    "`watchword_lease_seconds` says whether a verifier hears.",
    prevent="Let every verifier follow the feed (`Issuer(…, revocations=…)`), and alarm on "
    "`watchword_feed_age_seconds`.",
    ailments=(
        Ailment(
            id="session.no-sign-in",
            symptom="Nobody, or not the canary, can sign in.",
            cause="The password is another one, the account is disabled, or Set-Cookie is lost on the way.",
            mend="watchword users passwd CANARY < new-password.txt   # or read Set-Cookie on both sides of the proxy",
        ),
        Ailment(
            id="session.forgotten",
            symptom="Users sign in, and are signed out on the next page.",
            cause="The cookie does not come back to the process that wrote it: a cache of refusals, another store "
            "behind the load balancer, or a proxy that drops Cookie.",
            mend="watchword doctor --url http://NODE1:8080 --url http://NODE2:8080 --canary canary.toml",
        ),
        Ailment(
            id="session.lives",
            symptom="The back button, or a copied cookie, works after signing out.",
            cause="The sign-out clears the cookie and ends nothing, or a cache of sessions does not hear of it.",
            mend="await auth.sign_out(who)   # on the server; now: watchword revoke --subject USER",
        ),
        Ailment(
            id="session.access-lives",
            symptom="An access token works after its session was signed out, until it expires.",
            cause="The API verifies signatures alone: no View, no feed.",
            mend="Issuer(…, revocations=RevocationFeed(…))   # in the API; now: watchword revoke --subject USER",
        ),
        Ailment(
            id="session.late",
            symptom="A sign-out takes hold later than it is declared to.",
            cause="A cache in front of the verifier keeps its answers, or the verifier's feed lags.",
            mend="curl -s -H 'Authorization: Bearer …' https://app.example/metrics | grep watchword_feed",
        ),
        Ailment(
            id="session.refresh-lives",
            symptom="A signed-out phone goes on working for days.",
            cause="The refresh tokens do not belong to the session that was ended.",
            mend="refresh.issue(subject, session_id=who.session_id)   # now: watchword revoke --subject USER",
        ),
        Ailment(
            id="session.unlisted",
            symptom="`Sign out everywhere` misses devices.",
            cause="The list of sessions is an index beside the record, and has lost some.",
            mend="watchword revoke --subject USER   # ends all, listed or not",
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
            mend='return RedirectResponse("/", 303)   # without the token; now: watchword revoke --token',
        ),
    ),
    probes=(
        Probe(
            id="session-begins",
            asks="does a sign-in hold, and show its token in the cookie alone",
            needs=("url", "canary"),
            run=_sign_in,
            finds=("session.no-sign-in", "session.forgotten", "leak.body", "leak.location"),
        ),
        Probe(
            id="session-beside",
            asks="are others answered while a password is checked",
            needs=("url", "canary"),
            run=_stalls,
            finds=("session.stalls",),
        ),
        Probe(
            id="session-ends",
            asks="does a sign-out end the session and its tokens within the bound",
            needs=("url", "canary"),
            run=_ends,
            finds=("session.lives", "session.access-lives", "session.late", "session.refresh-lives"),
        ),
        Probe(
            id="session-listed",
            asks="does the list of sessions have this one",
            needs=("url", "canary"),
            run=_listed,
            finds=("session.unlisted",),
        ),
    ),
)
