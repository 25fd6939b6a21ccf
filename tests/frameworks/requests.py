"""The requests that every framework answers alike: one row each, with what it presents and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from msgspec import Struct

from watchword.blocking import Watchword
from watchword.clock import FrozenClock, SystemClock
from watchword.errors import RateLimitedError
from watchword.tokens.base import Issued
from watchword.web.cookies import SESSION_COOKIE
from watchword.web.ratelimit import Limits, RateLimit

ISSUER, AUDIENCE = "https://app.example", "https://api.example"
OWN = {"sec-fetch-site": "same-origin"}
FOREIGN = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
BASIC = "Basic YWRhOnNlY3JldA=="
FRESH = timedelta(minutes=5)
ATTEMPTS = Limits("attempt", account=RateLimit("20/h"))
TOLD = ("Retry-After", "Clear-Site-Data")

Headers = list[tuple[str, str]]


class Mint:
    """Credentials of one house: ``ww`` has the store and the keys that the application under test has."""

    def __init__(self, ww: Watchword, past: Watchword, elsewhere: Watchword, test: Watchword) -> None:
        self.ww, self.past, self.elsewhere, self.test = ww, past, elsewhere, test

    def session(self, *, roles: tuple[str, ...] = (), scopes: tuple[str, ...] = ()) -> Issued:
        return self.ww.sessions.start("ada", roles=roles, scopes=scopes)


def house(url: str, keys: str) -> Mint:
    """``past`` lives two hours ago, ``elsewhere`` mints for another audience, ``test`` is the test environment."""

    def made(**options: object) -> Watchword:
        given = {"keys": keys, "issuer": ISSUER, "audience": AUDIENCE} | options
        return Watchword(url, **given)  # type: ignore[arg-type]  # a dictionary of options

    past = FrozenClock(SystemClock().now() - 7200)
    return Mint(made(), made(clock=past), made(audience="https://other.example"), made(environment="test"))


class Seen(Struct, frozen=True):
    """What a client sees of an answer."""

    status: int
    body: str
    cookies: list[str]
    challenge: str | None = None
    headers: dict[str, str] = {}

    @property
    def told(self) -> dict[str, str]:
        return {name: self.headers[name.lower()] for name in TOLD if name.lower() in self.headers}


class Row(Struct, frozen=True, kw_only=True):
    """``headers`` makes what is presented; ``after`` looks at the world when the answer is there."""

    name: str
    ask: str
    status: int
    headers: Callable[[Mint], Headers] = lambda mint: []
    says: str = ""
    """In the body."""
    challenge: str | None = None
    """In WWW-Authenticate; None: no such header."""
    cookie: str = ""
    """How the Set-Cookie of the answer looks: ``set``, ``cleared``, or none."""
    tells: Mapping[str, str] = {}
    """Which headers of ``TOLD`` the answer has, and what they match; it has no others of them."""
    after: Callable[[Mint, Headers, Seen], None] | None = None
    in_time: bool = False
    """Another process has just revoked it: the answer is this one within the bound, and usually at once."""


def bearer(token: str, scheme: str = "Bearer") -> tuple[str, str]:
    return ("authorization", f"{scheme} {token}")


def cookie(token: str) -> tuple[str, str]:
    return ("cookie", f"{SESSION_COOKIE}={token}")


def _with(extra: Mapping[str, str], *pairs: tuple[str, str]) -> Headers:
    return [*pairs, *extra.items()]


def _with_csrf(mint: Mint, token: str) -> Headers:
    return [cookie(token), ("x-csrf-token", mint.ww.core.binding.csrf.of(mint.ww.sessions.authenticate(token)))]


def _tampered(token: str) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def _unsigned(token: str) -> str:
    return "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + token.split(".")[1] + "."


def _revoked_access(mint: Mint) -> str:
    token = mint.ww.access.issue("ada").token
    mint.ww.revoke(token=token)
    return token


def _ended(mint: Mint) -> str:
    started = mint.session()
    mint.ww.sessions.end(str(started.session_id))
    return started.token


def _old_sign_in(mint: Mint) -> str:
    clock = SystemClock()
    return mint.ww.access.issue("ada", auth_time=clock.now() - 3600).token


def _dies(mint: Mint, headers: Headers, seen: Seen) -> None:
    """The session that the request presented is over."""
    presented = dict(headers)["cookie"].partition("=")[2]
    sessions = [one for one in mint.ww.sessions.list("ada") if one.session_id == _known.get(presented)]
    assert sessions == []


_known: dict[str, str] = {}


def _remembered(mint: Mint) -> str:
    started = mint.session()
    _known[started.token] = str(started.session_id)
    return started.token


def _opens(mint: Mint, headers: Headers, seen: Seen) -> None:
    """The cookie of the answer is a session of its subject."""
    token = seen.cookies[0].partition("=")[2].partition(";")[0]
    assert mint.ww.sessions.authenticate(token).subject == "grace"


def _opens_and_ends(mint: Mint, headers: Headers, seen: Seen) -> None:
    _opens(mint, headers, seen)
    _dies(mint, headers, seen)


def _nobody(mint: Mint, headers: Headers, seen: Seen) -> None:
    assert mint.ww.sessions.list("hopper") == []


def _tried_too_often(mint: Mint) -> Headers:
    with suppress(RateLimitedError):
        while True:
            mint.ww.limits.hit(ATTEMPTS, account="mallory")
    return []


NOTHING = 'Bearer realm="watchword"'
REFUSED = f'{NOTHING}, error="invalid_token"'
MALFORMED = f'{NOTHING}, error="invalid_request"'
LACKING = f'{NOTHING}, error="insufficient_scope"'
STALE_SIGN_IN = f'{NOTHING}, error="insufficient_user_authentication", max_age="300"'

ROWS: tuple[Row, ...] = (
    Row(name="a page for everybody", ask="GET /public", status=200, says="hello"),
    Row(name="nothing presented", ask="GET /me", status=401, challenge=NOTHING),
    Row(name="a session", ask="GET /me", headers=lambda m: [cookie(m.session().token)], status=200, says="ada"),
    Row(
        name="a JWT", ask="GET /me", headers=lambda m: [bearer(m.ww.access.issue("ada").token)], status=200, says="ada"
    ),
    Row(
        name="a PASETO",
        ask="GET /me",
        headers=lambda m: [bearer(m.ww.access.issue("ada", format="paseto").token)],
        status=200,
        says="ada",
    ),
    Row(
        name="an opaque access token",
        ask="GET /me",
        headers=lambda m: [bearer(m.ww.opaque_access.issue("ada").token)],
        status=200,
        says="ada",
    ),
    Row(
        name="an API key as bearer",
        ask="GET /me",
        headers=lambda m: [bearer(m.ww.api_keys.issue("acme").token)],
        status=200,
        says="acme",
    ),
    Row(
        name="an API key in X-API-Key",
        ask="GET /me",
        headers=lambda m: [("x-api-key", m.ww.api_keys.issue("acme").token)],
        status=200,
        says="acme",
    ),
    Row(
        name="an API key of the test environment",
        ask="GET /me",
        headers=lambda m: [bearer(m.test.api_keys.issue("acme").token)],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="an expired JWT",
        ask="GET /me",
        headers=lambda m: [bearer(m.past.access.issue("ada").token)],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a session that idled out",
        ask="GET /me",
        headers=lambda m: [cookie(m.past.sessions.start("ada").token)],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a JWT for another audience",
        ask="GET /me",
        headers=lambda m: [bearer(m.elsewhere.access.issue("ada").token)],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a JWT with another signature",
        ask="GET /me",
        headers=lambda m: [bearer(_tampered(m.ww.access.issue("ada").token))],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a JWT without signature",
        ask="GET /me",
        headers=lambda m: [bearer(_unsigned(m.ww.access.issue("ada").token))],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a bearer that is no token",
        ask="GET /me",
        headers=lambda m: [bearer("abc")],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a revoked JWT",
        ask="GET /me",
        headers=lambda m: [bearer(_revoked_access(m))],
        status=401,
        challenge=REFUSED,
        in_time=True,
    ),
    Row(
        name="an ended session",
        ask="GET /me",
        headers=lambda m: [cookie(_ended(m))],
        status=401,
        challenge=REFUSED,
        in_time=True,
    ),
    Row(
        name="a refresh token as bearer",
        ask="GET /me",
        headers=lambda m: [bearer(m.ww.refresh.issue("ada", client_id="web").token)],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a session token as bearer",
        ask="GET /me",
        headers=lambda m: [bearer(m.session().token)],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a JWT in the session's cookie",
        ask="GET /me",
        headers=lambda m: [cookie(m.ww.access.issue("ada").token)],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a cookie and a bearer",
        ask="GET /me",
        headers=lambda m: [cookie(m.session().token), bearer(m.ww.access.issue("ada").token)],
        status=400,
        challenge=MALFORMED,
    ),
    Row(
        name="two Authorization headers",
        ask="GET /me",
        headers=lambda m: [bearer(m.ww.access.issue("ada").token), bearer(m.ww.access.issue("ada").token)],
        status=400,
        challenge=MALFORMED,
    ),
    Row(
        name="an Authorization header with two words",
        ask="GET /me",
        headers=lambda m: [bearer("one two")],
        status=400,
        challenge=MALFORMED,
    ),
    Row(
        name="another scheme",
        ask="GET /me",
        headers=lambda m: [("authorization", BASIC)],
        status=401,
        challenge=NOTHING,
    ),
    Row(
        name="the session's cookie twice",
        ask="GET /me",
        headers=lambda m: [("cookie", "; ".join(["=".join((SESSION_COOKIE, m.session().token))] * 2))],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="a cookie bomb",
        ask="GET /me",
        headers=lambda m: [("cookie", "; ".join(f"c{n}={'x' * 200}" for n in range(90)))],
        status=431,
        challenge=MALFORMED,
        tells={"Clear-Site-Data": '"cookies"'},
    ),
    Row(name="a token in the query", ask="GET /me?access_token=abc", status=401, challenge=NOTHING),
    Row(name="nothing, where that is allowed", ask="GET /maybe", status=200, says="nobody"),
    Row(
        name="a session, where nothing is allowed too",
        ask="GET /maybe",
        headers=lambda m: [cookie(m.session().token)],
        status=200,
        says="ada",
    ),
    Row(
        name="a bad token, where nothing is allowed",
        ask="GET /maybe",
        headers=lambda m: [bearer("abc")],
        status=401,
        challenge=REFUSED,
    ),
    Row(
        name="the scope that is asked for",
        ask="GET /orders",
        headers=lambda m: [bearer(m.ww.access.issue("ada", scopes=["orders:read"]).token)],
        status=200,
        says="orders of ada",
    ),
    Row(
        name="another scope",
        ask="GET /orders",
        headers=lambda m: [bearer(m.ww.access.issue("ada", scopes=["orders:write"]).token)],
        status=403,
        challenge=f'{LACKING}, scope="orders:read"',
    ),
    Row(
        name="the role that is asked for",
        ask="GET /admin",
        headers=lambda m: [cookie(m.session(roles=("admin",)).token)],
        status=200,
        says="admin ada",
    ),
    Row(
        name="no role",
        ask="GET /admin",
        headers=lambda m: [cookie(m.session().token)],
        status=403,
        challenge=LACKING,
    ),
    Row(
        name="a fresh sign-in",
        ask="GET /fresh",
        headers=lambda m: [cookie(m.session().token)],
        status=200,
        says="fresh ada",
    ),
    Row(
        name="a sign-in of an hour ago",
        ask="GET /fresh",
        headers=lambda m: [bearer(_old_sign_in(m))],
        status=403,
        challenge=STALE_SIGN_IN,
    ),
    Row(
        name="a bearer from another site",
        ask="POST /write",
        headers=lambda m: _with(FOREIGN, bearer(m.ww.access.issue("ada").token)),
        status=200,
        says="written by ada",
    ),
    Row(
        name="a session from our own page",
        ask="POST /write",
        headers=lambda m: _with(OWN, cookie(m.session().token)),
        status=200,
        says="written by ada",
    ),
    Row(
        name="a session from our own Origin",
        ask="POST /write",
        headers=lambda m: _with({"host": "app.example", "origin": "http://app.example"}, cookie(m.session().token)),
        status=200,
        says="written by ada",
    ),
    Row(
        name="a session that does not say from where",
        ask="POST /write",
        headers=lambda m: [cookie(m.session().token)],
        status=403,
        says="csrf",
    ),
    Row(
        name="a session with its own CSRF token",
        ask="POST /write",
        headers=lambda m: _with_csrf(m, m.session().token),
        status=200,
        says="written by ada",
    ),
    Row(
        name="a session with the CSRF token of another",
        ask="POST /write",
        headers=lambda m: [_with_csrf(m, m.session().token)[1], cookie(m.session().token)],
        status=403,
        says="csrf",
    ),
    Row(
        name="a CSRF token from another site",
        ask="POST /write",
        headers=lambda m: _with(FOREIGN, *_with_csrf(m, m.session().token)),
        status=403,
        says="csrf",
    ),
    Row(
        name="a session from another site",
        ask="POST /write",
        headers=lambda m: _with(FOREIGN, cookie(m.session().token)),
        status=403,
        says="csrf",
    ),
    Row(
        name="a session from a sandboxed page",
        ask="POST /write",
        headers=lambda m: _with({"origin": "null"}, cookie(m.session().token)),
        status=403,
        says="csrf",
    ),
    Row(
        name="signing in",
        ask="POST /login?user=grace",
        headers=lambda m: list(OWN.items()),
        status=200,
        says="welcome",
        cookie="set",
        after=_opens,
    ),
    Row(
        name="signing in over another session",
        ask="POST /login?user=grace",
        headers=lambda m: _with(OWN, cookie(_remembered(m))),
        status=200,
        says="welcome",
        cookie="set",
        after=_opens_and_ends,
    ),
    Row(
        name="signing in from another site",
        ask="POST /login?user=hopper",
        headers=lambda m: list(FOREIGN.items()),
        status=403,
        says="csrf",
        after=_nobody,
    ),
    Row(
        name="a sign-in that the application refuses after all",
        ask="POST /refused?user=hopper",
        headers=lambda m: list(OWN.items()),
        status=400,
        says="refused",
        after=_nobody,
    ),
    Row(
        name="signing out",
        ask="POST /logout",
        headers=lambda m: _with(OWN, cookie(_remembered(m))),
        status=200,
        says="bye",
        cookie="cleared",
        after=_dies,
    ),
    Row(
        name="signing out from another site",
        ask="POST /logout",
        headers=lambda m: _with(FOREIGN, cookie(m.session().token)),
        status=403,
        says="csrf",
    ),
    Row(
        name="signing out, and the browser forgets",
        ask="POST /forget",
        headers=lambda m: _with(OWN, cookie(_remembered(m))),
        status=200,
        says="forgotten",
        cookie="cleared",
        tells={"Clear-Site-Data": '"cache", "cookies", "storage"'},
        after=_dies,
    ),
    Row(name="an attempt that there is room for", ask="POST /attempt?user=grace", status=200, says="counted"),
    Row(
        name="an attempt too many",
        ask="POST /attempt?user=mallory",
        headers=_tried_too_often,
        status=429,
        says="rate_limited",
        tells={"Retry-After": "1[0-7][0-9]|180"},
    ),
)
