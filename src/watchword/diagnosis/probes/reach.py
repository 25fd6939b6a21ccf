"""Live, read-only: does it answer, is it ready, and does it keep to itself what is not for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..canary import bearer
from ..patient import Answer, UnreachableError
from .base import Ailment, CannotRunError, Case, Family, Probe, Sign, endpoint

EVIL = "https://evil.example"
MARK = "D0ct0rPr0beN0T0ken"
"""What is shown where a credential could be, and must not come back."""
LEAST_HSTS = 31_536_000
"""A year (ASVS 5.0 3.4.1)."""
_EVERY = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?\*(?:\.[a-z0-9-]+)?(?::(?:\*|[0-9]+))?/?|[a-z][a-z0-9+.-]*:(?://)?")
_CODE = ("'unsafe-eval'", "'unsafe-inline'")
_WORD = re.compile(r"[a-z_]{1,40}")


def _answers(case: Case) -> Iterator[Sign]:
    try:
        case.server.ask(case.canary.paths.health or case.canary.paths.page or case.canary.paths.me)
    except UnreachableError as error:
        yield Sign("server.unreachable", str(error))
        return
    if not case.server.confidential:
        yield Sign("server.plain", f"{case.server.origin} is http, and of another machine")


def _ready(case: Case) -> Iterator[Sign]:
    answer = case.server.ask(endpoint(case.canary.paths.health, "health"))
    if answer.status == 404:
        raise CannotRunError("there is no health check at the path of the canary (404)")
    if not answer.ok:
        said = answer.json()
        words = {name: word for name in said if _WORD.fullmatch(name) and _WORD.fullmatch(word := said.text(name))}
        amiss = [f"{name}: {word}" for name, word in words.items() if word != "ok" and name != "status"][:8]
        yield Sign("server.not-ready", f"status {answer.status}; {', '.join(amiss) or 'it does not say why'}")


def _hsts(case: Case) -> Iterator[Sign]:
    said = case.server.ask(endpoint(case.canary.paths.page or case.canary.paths.me, "page")).header(
        "strict-transport-security"
    )
    found = re.search(r"max-age=\"?(\d{1,12})", said, re.IGNORECASE)
    if found is None or int(found[1]) < LEAST_HSTS:
        seen = f"max-age is {found[1]}" if found else "there is no Strict-Transport-Security"
        yield Sign("server.no-hsts", seen)


def _page(case: Case) -> Iterator[Sign]:
    answer = case.server.ask(endpoint(case.canary.paths.page, "page"))
    if answer.status >= 500:
        raise CannotRunError(f"the page fails with {answer.status}")
    if "text/html" not in answer.header("content-type"):
        raise CannotRunError("what is there is no page for browsers")
    policies = [_rules(one) for one in answer.header("content-security-policy").lower().split(",") if one.strip()]
    if not policies:
        yield Sign("page.no-csp", "there is no Content-Security-Policy")
    elif weak := min((_weak(rules) for rules in policies), key=len):
        yield Sign("page.weak-csp", f"scripts may come from {' '.join(sorted(weak))[:200]}")
    framers = [rules["frame-ancestors"] for rules in policies if "frame-ancestors" in rules]
    options = {one.strip().lower() for one in answer.header("x-frame-options").split(",")}
    told = any(not any(map(_anybody, one)) for one in framers) if framers else options <= {"deny", "sameorigin"}
    if not told:
        yield Sign("page.framable", "neither frame-ancestors nor X-Frame-Options says who may frame it")
    if answer.header("x-content-type-options").lower() != "nosniff":
        yield Sign("page.sniffed", "there is no X-Content-Type-Options: nosniff")


def _rules(policy: str) -> dict[str, list[str]]:
    """Directive -> its words; of one directive the first counts (CSP 3 section 2.2.1)."""
    found: dict[str, list[str]] = {}
    for rule in policy.split(";"):
        if words := rule.split():
            found.setdefault(words[0], words[1:])
    return found


def _weak(rules: dict[str, list[str]]) -> set[str]:
    """From where an attacker's script could come."""
    everything = rules.get("default-src", ["*"])
    scripts = rules.get("script-src", everything)
    scripts = [*scripts, *rules.get("script-src-elem", ())]
    if "'strict-dynamic'" in scripts:
        return set()
    weak = {word for word in scripts if _anybody(word) or word in _CODE}
    guarded = any(word.startswith(("'nonce-", "'sha256-", "'sha384-", "'sha512-")) for word in scripts)
    return weak - ({"'unsafe-inline'"} if guarded else set())


