"""Live, acting: the session cookie as a browser gets it, through every proxy on the way."""

from __future__ import annotations

from collections.abc import Iterator

from ..canary import bearer, visiting
from ..patient import Answer
from .base import Ailment, CannotRunError, Case, Family, Probe, Sign, endpoint


def _flags(case: Case) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        line, name = _line(visit.answer, visit.name), visit.name
    flags = {one.partition("=")[0].strip().lower(): one.partition("=")[2].strip() for one in line.split(";")[1:]}
    if not name.startswith("__Host-"):
        yield Sign("cookie.no-prefix", "its name does not begin with __Host-")
    if "secure" not in flags:
        yield Sign("cookie.insecure", "it has no Secure")
    if "httponly" not in flags:
        yield Sign("cookie.readable", "it has no HttpOnly")
    if flags.get("samesite", "").lower() not in ("lax", "strict"):
        yield Sign("cookie.any-site", f"SameSite is {flags.get('samesite', '').lower()[:10] or 'missing'}")
    if "domain" in flags or flags.get("path", "") != "/":
        yield Sign("cookie.wide", "it has a Domain, or another Path than /: browsers drop a __Host- cookie that has")


def _cleared(case: Case) -> Iterator[Sign]:
    endpoint(case.canary.paths.sign_out, "sign_out")
    with visiting(case.canary, case.server) as visit:
        answer = visit.sign_out()
        line = _line(answer, visit.name)
        value = line.partition(";")[0].partition("=")[2].strip(' "')
        if answer.status < 400 and (not line or value):
            yield Sign("cookie.stays", "the answer to a sign-out does not clear it")


def _spared(case: Case) -> Iterator[Sign]:
    """A request that is refused leaves the cookie alone: the winner of a race keeps what it was given."""
    paths = case.canary.paths
    with visiting(case.canary, case.server) as visit:
        refused: list[tuple[str, Answer]] = []
        if paths.refresh:
            spent = {"grant_type": "refresh_token", "refresh_token": "ww_rt_spent"}
            refused.append(("a refresh that lost", case.server.ask(paths.refresh, headers=visit.own(), form=spent)))
        evil = [visit.cookie, ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]
        if paths.tokens:
            refused.append(("a request from another site", case.server.ask(paths.tokens, headers=evil, json={})))
        refused.append(("two credentials", case.server.ask(paths.me, headers=[visit.cookie, bearer("none")])))
        for what, answer in refused:
            if answer.status >= 400 and _line(answer, visit.name):
                yield Sign("cookie.taken", f"the refusal of {what} ({answer.status}) sets or clears it")
                return


def _fresh(case: Case) -> Iterator[Sign]:
    """A session that was there before a sign-in is over afterwards, and its name is not used again (fixation)."""
    from ..canary import own_page, session_cookie, sign_in

    with visiting(case.canary, case.server) as visit:
        answer = sign_in(case.canary, case.server, [visit.cookie, *own_page(case.server)])
        found = session_cookie(answer)
        if found is None:
            raise CannotRunError(f"a second sign-in of the same browser gave {answer.status}")
        kept = found[1] == visit.token
        try:
            if kept or visit.knows().ok:
                seen = "the same session goes on" if kept else "the session from before is still good"
                yield Sign("cookie.fixed", f"after a sign-in {seen}")
        finally:
            case.server.ask(
                case.canary.paths.sign_out, headers=[("cookie", f"{found[0]}={found[1]}"), *own_page(case.server)]
            )


def _private(case: Case) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        said = visit.knows().header("cache-control").lower().replace(" ", "").split(",")
    public = "public" in said or any(one.startswith(("max-age=", "s-maxage=")) and one[-2:] != "=0" for one in said)
    if public and not {"private", "no-store"} & set(said):
        yield Sign("cookie.cached", "an answer for one user declares itself fit for everybody's cache")


def _line(answer: Answer, name: str) -> str:
    return next((one for one in answer.all("set-cookie") if one.partition("=")[0].strip() == name), "")


