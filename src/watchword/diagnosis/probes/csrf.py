"""Live, acting: what another site's page can make a signed-in browser do, and what our own pages can."""

from __future__ import annotations

from collections.abc import Iterator

from ..canary import Visit, entered, leave, sign_in, visiting
from ..patient import Patient
from .base import Ailment, Case, Family, Probe, Sign, endpoint, ensure_known

EVIL = "https://evil.example"
Headers = tuple[tuple[str, str], ...]


def crossings(patient: Patient) -> dict[str, Headers]:
    """Ailment -> what a browser would send from that other page."""
    return {
        "csrf.cross-site": (("sec-fetch-site", "cross-site"), ("origin", EVIL)),
        "csrf.sibling": (("sec-fetch-site", "same-site"), ("origin", patient.sibling)),
        "csrf.foreign-origin": (("origin", EVIL),),
        "csrf.null-origin": (("origin", "null"),),
    }


def _crossing(case: Case) -> Iterator[Sign]:
    endpoint(case.canary.paths.sign_out or case.canary.paths.tokens, "sign_out")
    for ailment, headers in crossings(case.server).items():
        with visiting(case.canary, case.server) as visit:
            ensure_known(visit)
            if done := list(_done(visit, headers)):
                named = " and ".join(name for name, _ in headers)
                yield Sign(ailment, f"{' and '.join(done)}, with {named} of another site")


def _done(visit: Visit, headers: Headers) -> Iterator[str]:
    """What such a page got through."""
    sent = [visit.cookie, *headers]
    if visit.paths.tokens and (status := visit.patient.ask(visit.paths.tokens, headers=sent, json={}).status) < 400:
        yield f"tokens were issued ({status})"
    if visit.paths.sign_out and ((status := visit.sign_out(*sent).status) < 400 or not visit.knows().ok):
        yield f"it was signed out ({status})"


def _reading_elsewhere(case: Case) -> Iterator[Sign]:
    """With the user's cookie: CORS is often written for refusals otherwise than for answers."""
    with visiting(case.canary, case.server) as visit:
        ensure_known(visit)
        for origin in (EVIL, "null"):
            answer = case.server.ask(visit.paths.me, headers=[visit.cookie, ("origin", origin)])
            if answer.readable_by(origin):
                yield Sign("csrf.any-reader", f"an answer to the user's cookie may be read by the origin {origin}")
                return


def _sign_in(case: Case) -> Iterator[Sign]:
    answer = sign_in(case.canary, case.server, crossings(case.server)["csrf.cross-site"])
    visit = entered(case.canary, answer, case.server)
    if visit is not None and visit.knows().ok:
        yield Sign("csrf.sign-in", f"another site's page can sign a browser in: status {answer.status}")
    leave(visit)


def _reading(case: Case) -> Iterator[Sign]:
    """A GET is what a link, an image or a scanner of mail does: it changes nothing."""
    path = endpoint(case.canary.paths.sign_out, "sign_out").partition(" ")[2]
    with visiting(case.canary, case.server) as visit:
        ensure_known(visit)
        case.server.ask(f"GET {path}", headers=[visit.cookie, ("sec-fetch-site", "cross-site")])
        if not visit.knows().ok:
            yield Sign("csrf.get-acts", "a GET of the sign-out's path ended the session")


def _own(case: Case) -> Iterator[Sign]:
    """An older browser says Origin alone, and its page is ours: as ours it has to count, whatever name a proxy uses."""
    answer = sign_in(case.canary, case.server, [("origin", case.server.origin)])
    if answer.status == 403:
        yield Sign("csrf.own-refused", f"a sign-in from {case.server.origin} itself is refused as from another site")
    else:
        leave(entered(case.canary, answer, case.server))


FAMILY = Family(
    page="csrf",
    title="Another site can act for the user, or the user's own page cannot",
    look="In the browser's network panel: Origin, Sec-Fetch-Site and Host of the request. The server's log says which "
    "header it refused, and which setting would allow it.",
    prevent="Leave the check to the middleware, send changes by POST or DELETE alone, and name the public origin.",
    ailments=(
        Ailment(
            id="csrf.cross-site",
            symptom="A link on another site signs users out, or orders something.",
            cause="The check is bypassed: a route beside the middleware, or a proxy that rewrites Sec-Fetch-Site.",
            mend="auth.attach(app)   # around all routes; and pass Sec-Fetch-* and Origin through unchanged",
        ),
        Ailment(
            id="csrf.foreign-origin",
            symptom="The same in browsers that do not send Sec-Fetch-Site.",
            cause="The Origin header is not compared, or a proxy removes it.",
            mend="auth.attach(app)   # and pass Origin through unchanged",
        ),
        Ailment(
            id="csrf.sibling",
            level="warning",
            symptom="A page of another subdomain, or one that was taken over, acts for the user.",
            cause="Requests that say `Sec-Fetch-Site: same-site` count as our own.",
            mend="auth.attach(app)   # same-origin alone; name siblings that may: server.origins",
        ),
        Ailment(
            id="csrf.any-reader",
            symptom="A page of any site reads who the user is, and what they have.",
            cause="CORS reflects every origin, or allows `null`, with credentials, once a user is signed in.",
            mend='origins = ["https://app.example"]   '
            "# under [server] in watchword.toml; and remove what copies Origin into the answer",
        ),
        Ailment(
            id="csrf.null-origin",
            symptom="A sandboxed frame of any site acts for the user.",
            cause="`null` is listed as an origin, or Origin is rewritten.",
            mend='origins = ["https://app.example"]   # under [server] in watchword.toml; never "null"',
        ),
        Ailment(
            id="csrf.sign-in",
            symptom="Users work in somebody else's account without knowing (login CSRF).",
            cause="The sign-in is not checked for its sender.",
            mend="await auth.sign_in(subject)   # checks it; a sign-in of one's own: check_sender(connection)",
        ),
        Ailment(
            id="csrf.get-acts",
            symptom="Prefetching browsers and mail scanners sign users out, or use up links.",
            cause="A GET changes something.",
            mend='@app.post("/logout")   # and not @app.get',
        ),
        Ailment(
            id="csrf.own-refused",
            symptom="Sign-in answers 403 `csrf` behind the proxy, and works without it.",
            cause="The server sees another scheme or host than the browser does.",
            mend='origins = ["https://app.example"]   # under [server] in watchword.toml: the public origin',
        ),
    ),
    probes=(
        Probe(
            id="csrf-crossing",
            asks="is a change from another site refused",
            needs=("url", "canary", "guarded"),
            run=_crossing,
            finds=("csrf.cross-site", "csrf.sibling", "csrf.foreign-origin", "csrf.null-origin"),
        ),
        Probe(
            id="csrf-readers",
            asks="may another site's page read what the user is told",
            needs=("url", "canary"),
            run=_reading_elsewhere,
            finds=("csrf.any-reader",),
        ),
        Probe(
            id="csrf-sign-in",
            asks="is a sign-in from another site refused",
            needs=("url", "canary", "guarded"),
            run=_sign_in,
            finds=("csrf.sign-in",),
        ),
        Probe(
            id="csrf-reading",
            asks="does a GET change nothing",
            needs=("url", "canary", "guarded"),
            run=_reading,
            finds=("csrf.get-acts",),
        ),
        Probe(
            id="csrf-own",
            asks="do its own pages get in, as seen through the proxy",
            needs=("url", "canary"),
            run=_own,
            finds=("csrf.own-refused",),
        ),
    ),
)