def _anybody(source: str) -> bool:
    """Whether a source of a policy is one that everybody has: a whole scheme, every host, all of a top-level domain."""
    return _EVERY.fullmatch(source) is not None


def _cors(case: Case) -> Iterator[Sign]:
    for origin in (EVIL, "null"):
        answer = case.server.ask(
            endpoint(case.canary.paths.me, "me"), headers=[("origin", origin), ("sec-fetch-site", "cross-site")]
        )
        if answer.readable_by(origin):
            yield Sign("page.any-origin", f"a page of the origin {origin} may read answers to requests with cookies")
            return


def _metrics(case: Case) -> Iterator[Sign]:
    answer = case.server.ask(endpoint(case.canary.paths.metrics, "metrics"))
    if answer.ok and b"\n# " in b"\n" + answer.body[:4096]:
        yield Sign("server.open-metrics", "the metrics came without a token")


def _refusals(case: Case) -> Iterator[Sign]:
    """A refusal of what is no token at all: it says what kind of credential is wanted, and shows nothing."""
    me = endpoint(case.canary.paths.me, "me")
    shots: dict[str, Answer] = {
        "an opaque token": case.server.ask(me, headers=[bearer(f"ww_at_{MARK}")]),
        "a JWT": case.server.ask(me, headers=[bearer(f"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.{MARK}")]),
        "a cookie": case.server.ask(me, headers=[("cookie", f"{case.canary.cookie or 'session'}={MARK}")]),
        "a query": case.server.ask(me, query=f"access_token={MARK}"),
        "nothing": case.server.ask(me),
    }
    echoed = [what for what, answer in shots.items() if answer.holds(MARK)]
    if echoed:
        yield Sign("leak.echo", f"the answer to {' and to '.join(echoed)} repeats it")
    broken = [what for what, one in shots.items() if one.status == 500 or b"Traceback (most recent call" in one.body]
    if broken:
        yield Sign("leak.trace", f"{' and '.join(broken)} made it fail, with status 500 or a traceback")
    mute = [what for what, one in shots.items() if one.status == 401 and not one.header("www-authenticate")]
    if mute:
        yield Sign("server.mute", f"401 without WWW-Authenticate for {' and '.join(mute)}")