FAMILY = Family(
    page="cookies",
    title="The session cookie is not what the server wrote",
    look="`curl -si -X POST https://app.example/account/sign-in …` and read Set-Cookie; compare with the same "
    "request to "
    "the process itself.",
    prevent="Let no proxy rewrite Set-Cookie, and run the doctor with a canary after each change of the proxy.",
    ailments=(
        Ailment(
            id="cookie.no-prefix",
            symptom="A neighbour on the domain, or a plain-http page, can plant a session.",
            cause="The cookie is renamed on the way, or an older middleware sets its own.",
            mend="proxy_cookie_flags off;   # nginx, and remove what renames it; CookiePolicy() writes __Host-",
        ),
        Ailment(
            id="cookie.insecure",
            symptom="The cookie crosses the network in the clear on the first http link.",
            cause="Secure was removed on the way, often because TLS ends before the proxy that did.",
            mend="proxy_cookie_flags off;   # nginx; or remove the rule that rewrites Set-Cookie",
        ),
        Ailment(
            id="cookie.readable",
            symptom="One injected script takes the session away.",
            cause="HttpOnly was removed on the way.",
            mend="proxy_cookie_flags off;   # nginx; or remove the rule that rewrites Set-Cookie",
        ),
        Ailment(
            id="cookie.any-site",
            symptom="Other sites' pages send the cookie along.",
            cause="SameSite was removed, or set to None for somebody who embeds the page.",
            mend='session.same_site = "lax"   # in watchword.toml, and no rewriting at the proxy',
        ),
        Ailment(
            id="cookie.wide",
            symptom="Nobody stays signed in, or every host of the domain gets the cookie.",
            cause="A proxy adds Domain or narrows Path (`proxy_cookie_domain`, `proxy_cookie_path`).",
            mend="proxy_cookie_domain off; proxy_cookie_path off;   # nginx",
        ),
        Ailment(
            id="cookie.stays",
            level="warning",
            symptom="After signing out the browser goes on sending a dead session, and sees refusals.",
            cause="Set-Cookie of the answer to a sign-out is dropped on the way, often from a 204.",
            mend="curl -si -X DELETE http://127.0.0.1:8080/account/session …   # compare, and let Set-Cookie through",
        ),
        Ailment(
            id="cookie.taken",
            symptom="Users are signed out when two tabs refresh at once: the loser's refusal deletes the "
            "winner's cookie.",
            cause="An error handler clears the session cookie on every refusal.",
            mend='grep -rn "delete_cookie" .   # take it out of error handlers; auth.sign_out clears it when it is due',
        ),
        Ailment(
            id="cookie.fixed",
            symptom="An attacker who planted a session is signed in as whoever signs in next.",
            cause="A sign-in keeps the session that was there.",
            mend="await auth.sign_in(subject)   # once for each sign-in; it ends the browser's session from before",
        ),
        Ailment(
            id="cookie.cached",
            symptom="A user sees another user's page.",
            cause="Answers to requests with a cookie may be kept by shared caches.",
            mend="proxy_no_cache $http_cookie;   # nginx; and Cache-Control: no-store on private pages",
        ),
    ),
    probes=(
        Probe(
            id="cookie-flags",
            asks="does the browser get it as it was written",
            needs=("url", "canary"),
            run=_flags,
            finds=("cookie.no-prefix", "cookie.insecure", "cookie.readable", "cookie.any-site", "cookie.wide"),
        ),
        Probe(
            id="cookie-cleared",
            asks="does a sign-out clear it",
            needs=("url", "canary"),
            run=_cleared,
            finds=("cookie.stays",),
        ),
        Probe(
            id="cookie-spared",
            asks="does a refusal leave it alone",
            needs=("url", "canary"),
            run=_spared,
            finds=("cookie.taken",),
        ),
        Probe(
            id="cookie-fresh",
            asks="does a sign-in begin a new session, and end the one before",
            needs=("url", "canary"),
            run=_fresh,
            finds=("cookie.fixed",),
        ),
        Probe(
            id="cookie-private",
            asks="do shared caches keep off private answers",
            needs=("url", "canary"),
            run=_private,
            finds=("cookie.cached",),
        ),
    ),
)
