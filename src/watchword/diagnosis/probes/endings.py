"""Live, acting: a sign-out ends the session, its access tokens and its refresh tokens, and how soon is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event

from ...clock import Clock
from ..canary import Visit, bearer, visiting
from ..patient import Answer
from .base import Ailment, CannotRunError, Case, Family, Measured, Probe, Sign, endpoint

LOOK = 0.05
SHARE = 8
"""A pause is this part of the time that has passed: some forty looks in 12 s, and not all requests that there are."""
SLACK = 0.5
"""Seconds that the measuring itself may take."""
PATIENCE = 2.0
"""How many times the bound is waited for, and as many seconds, to tell what comes late from what never comes."""
FORMATS = ("jwt", "paseto", "opaque")


def until(
    held: Callable[[], bool], clock: Clock, bound: float, pause: Callable[[float], object] | None = None
) -> float | None:
    """Seconds until ``held`` is false, looked at again and again, at first every 50 ms; None when it still holds at
    the end of our patience."""
    began, pause = clock.monotonic(), pause or Event().wait
    while True:
        if not held():
            return clock.monotonic() - began
        if (passed := clock.monotonic() - began) > PATIENCE * (bound + 1):
            return None
        pause(max(LOOK, passed / SHARE))


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
    """The bound is one for all, and counts from the answer to the sign-out. Late is what was still good after it."""
    bound, began = case.bound, case.clock.monotonic()
    took, last = dict[str, float](), dict[str, float]()

    def some_live() -> bool:
        for name in good.keys() - took.keys():
            asked = case.clock.monotonic() - began
            if good[name]():
                last[name] = asked
            else:
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
    worst = max(took.keys() & last.keys(), key=lambda name: last[name], default="")
    if worst and last[worst] > bound + SLACK:
        yield Sign("session.late", f"{worst}: {took[worst]:.1f} s after the sign-out; {bound:g} s are declared")


def _listed(case: Case) -> Iterator[Sign]:
    path = endpoint(case.canary.paths.sessions, "sessions")
    with visiting(case.canary, case.server) as visit:
        answer, own = case.server.ask(path, headers=visit.own()), visit.answer.json().text("session_id")
        if not answer.ok:
            raise CannotRunError(f"the list of sessions gave {answer.status}")
        listed = {one.text("session_id") for one in answer.json().items("sessions") or ()} - {""}
    if not listed or (own and own not in listed):
        yield Sign("session.unlisted", f"{len(listed)} sessions are listed, and the one that asks is not among them")


def refresh(case: Case, token: str) -> Answer:
    """The answer to one refresh token at the token endpoint."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return case.server.ask(endpoint(case.canary.paths.refresh, "refresh"), form=form)


def _shows(visit: Visit, token: str) -> Answer:
    return visit.patient.ask(visit.paths.me, headers=[bearer(token)])


FAMILY = Family(
    page="sign-out",
    title="A sign-out does not end everything",
    look="Sign in, keep the cookie and an access token, sign out, and send both to `/api/me`: 401 is right. The metric "
    "`watchword_lease_seconds` says whether a verifier hears.",
    prevent="Let every verifier follow the feed (`Issuer(…, revocations=…)`), and alarm on "
    "`watchword_feed_age_seconds`.",
    ailments=(
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
    ),
    probes=(
        Probe(
            id="session-ends",
            asks="does a sign-out end the session and its tokens within the bound",
            needs=("url", "canary", "guarded"),
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
