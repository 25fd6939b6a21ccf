"""Live, acting: what another site's page can make a signed-in browser do, and what our own pages can."""

from __future__ import annotations

from collections.abc import Iterator

from ..canary import session_cookie, sign_in, visiting
from .base import Ailment, Case, Family, Probe, Sign, endpoint, ensure_known

EVIL = "https://evil.example"
CROSSING = {
    "csrf.cross-site": (("sec-fetch-site", "cross-site"), ("origin", EVIL)),
    "csrf.foreign-origin": (("origin", EVIL),),
    "csrf.null-origin": (("origin", "null"),),
}
"""Ailment -> what a browser would send from that other page."""


def _crossing(case: Case) -> Iterator[Sign]:
    endpoint(case.canary.paths.sign_out, "sign_out")
    for ailment, headers in CROSSING.items():
        with visiting(case.canary, case.server) as visit:
            ensure_known(visit)
            status = visit.sign_out(visit.cookie, *headers).status
            if status < 400 or not visit.knows().ok:
                yield Sign(
                    ailment, f"a sign-out with {' and '.join(name for name, _ in headers)} of another site: {status}"
                )


def _sign_in(case: Case) -> Iterator[Sign]:
    answer = sign_in(case.canary, case.server, CROSSING["csrf.cross-site"])
    found = session_cookie(answer)
    if found is not None:
        yield Sign("csrf.sign-in", f"another site's page can sign a browser in: status {answer.status}")
        case.server.ask(
            case.canary.paths.sign_out, headers=[("cookie", f"{found[0]}={found[1]}"), ("origin", case.server.origin)]
        )


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
    elif (found := session_cookie(answer)) is not None:
        case.server.ask(
            case.canary.paths.sign_out, headers=[("cookie", f"{found[0]}={found[1]}"), ("origin", case.server.origin)]
        )


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
            id="csrf.null-origin",
            symptom="A sandboxed frame of any site acts for the user.",
            cause="`null` is listed as an origin, or Origin is rewritten.",
            mend='server.origins = ["https://app.example"]   # never "null"',
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
            mend='server.origins = ["https://app.example"]   # the public origin, in watchword.toml',
        ),
    ),
    probes=(
        Probe(
            id="csrf-crossing",
            asks="is a change from another site refused",
            needs=("url", "canary"),
            run=_crossing,
            finds=("csrf.cross-site", "csrf.foreign-origin", "csrf.null-origin"),
        ),
        Probe(
            id="csrf-sign-in",
            asks="is a sign-in from another site refused",
            needs=("url", "canary"),
            run=_sign_in,
            finds=("csrf.sign-in",),
        ),
        Probe(
            id="csrf-reading",
            asks="does a GET change nothing",
            needs=("url", "canary"),
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