FAMILY = Family(
    page="server",
    title="The server does not answer, is not ready, or says too much",
    look="`curl -si https://app.example/health` and `curl -si https://app.example/`: read the status and every header.",
    prevent="Let the load balancer ask `/health`, put `secure_page()` on pages, and run the doctor against the public "
    "URL after each change of the proxy.",
    ailments=(
        Ailment(
            id="server.unreachable",
            symptom="Nobody can sign in; every request fails before it has an answer.",
            cause="The process is down, the name or port is wrong, or the certificate is not trusted.",
            mend="watchword serve --config watchword.toml   # and curl -v https://app.example for the certificate",
        ),
        Ailment(
            id="server.plain",
            symptom="Browsers keep no `__Host-` cookie, so nobody stays signed in; anybody on the way reads tokens.",
            cause="The URL is http.",
            mend="certbot --nginx -d app.example   # or whatever ends TLS before it",
        ),
        Ailment(
            id="server.not-ready",
            symptom="Checks answer 503.",
            cause="The store is away, the lease on the feed has run out, or its follower died.",
            mend="watchword db status --config watchword.toml   # restart only on follower: dead",
        ),
        Ailment(
            id="server.no-hsts",
            symptom="A first visit by http can be taken over.",
            cause="The proxy removes Strict-Transport-Security, or the server is not told that the request came by "
            "https.",
            mend='trusted_proxies = ["ADDRESS OF THE PROXY"]   '
            "# under [server] in watchword.toml; it sends X-Forwarded-Proto",
        ),
        Ailment(
            id="server.open-metrics",
            symptom="Anybody reads how many sign-ins fail, and how far the verifiers are behind.",
            cause="The metrics are shown without a token.",
            mend='metrics_token_sha256 = "…"   # under [server] in watchword.toml; or close the path at the proxy',
        ),
        Ailment(
            id="server.mute",
            level="warning",
            symptom="Clients report 401 and nobody can say why; libraries do not try to refresh.",
            cause="Something replaces refusals and drops WWW-Authenticate (RFC 9110 section 15.5.2).",
            mend="proxy_intercept_errors off;   # nginx; or let WatchwordErrors reach the middleware",
        ),
        Ailment(
            id="page.no-csp",
            symptom="One injected script acts as every user.",
            cause="No Content-Security-Policy reaches the browser.",
            mend="response.headers.update(secure_page().headers)   # or stop the proxy from removing it",
        ),
        Ailment(
            id="page.weak-csp",
            symptom="An injected script runs although there is a policy.",
            cause="The policy lets scripts come from anywhere, or stand in the page.",
            mend="response.headers.update(secure_page().headers)   # scripts by nonce",
        ),
        Ailment(
            id="page.framable",
            symptom="Users click what they do not see (clickjacking).",
            cause="Neither `frame-ancestors` nor `X-Frame-Options` reaches the browser, or they name everybody, or "
            "what browsers do not know (`ALLOWALL`, `ALLOW-FROM`).",
            mend="response.headers.update(secure_page().headers)",
        ),
        Ailment(
            id="page.sniffed",
            level="warning",
            symptom="An uploaded file is run as a script.",
            cause="`X-Content-Type-Options: nosniff` is missing.",
            mend="response.headers.update(secure_page().headers)",
        ),
        Ailment(
            id="page.any-origin",
            symptom="A page of any site reads who the user is, and what they have.",
            cause="CORS reflects every origin, or allows `null`, with credentials.",
            mend='origins = ["https://app.example"]   '
            "# under [server] in watchword.toml; and remove the wildcard from the proxy",
        ),
        Ailment(
            id="leak.echo",
            symptom="Tokens stand in error pages, and so in trackers and screenshots.",
            cause="An error handler repeats what was sent.",
            mend="proxy_intercept_errors off;   # and remove the handler that prints the request",
        ),
        Ailment(
            id="leak.trace",
            symptom="A malformed token is a 500, or shows source code.",
            cause="Debug mode is on, or an exception of the application escapes.",
            mend="DEBUG=false   # in the environment of the application; pytest with assert_rejects_all(client, path)",
        ),
    ),
    probes=(
        Probe(
            id="server-answers",
            asks="does it answer, over TLS",
            needs=("url",),
            run=_answers,
            finds=("server.unreachable", "server.plain"),
        ),
        Probe(id="server-ready", asks="can it judge", needs=("url",), run=_ready, finds=("server.not-ready",)),
        Probe(id="server-hsts", asks="does it keep to TLS", needs=("url", "tls"), run=_hsts, finds=("server.no-hsts",)),
        Probe(
            id="page-headers",
            asks="what may its page load, and who may frame it",
            needs=("url",),
            run=_page,
            finds=("page.no-csp", "page.weak-csp", "page.framable", "page.sniffed"),
        ),
        Probe(
            id="page-origins",
            asks="may another site's page read answers",
            needs=("url",),
            run=_cors,
            finds=("page.any-origin",),
        ),
        Probe(
            id="metrics-closed",
            asks="are the metrics for who has the token",
            needs=("url",),
            run=_metrics,
            finds=("server.open-metrics",),
        ),
        Probe(
            id="refusals",
            asks="is a refusal plain, and silent about what came",
            needs=("url",),
            run=_refusals,
            finds=("leak.echo", "leak.trace", "server.mute"),
        ),
    ),
)
