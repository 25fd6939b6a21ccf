"""Live, acting: the session cookie as a browser gets it, through every proxy on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import unquote

from ..canary import Visit, bearer, entered, leave, own_page, sign_in, visiting
from ..patient import Answer
from .base import Ailment, CannotRunError, Case, Family, Probe, Sign, endpoint

LONGEST_AGE = 30 * 86_400
"""Seconds that a session may be kept by a browser (NIST SP 800-63B section 4.1.3)."""


def _flags(case: Case) -> Iterator[Sign]:
    """Each line that holds the session, or sets its cookie once more: of one name browsers keep the last."""
    with visiting(case.canary, case.server) as visit:
        lines = visit.answer.all("set-cookie") + visit.knows().all("set-cookie")
    found: dict[str, Sign] = {}
    for line in filter(partial(_holds, visit), lines):
        name, flags = _read(line)
        copy = "" if name == visit.name else f"a copy of it in the cookie {name[:40]!a}: "
        for one in _amiss(name, flags, case.clock.now()):
            found.setdefault(one.ailment, Sign(one.ailment, f"{copy}{one.seen}"))
    yield from found.values()


def _holds(visit: Visit, line: str) -> bool:
    """Whether a browser's session depends on it."""
    return _read(line)[0] == visit.name or visit.token in unquote(line.partition(";")[0])


def _read(line: str) -> tuple[str, dict[str, str]]:
    """Name, and attributes in lower case: of one attribute the last, as browsers do (RFC 6265bis section 5.6)."""
    pair, _, rest = line.partition(";")
    told = (one.partition("=") for one in rest.split(";"))
    return pair.partition("=")[0].strip(), {name.strip().lower(): value.strip() for name, _, value in told}


def _amiss(name: str, flags: Mapping[str, str], now: int) -> Iterator[Sign]:
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
    if (age := _age(flags, now)) > LONGEST_AGE:
        yield Sign("cookie.long", f"browsers keep it for {age // 86_400} days")


def _age(flags: Mapping[str, str], now: int) -> int:
    """Seconds that a browser keeps it; 0 where it ends with the browser. Max-Age wins over Expires."""
    said = flags.get("max-age", "")
    if said.isascii() and said.isdigit():
        return int(said[:12])
    try:
        return max(0, int(parsedate_to_datetime(flags.get("expires", "")).timestamp()) - now)
    except (ValueError, TypeError, OverflowError):
        return 0


def _cleared(case: Case) -> Iterator[Sign]:
    endpoint(case.canary.paths.sign_out, "sign_out")
    with visiting(case.canary, case.server) as visit:
        answer = visit.sign_out()
        lines = _lines(answer, visit.name)
        value = lines[-1].partition(";")[0].partition("=")[2].strip(' "') if lines else "left"
        if answer.status < 400 and value:
            yield Sign("cookie.stays", "the answer to a sign-out does not clear it")


def _spared(case: Case) -> Iterator[Sign]:
    """A refusal leaves the cookie alone, so that the winner of a race keeps what it was given; and does not show it."""
    with visiting(case.canary, case.server) as visit:
        refused = {what: one for what, one in _refused(case, visit) if one.status >= 400}
    if taken := next((what for what, one in refused.items() if _lines(one, visit.name)), ""):
        yield Sign("cookie.taken", f"the refusal of {taken} ({refused[taken].status}) sets or clears it")
    if shown := [what for what, one in refused.items() if one.holds(visit.token)]:
        yield Sign("cookie.repeated", f"its token stands in the refusal of {' and of '.join(shown)}")


def _refused(case: Case, visit: Visit) -> Iterator[tuple[str, Answer]]:
    paths = case.canary.paths
    if paths.refresh:
        spent = {"grant_type": "refresh_token", "refresh_token": "ww_rt_spent"}
        yield "a refresh that lost", case.server.ask(paths.refresh, headers=visit.own(), form=spent)
    evil = [visit.cookie, ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]
    if paths.tokens:
        yield "a request from another site", case.server.ask(paths.tokens, headers=evil, json={})
    yield "two credentials", case.server.ask(paths.me, headers=[visit.cookie, bearer("none")])
    yield "a page that is not there", case.server.ask("GET /watchword-doctor-looks-for-nothing", headers=visit.own())


def _fresh(case: Case) -> Iterator[Sign]:
    """A session that was there before a sign-in is over afterwards, and its name is not used again (fixation)."""
    with visiting(case.canary, case.server) as visit:
        answer = sign_in(case.canary, case.server, [visit.cookie, *own_page(case.server)])
        other = entered(case.canary, answer, case.server)
        if other is None:
            raise CannotRunError(f"a second sign-in of the same browser gave {answer.status}")
        kept = other.token == visit.token
        try:
            if kept or visit.knows().ok:
                seen = "the same session goes on" if kept else "the session from before is still good"
                yield Sign("cookie.fixed", f"after a sign-in {seen}")
        finally:
            leave(other)


def _private(case: Case) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        said = visit.knows().header("cache-control").lower().replace(" ", "").split(",")
    public = "public" in said or any(one.startswith(("max-age=", "s-maxage=")) and one[-2:] != "=0" for one in said)
    if public and not {"private", "no-store"} & set(said):
        yield Sign("cookie.cached", "an answer for one user declares itself fit for everybody's cache")


def _lines(answer: Answer, name: str) -> list[str]:
    return [one for one in answer.all("set-cookie") if _read(one)[0] == name]


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
            mend='same_site = "lax"   # under [session] in watchword.toml; and no rewriting at the proxy',
        ),
        Ailment(
            id="cookie.wide",
            symptom="Nobody stays signed in, or every host of the domain gets the cookie.",
            cause="A proxy adds Domain or narrows Path (`proxy_cookie_domain`, `proxy_cookie_path`).",
            mend="proxy_cookie_domain off; proxy_cookie_path off;   # nginx",
        ),
        Ailment(
            id="cookie.long",
            level="warning",
            symptom="A lost or shared browser is signed in months later.",
            cause="Max-Age or Expires keeps the cookie for more than 30 days.",
            mend="CookiePolicy()   # without max_age it ends with the browser, and the session by session.absolute",
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
            id="cookie.repeated",
            symptom="Sessions stand in error pages, and so in trackers and screenshots.",
            cause="An error handler repeats the request, with its Cookie.",
            mend="DEBUG=false   # and remove the handler that prints the request; then: watchword revoke --everything",
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
            finds=(
                "cookie.no-prefix",
                "cookie.insecure",
                "cookie.readable",
                "cookie.any-site",
                "cookie.wide",
                "cookie.long",
            ),
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
            asks="does a refusal leave it alone, and keep it to itself",
            needs=("url", "canary"),
            run=_spared,
            finds=("cookie.taken", "cookie.repeated"),
        ),
        Probe(
            id="cookie-fresh",
            asks="does a sign-in begin a new session, and end the one before",
            needs=("url", "canary", "guarded"),
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
