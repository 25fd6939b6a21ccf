"""What can befall a server that runs: one fault each, as a proxy or a bug would make it, and what the doctor says."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from secrets import token_hex
from typing import Any

from tests.unit.diagnosis.wards import Ask, Asked, Fault, Said, Ward
from watchword.encoding import b64url, dump_json, json_object, unb64url
from watchword.errors import WatchwordError
from watchword.keys.key import Key

ME, SIGN_IN, SIGN_OUT = "GET /api/me", "POST /account/sign-in", "DELETE /account/session"
TOKENS, REFRESH, JWKS = "POST /account/tokens", "POST /oauth/token", "GET /.well-known/jwks.json"
PAGE, HEALTH, SESSIONS = "GET /", "GET /health", "GET /account/sessions"
COOKIE = "__Host-Http-ww_sid"
EVIL = "https://evil.example"


@dataclass(frozen=True)
class Row:
    """One fault. ``make``: it anew for each run, for some remember what passed. ``settings``: of the server."""

    make: Callable[[Ward], Fault]
    expected: frozenset[str]
    settings: dict[str, Any] = field(default_factory=dict)


FAULTS: dict[str, Row] = {}


def fault(name: str, *expected: str, **settings: Any) -> Callable[[Callable[[Ward], Fault]], Callable[[Ward], Fault]]:
    def enter(make: Callable[[Ward], Fault]) -> Callable[[Ward], Fault]:
        FAULTS[name] = Row(make, frozenset(expected), settings)
        return make

    return enter


def answers(change: Callable[[Asked, Said], object], *requests: str) -> Callable[[Ward], Fault]:
    """A fault that changes answers, to these requests or to all."""

    async def meddle(asked: Asked, ask: Ask) -> Said:
        seen = f"{asked.method} {asked.path}"
        said = await ask(asked)
        if not requests or seen in requests:
            change(asked, said)
        return said

    return lambda ward: meddle


def requests(change: Callable[[Asked], object], *which: str) -> Callable[[Ward], Fault]:
    """A fault that changes requests."""

    async def meddle(asked: Asked, ask: Ask) -> Said:
        if not which or f"{asked.method} {asked.path}" in which:
            change(asked)
        return await ask(asked)

    return lambda ward: meddle


def simple(name: str, make: Callable[[Ward], Fault], *expected: str, **settings: Any) -> None:
    fault(name, *expected, **settings)(make)


def fake(status: int, /, **members: Any) -> Said:
    return Said(status, [(b"content-type", b"application/json"), (b"cache-control", b"no-store")], dump_json(members))


def welcome() -> Said:
    return fake(200, subject="canary")


def has_cookie(said: Said) -> bool:
    return any(key == b"set-cookie" and not value.startswith(f"{COOKIE}=;".encode()) for key, value in said.headers)


def recooked(change: Callable[[str], str | None]) -> Callable[[Asked, Said], None]:
    def meddle(asked: Asked, said: Said) -> None:
        kept = []
        for key, value in said.headers:
            if key == b"set-cookie":
                if (changed := change(value.decode())) is None:
                    continue
                value = changed.encode()
            kept.append((key, value))
        said.headers = kept

    return meddle


# What browsers are told


def policy(text: str | None) -> Callable[[Asked, Said], None]:
    return lambda asked, said: said.put("content-security-policy", text)


simple("a proxy removes the policy", answers(policy(None), PAGE), "page.no-csp", "page.framable")
simple(
    "a policy that lets scripts stand in the page",
    answers(policy("default-src 'self'; script-src 'self' 'unsafe-inline'; frame-ancestors 'none'"), PAGE),
    "page.weak-csp",
)
simple("a policy for frames is lost", answers(policy("default-src 'none'"), PAGE), "page.framable")
simple(
    "nosniff is lost",
    answers(lambda asked, said: said.put("x-content-type-options", None), PAGE),
    "page.sniffed",
)


@fault("CORS reflects every origin", "page.any-origin", "csrf.any-reader")
def _cors(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        if origin := asked.get("origin"):
            said.put("access-control-allow-origin", origin)
            said.put("access-control-allow-credentials", "true")
        return said

    return meddle


# What everybody is told


@fault("the metrics are open", "server.open-metrics")
def _metrics(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        if asked.is_("GET /metrics"):
            return Said(200, [(b"content-type", b"text/plain")], b"# HELP watchword_published_total x\n")
        return await ask(asked)

    return meddle


@fault("the store is away", "server.not-ready")
def _away(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        if asked.is_(HEALTH):
            return fake(503, status="unavailable", store="store_unavailable", follower="ok")
        return await ask(asked)

    return meddle


@fault("an error page repeats the request", "leak.echo")
def _echo(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        shown = dump_json({"headers": {k.decode(): v.decode("latin-1") for k, v in asked.headers}})
        said = await ask(asked)
        if said.status == 401:
            said.body = shown
        return said

    return meddle


@fault("debug mode", "leak.trace")
def _debug(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        if said.status == 401 and asked.get("authorization"):
            return Said(500, [(b"content-type", b"text/plain")], b"Traceback (most recent call last):\n")
        return said

    return meddle


simple(
    "a proxy writes its own refusals",
    answers(lambda asked, said: said.put("www-authenticate", None)),
    "server.mute",
)


# The key documents


def keyed(change: Callable[[dict[str, Any]], object]) -> Callable[[Asked, Said], None]:
    def meddle(asked: Asked, said: Said) -> None:
        document = json.loads(said.body)
        change(document)
        said.body = dump_json(document)

    return meddle


def _other_key(document: dict[str, Any]) -> None:
    document["keys"] = [Key.generate("ES256").public().to_jwk()]


simple(
    "a private key is published",
    answers(keyed(lambda document: document["keys"][0].update(d="AAAA")), JWKS),
    "document.secret",
)


def _cut(asked: Asked, said: Said) -> None:
    said.body = said.body[:60]


simple("the JWKS is cut", answers(_cut, JWKS), "document.broken")
simple(
    "a CDN keeps the JWKS for a day",
    answers(lambda asked, said: said.put("cache-control", "public, max-age=86400"), JWKS),
    "document.cached-long",
)
simple(
    "the JWKS says nothing about caches",
    answers(lambda asked, said: said.put("cache-control", None), JWKS),
    "document.uncached",
)
simple(
    "an old JWKS is served",
    answers(keyed(_other_key), JWKS),
    "document.signer-missing",
    "document.other-keys",
)


# Clocks


simple(
    "the server's clock is ten minutes ahead",
    answers(lambda asked, said: said.put("date", formatdate(usegmt=True, timeval=2_000_000_000)), HEALTH),
    "clock.skew",
)


# The cookie


@fault("the cookie is renamed", "cookie.no-prefix")
def _renamed(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        if cookie := asked.get("cookie"):
            asked.put("cookie", cookie.replace("sid=", f"{COOKIE}="))
        said = await ask(asked)
        recooked(lambda line: line.replace(COOKIE, "sid"))(asked, said)
        return said

    return meddle


for flag, id in (
    ("; Secure", "cookie.insecure"),
    ("; HttpOnly", "cookie.readable"),
    ("; SameSite=Lax", "cookie.any-site"),
):
    simple(f"the cookie loses {flag[2:]}", answers(recooked(lambda line, flag=flag: line.replace(flag, ""))), id)  # type: ignore[misc]
simple(
    "the cookie is for every site",
    answers(recooked(lambda line: line.replace("SameSite=Lax", "SameSite=None"))),
    "cookie.any-site",
)
simple("the cookie gets a domain", answers(recooked(lambda line: f"{line}; Domain=example.com")), "cookie.wide")
simple("a sign-out leaves the cookie", answers(recooked(lambda line: None), SIGN_OUT), "cookie.stays")


def _taken(asked: Asked, said: Said) -> None:
    if said.status in (400, 401, 403):
        said.headers.append((b"set-cookie", f"{COOKIE}=; Path=/; Secure; HttpOnly; Max-Age=0".encode()))


simple("every refusal deletes the cookie", answers(_taken), "cookie.taken")
simple(
    "a sign-in keeps the session before it", requests(lambda asked: asked.put("cookie", None), SIGN_IN), "cookie.fixed"
)
simple(
    "a CDN may keep private answers",
    answers(lambda asked, said: said.put("cache-control", "public, max-age=60"), ME),
    "cookie.cached",
)


# Other sites


def _from_here(ward: Ward, asked: Asked) -> None:
    asked.put("sec-fetch-site", None)
    asked.put("origin", ward.url)


def crossing(which: str, admits: Callable[[Asked], bool]) -> Callable[[Ward], Fault]:
    def make(ward: Ward) -> Fault:
        async def meddle(asked: Asked, ask: Ask) -> Said:
            if asked.is_(which) and admits(asked):
                _from_here(ward, asked)
            return await ask(asked)

        return meddle

    return make


simple(
    "a change from another site gets through",
    crossing(SIGN_OUT, lambda asked: asked.get("sec-fetch-site") == "cross-site"),
    "csrf.cross-site",
)
simple(
    "a foreign Origin gets through",
    crossing(SIGN_OUT, lambda asked: asked.get("origin") == EVIL and not asked.get("sec-fetch-site")),
    "csrf.foreign-origin",
)
simple(
    "a sandboxed page gets through", crossing(SIGN_OUT, lambda asked: asked.get("origin") == "null"), "csrf.null-origin"
)
simple("another site may sign in", crossing(SIGN_IN, lambda asked: asked.get("origin") == EVIL), "csrf.sign-in")


@fault("a GET signs out", "csrf.get-acts")
def _get(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        if asked.is_("GET /account/session"):
            asked.method = "DELETE"
            _from_here(ward, asked)
        return await ask(asked)

    return meddle


simple(
    "a proxy hides the public name",
    requests(lambda asked: asked.put("host", "backend:8000")),
    "csrf.own-refused",
    issuer="https://as.example",
)


# Sessions


simple("the sign-in loses its cookie", answers(recooked(lambda line: None), SIGN_IN), "session.no-sign-in")
simple("a proxy drops Cookie", requests(lambda asked: asked.put("cookie", None), ME), "session.forgotten")


@fault("the sign-in shows the token", "leak.body")
def _shown(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        if asked.is_(SIGN_IN) and has_cookie(said):
            said.body = dump_json({**json.loads(said.body), "token": said.get("set-cookie").partition(";")[0]})
        return said

    return meddle


@fault("the sign-in redirects with the token", "leak.location")
def _redirect(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        if asked.is_(SIGN_IN) and has_cookie(said):
            token = said.get("set-cookie").partition(";")[0].partition("=")[2]
            said.status = 303
            said.put("location", f"/?session={token}")
        return said

    return meddle


@fault("a sign-out clears the cookie alone", "session.lives", "session.access-lives", "session.refresh-lives")
def _cookie_alone(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        if asked.is_(SIGN_OUT) and asked.get("sec-fetch-site") == "same-origin":
            return Said(
                204, [(b"set-cookie", f"{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0".encode())]
            )
        return await ask(asked)

    return meddle


def cached(header: str, seconds: float = 1e9) -> Callable[[Ward], Fault]:
    """Good answers to who is calling are kept by what was presented, and outlive it by so much."""

    def make(ward: Ward) -> Fault:
        kept: dict[str, Said] = {}
        ended: dict[str, float] = {}

        async def meddle(asked: Asked, ask: Ask) -> Said:
            key, now = asked.get(header), asyncio.get_running_loop().time()
            said = await ask(asked)
            if asked.path != "/api/me" or not key or asked.query:
                return said
            if said.status == 200:
                kept[key] = said
            elif key in kept and now - ended.setdefault(key, now) < seconds:
                return Said(200, list(kept[key].headers), kept[key].body)
            return said

        return meddle

    return make


simple("a cache of sessions hears of no revocation", cached("cookie"), "session.lives")
simple("a gateway keeps its answers for a second", cached("authorization", 1.2), "session.late")


@fault("signed-out refresh tokens go on", "session.refresh-lives")
def _undead(ward: Ward) -> Fault:
    issued: dict[str, str] = {}
    over: set[str] = set()

    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        session = asked.get("cookie")
        if asked.is_(TOKENS) and said.status == 200:
            issued[json.loads(said.body)["refresh_token"]] = session
        if asked.is_(SIGN_OUT) and said.status == 204:
            over.add(session)
        if asked.is_(REFRESH) and said.status == 400 and issued.get(asked.form()["refresh_token"]) in over:
            return fake(200, access_token="a", refresh_token=f"ww_rt_{token_hex(16)}")
        return said

    return meddle


simple(
    "the list of sessions has lost them",
    answers(lambda asked, said: setattr(said, "body", b'{"sessions":[]}'), SESSIONS),
    "session.unlisted",
)


# Refreshing


@fault("refresh tokens are kept", "refresh.kept")
def _kept(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        if asked.is_(REFRESH) and said.status == 200:
            said.body = dump_json({**json.loads(said.body), "refresh_token": asked.form()["refresh_token"]})
        return said

    return meddle


simple(
    "the token response may be kept",
    answers(lambda asked, said: said.put("cache-control", "max-age=0"), REFRESH),
    "refresh.cached",
)
simple("two uses are theft at once", lambda ward: _pass, "refresh.no-grace", refresh_grace=0)


async def _pass(asked: Asked, ask: Ask) -> Said:
    return await ask(asked)


@fault("each of two uses has a successor of its own", "refresh.two-winners")
def _aliased(ward: Ward) -> Fault:
    real: dict[str, str] = {}

    async def meddle(asked: Asked, ask: Ask) -> Said:
        if not asked.is_(REFRESH):
            return await ask(asked)
        form = asked.form()
        token = real.get(form["refresh_token"], form["refresh_token"])
        asked.body = f"grant_type=refresh_token&refresh_token={token}".encode()
        said = await ask(asked)
        if said.status == 200:
            found, alias = json.loads(said.body), f"ww_rt_{token_hex(16)}"
            real[alias] = found["refresh_token"]
            said.body = dump_json({**found, "refresh_token": alias})
        return said

    return meddle


def generations(reply: Callable[[], Said]) -> Callable[[Ward], Fault]:
    """A token whose successor has been used is answered here, and its family hears nothing of it."""

    def make(ward: Ward) -> Fault:
        successor: dict[str, str] = {}

        async def meddle(asked: Asked, ask: Ask) -> Said:
            token = asked.form().get("refresh_token", "") if asked.is_(REFRESH) else ""
            if successor.get(token) in successor:
                return reply()
            said = await ask(asked)
            if token and said.status == 200:
                successor[token] = json.loads(said.body)["refresh_token"]
            return said

        return meddle

    return make


simple(
    "old generations are accepted",
    generations(lambda: fake(200, access_token="a", refresh_token=f"ww_rt_{token_hex(16)}")),
    "refresh.old-accepted",
)
simple("a replay ends nothing", generations(lambda: fake(400, error="invalid_grant")), "refresh.replay-spares")


@fault("the token endpoint refuses", "refresh.refused")
def _refusing(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        return fake(400, error="invalid_grant") if asked.is_(REFRESH) else await ask(asked)

    return meddle


# Tokens


simple("a proxy drops Authorization", requests(lambda asked: asked.put("authorization", None), ME), "token.dropped")


@fault("good tokens are refused", "token.refused")
def _refused(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        if said.status == 200 and asked.get("authorization"):
            said = fake(401, error="invalid_token")
            said.put("www-authenticate", 'Bearer error="invalid_token"')
        return said

    return meddle


@fault("tokens live for a day", "token.long", "token.refused", "token.other-settings")
def _long(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        if asked.is_(TOKENS) and said.status == 200:
            found = json.loads(said.body)
            if found["access_token"].startswith("eyJ"):
                found["access_token"] = _rewritten(ward, found["access_token"], 86_400)
                said.body = dump_json(found)
        return said

    return meddle


def _rewritten(ward: Ward, token: str, life: int) -> str:
    head, claims = (json_object(unb64url(part.encode())) for part in token.split(".")[:2])
    message = f"{b64url(dump_json(head))}.{b64url(dump_json({**claims, 'exp': claims['iat'] + life}))}"
    return f"{message}.{b64url(ward.ww.ring.active('sign', format='jwt').sign(message.encode()))}"


def naive(ward: Ward, untrusted: str, skips: Iterable[str]) -> bool:
    """A verifier as people write it, without the checks that it skips."""
    try:
        head, claims = (json_object(unb64url(part.encode())) for part in untrusted.split(".")[:2])
        message, _, signature = untrusted.rpartition(".")
        raw = unb64url(signature.encode())
    except (WatchwordError, ValueError):
        return False
    if "jwk" in head:
        return "embedded" in skips
    if head.get("alg") == "none" or not raw:
        return "none" in skips
    if head.get("alg") == "HS256":
        return "confusion" in skips
    key = ward.ww.ring.active("sign", format="jwt")
    if "signature" not in skips:
        try:
            key.verify(raw, message.encode())
        except WatchwordError:
            return False
    now, slack = ward.ww.clock.now(), 100 if "clocks" in skips else 0
    return (
        ("aud" in skips or claims.get("aud") == ward.ww.access.audiences[0])
        and ("iss" in skips or claims.get("iss") == ward.ww.issuer)
        and ("typ" in skips or head.get("typ") == "at+jwt")
        and ("exp" in skips or "exp" not in claims or claims["exp"] > now - slack)
        and ("endless" in skips or "exp" in claims)
        and ("nbf" in skips or claims.get("nbf", 0) <= now + slack)
    )


def lax(*skips: str) -> Callable[[Ward], Fault]:
    """The API verifies as ``naive`` does: it lets in what would be refused but for what is skipped."""

    def make(ward: Ward) -> Fault:
        async def meddle(asked: Asked, ask: Ask) -> Said:
            token = asked.get("authorization").removeprefix("Bearer ")
            said = await ask(asked)
            if asked.is_(ME) and said.status == 401 and naive(ward, token, skips) and not naive(ward, token, ()):
                return welcome()
            return said

        return meddle

    return make


simple("alg none is taken", lax("none"), "token.unsigned")
simple("the public key is an HMAC secret", lax("confusion"), "token.confused-key")
simple("the header brings the key", lax("embedded"), "token.embedded-key")
simple("signatures are not verified", lax("signature"), "token.unverified")
simple("aud is not compared", lax("aud"), "token.audience")
simple("iss is not compared", lax("iss"), "token.issuer")
simple("typ is not compared", lax("typ"), "token.type")
simple("exp is not compared", lax("exp"), "token.late")
simple("exp is not required", lax("endless"), "token.endless")
simple("clocks may be 100 s apart", lax("clocks"), "token.late", "token.early")
simple("nbf is not compared", lax("nbf"), "token.early")


@fault("the API verifies signatures alone, and follows no feed", "session.access-lives", "refresh.replay-spares")
def _no_feed(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        token = asked.get("authorization").removeprefix("Bearer ")
        return welcome() if asked.is_(ME) and said.status == 401 and naive(ward, token, ()) else said

    return meddle


@fault("any kind of token opens the API", "token.kind")
def _kinds(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        return welcome() if asked.get("authorization").startswith(("Bearer ww_ss_", "Bearer ww_rt_")) else said

    return meddle


def _from_url(asked: Asked) -> None:
    if asked.query.startswith(b"access_token="):
        asked.put("authorization", f"Bearer {asked.query.partition(b'=')[2].decode()}")


simple("a token in the URL opens the API", requests(_from_url, ME), "token.in-url")
simple("it runs another configuration", lambda ward: _pass, "token.other-settings", access_lifetime=600)


# What is cut on the way


@fault("a proxy allows 4 KiB of headers", "proxy.header-limit", "token.cut")
def _small(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        if sum(len(key) + len(value) for key, value in asked.headers) > 4096:
            return Said(431)
        return await ask(asked)

    return meddle


simple(
    "a firewall cuts Cookie",
    requests(lambda asked: asked.put("cookie", asked.get("cookie")[:2048] or None)),
    "proxy.cookie-cut",
)


def _cut_bearer(asked: Asked) -> None:
    if len(asked.get("authorization")) > 3000:
        asked.put("authorization", asked.get("authorization")[:3000])


simple("a proxy cuts Authorization", requests(_cut_bearer, ME), "token.cut")


@fault("passwords are hashed on the event loop", "session.stalls")
def _stalled(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        if asked.is_(SIGN_IN):
            threading.Event().wait(0.3)  # the loop stands still, as it would with Argon2 on it
        return await ask(asked)

    return meddle
