"""The matrix as tables: every token there is, every place that takes one, and which of them fit.

A new kind joins with its lines in TOKENS and VERIFIERS. All of them share one store and, wherever that is possible, the
very same keys: what keeps them apart is their kind and nothing else. ``walk`` presents each to each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import httpx2

from tests.unit.server.house import CLIENTS, SECRET
from watchword import (
    AccessTokens,
    ApiKeys,
    FrozenClock,
    Issued,
    Key,
    KeyRing,
    OpaqueAccessTokens,
    SealedTokens,
    Watchword,
)
from watchword.authn.authenticator import Authenticator
from watchword.authn.prover import Prover
from watchword.claims import DPOP_PROOF, ID_TOKEN, LOGOUT_TOKEN, RFC_9068, SERVICE, Profile
from watchword.config import ServerSettings, Settings
from watchword.errors import TokenError
from watchword.formats.jwt import Jwt, JwtVerifier
from watchword.principal import Principal
from watchword.server.app import create_app
from watchword.tokens.base import KINDS
from watchword.tokens.foreign import PROFILES, ClaimProfile, ForeignTokens
from watchword.tokens.introspected import IntrospectedTokens
from watchword.tokens.one_time import PURPOSES
from watchword.tokens.service import ServiceTokens
from watchword.web.cookies import SESSION_COOKIE
from watchword.web.messages import Connection

US, THEM = "https://as.test", "https://other-as.test"
API, LEDGER = "https://api.test", "https://ledger.test"
ALICE, BOB = "user-7", "user-8"
PAIRS = ("ES256", "v4.public", "v3.public")
SECRETS = ("v4.local", "v3.local", "A256GCM")
ONE_TIMES = (*PURPOSES, "invitation")
HOLDER = Key.generate("ES256")
"""What bound tokens are bound to."""


class NotAcceptedError(TokenError):
    """What an endpoint answered in place of an error of its own."""

    def __init__(self, stage_of: str) -> None:
        super().__init__(stage_of)


class World:
    """One store, one set of keys, and every component over them."""

    def __init__(self, ww: Watchword, http: httpx2.AsyncClient, keys: Mapping[str, Key]) -> None:
        self.ww, self.http, self.keys = ww, http, keys
        self._numbers = count(1)

    def fresh(self) -> str:
        return f"subject-{next(self._numbers)}"

    def ring(self, *names: str) -> KeyRing:
        """Some of the keys: the first one decides the format."""
        return KeyRing.of(*(self.keys[name] for name in names), clock=self.ww.clock)

    def access(self, *algorithms: str, issuer: str = US, audience: str = API, hidden: bool = False) -> AccessTokens:
        ring = self.ring(*(algorithms or SECRETS)) if algorithms or hidden else self.ww.ring
        return AccessTokens(ring, issuer=issuer, audience=audience, view=self.ww.view, single_service=hidden)

    def corridor(self, hidden: bool) -> Authenticator:
        if not hidden:
            return self.ww.authenticator()
        return Authenticator((self.ww.sessions, self.ww.opaque_access, self.ww.api_keys, self.access(hidden=True)))

    def service(self, *algorithms: str, issuer: str = US, audience: str = API) -> ServiceTokens:
        ring = self.ring(*algorithms) if algorithms else self.ww.ring
        return ServiceTokens(ring, issuer=issuer, audience=audience, view=self.ww.view)

    def opaque_access(self, audience: str = API) -> OpaqueAccessTokens:
        return OpaqueAccessTokens(self.ww.store, audience=audience, issuer=US, view=self.ww.view)

    def api_keys(self, environment: str) -> ApiKeys:
        return ApiKeys(self.ww.store, view=self.ww.view, environment=environment)

    def sealed(self, *algorithms: str, issuer: str = US) -> SealedTokens:
        ring = self.ring(*algorithms) if algorithms else self.ww.ring
        return SealedTokens(ring, store=self.ww.store, issuer=issuer, audience=API, view=self.ww.view)

    def state(self) -> object:
        """All that the store holds, for "nothing has changed"."""
        tables = self.ww.store._tables  # type: ignore[attr-defined]
        rows = {
            kind: {key: (row.record.version, row.data) for key, row in held.items()}
            for kind, held in tables.rows.items()
        }
        return rows, list(tables.events), len(tables.audit)


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    clock = FrozenClock()
    keys = {name: Key.generate(name) for name in (*PAIRS, "HS256", *SECRETS, "ECDH-ES+A256KW")}
    ring = KeyRing.of(*keys.values(), Key.generate("HS256", use="mac"), clock=clock)
    ww = Watchword("memory:", issuer=US, audience=API, ring=ring, clock=clock, one_time_every=timedelta(0))
    app = create_app(Settings(url="memory:", issuer=US, audience=API, server=ServerSettings(clients=CLIENTS)), ww)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://localhost") as http:
            yield World(ww, http, keys)


# What is presented


@dataclass(frozen=True)
class Token:
    """One sort of token: its kind, and how to get a fresh one."""

    name: str
    kind: str
    issue: Callable[[World], Awaitable[str]]


def token(name: str, issue: Callable[[World], Any]) -> Token:
    """``name`` begins with the kind. ``issue`` answers an Issued, the token, or either to wait for."""

    async def get(world: World) -> str:
        made = issue(world)
        made = await made if hasattr(made, "__await__") else made
        return str(getattr(made, "token", made))

    return Token(name, name.split()[0], get)


def access(algorithm: str, what: str = "", *, issuer: str = US, audience: str = API, hidden: bool = False) -> Token:
    def issue(world: World) -> Issued:
        return world.access(algorithm, issuer=issuer, audience=audience, hidden=hidden).issue(ALICE, **OWN)

    return token(f"access {algorithm}{what}", issue)


def service(algorithm: str, what: str = "", **more: str) -> Token:
    audience = more.pop("audience", API)
    return token(
        f"service {algorithm}{what}",
        lambda world: world.service(algorithm, **more).issue("billing", audience=audience, claims={"own": "x"}),
    )


def one_time(purpose: str) -> Token:
    async def issue(world: World) -> Issued:
        life = PURPOSES.get(purpose, KINDS["one_time"].life)
        return await world.ww.one_time.issue(world.fresh(), purpose=purpose, lifetime=life)

    return token(f"one_time {purpose}", issue)


def sealed(algorithm: str, what: str = "", *, issuer: str = US, **more: str) -> Token:
    bound: dict[str, Any] = {"purpose": "payment", "bound_to": ALICE, "audience": API} | more
    return token(f"sealed {algorithm}{what}", lambda world: world.sealed(algorithm, issuer=issuer).seal({}, **bound))


def jwt(kind: str, profile: Profile, **claims: Any) -> Token:
    def issue(world: World) -> str:
        now = world.ww.clock.now()
        common = {"iss": US, "sub": ALICE, "aud": API, "iat": now, "exp": now + 300, "jti": f"{world.fresh()}"}
        return Jwt(world.ww.ring, profile).issue(common | claims)

    return token(f"{kind} JWT", issue)


OWN: dict[str, Any] = {"client_id": "app", "scopes": ["orders:read"]}
LOGOUT = {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "s-1"}

TOKENS: tuple[Token, ...] = (
    token("session", lambda world: world.ww.sessions.start(world.fresh())),
    access("ES256"),
    access("HS256"),
    access("v4.public"),
    access("v3.public"),
    access("ES256", " for another audience", audience=LEDGER),
    access("v4.public", " for another audience", audience=LEDGER),
    access("ES256", " of another issuer", issuer=THEM),
    access("v4.public", " of another issuer", issuer=THEM),
    *(access(name, hidden=True) for name in SECRETS),
    token("access ES256 bound to a key", lambda world: world.access("ES256").issue(ALICE, bind=HOLDER, **OWN)),
    token("access v4.public bound to a key", lambda world: world.access("v4.public").issue(ALICE, bind=HOLDER, **OWN)),
    token("opaque_access bound to a key", lambda world: world.ww.opaque_access.issue(ALICE, bind=HOLDER, **OWN)),
    token("opaque_access", lambda world: world.ww.opaque_access.issue(ALICE, **OWN)),
    token("opaque_access for another audience", lambda world: world.opaque_access(LEDGER).issue(ALICE, **OWN)),
    service("ES256"),
    service("v4.public"),
    service("v3.public"),
    service("ES256", " for another audience", audience=LEDGER),
    service("v4.public", " for another audience", audience=LEDGER),
    service("ES256", " of another issuer", issuer=THEM),
    token("refresh", lambda world: world.ww.refresh.issue(ALICE, client_id="app")),
    token("api_key live", lambda world: world.api_keys("live").issue(ALICE)),
    token("api_key test", lambda world: world.api_keys("test").issue(ALICE)),
    *(one_time(name) for name in ONE_TIMES),
    *(sealed(name) for name in SECRETS),
    sealed("ECDH-ES+A256KW"),
    *(
        sealed(name, what, **more)
        for name in ("v4.local", "A256GCM")
        for what, more in {
            " for another purpose": {"purpose": "invite"},
            " of another user": {"bound_to": BOB},
            " for another audience": {"audience": LEDGER},
            " of another issuer": {"issuer": THEM},
        }.items()
    ),
    jwt("id", ID_TOKEN, nonce="n-1"),
    jwt("logout", LOGOUT_TOKEN, **LOGOUT),
    jwt("dpop", DPOP_PROOF, htm="GET", htu=f"{API}/orders"),
)
BY_NAME = {one.name: one for one in TOKENS}


# Where it is presented


@dataclass(frozen=True)
class Verifier:
    """One place that takes tokens. ``takes``: the names of all that it accepts; whatever else there is it refuses."""

    name: str
    takes: tuple[str, ...]
    ask: Callable[[World, str], Awaitable[object]]
    router: bool = False
    """It takes several kinds, and says of which one the token is."""


Ask = Callable[[World, str], Any]
"""Present a token; the answer may have to be waited for."""


def verifier(name: str, takes: tuple[str, ...], ask: Ask, *, router: bool = False) -> Verifier:
    async def asked(world: World, token: str) -> object:
        answer = ask(world, token)
        return await answer if hasattr(answer, "__await__") else answer

    return Verifier(name, takes, asked, router)


def carried(header: bytes, form: str, *, hidden: bool = False) -> Ask:
    """The corridor, with the token in one header; ``hidden``: that of an application whose access tokens are encrypted.

    All that may be a credential of a request is there, services' tokens apart: those are no caller's.
    """

    def ask(world: World, token: str) -> Any:
        return world.corridor(hidden).authenticate(Connection(headers=[(header, form.format(token).encode())]))

    return ask


async def _proven(world: World, token: str) -> object:
    """The corridor, with a proof that the holder's key made for this request."""
    proof = Prover(HOLDER, clock=world.ww.clock).proof("GET", f"{API}/", token=token)
    lines = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]
    return await world.ww.authenticator().authenticate(Connection(headers=lines))


def posted(path: str, field: str, *, auth: tuple[str, str] | None = None, **more: str) -> Ask:
    async def ask(world: World, token: str) -> object:
        sent = {"auth": auth} if auth else {}
        answer = await world.http.post(path, data={field: token, **more}, **sent)  # type: ignore[arg-type]
        said = answer.json()
        if answer.status_code != 200 or said.get("active") is False:
            assert answer.status_code == 200 or said["error"] == "invalid_grant", answer.text
            raise NotAcceptedError(path)
        return said

    return ask


async def _me(world: World, token: str) -> object:
    answer = await world.http.get("/api/me", headers={"authorization": f"Bearer {token}"})
    if answer.status_code != 200:
        assert answer.status_code == 401, answer.text
        raise NotAcceptedError("/api/me")
    return answer.json()


async def _introspected(world: World, token: str) -> object:
    """It asks about whatever is opaque, and believes what it is told of access tokens alone."""
    asked = IntrospectedTokens(issuer=US, audience=API, starts=("ww_",), clock=world.ww.clock)
    place, text = asked.place(token)
    answer = await world.http.post("/oauth/introspect", data={"token": text}, auth=("backend", SECRET))
    return asked.heard(place, answer.content, sent_at=world.ww.clock.monotonic())


def opening(verb: str, *, issuer: str = US, only: str = "", **bound: str) -> Ask:
    context = {"purpose": "payment", "bound_to": ALICE, "audience": API} | bound

    def ask(world: World, token: str) -> Any:
        component = world.sealed(*([only] if only else []), issuer=issuer)
        return getattr(component, verb)(token, **context)

    return ask


def of_environment(name: str) -> Ask:
    return lambda world, token: world.api_keys(name).authenticate(token)


def for_purpose(verb: str, purpose: str) -> Ask:
    return lambda world, token: getattr(world.ww.one_time, verb)(token, purpose=purpose)


def stopping(room: str) -> Ask:
    return lambda world, token: getattr(world.ww, room).revocation_of(token)


def profiled(profile: Profile) -> Ask:
    return lambda world, token: JwtVerifier(world.ww.ring, profile, issuer=US, audience=API).verify(token)


def foreign(profile: ClaimProfile) -> Ask:
    return lambda world, token: ForeignTokens(world.ww.ring, issuer=US, audience=API, profile=profile).verify(token)


ACCESS_JWT = ("access ES256", "access HS256")
ACCESS = (*ACCESS_JWT, "access v4.public", "access v3.public")
HIDDEN = tuple(f"access {name}" for name in SECRETS)
OPAQUE = ("opaque_access", "opaque_access for another audience")
BOUND = ("access ES256 bound to a key", "access v4.public bound to a key")
BOUND_OPAQUE = "opaque_access bound to a key"
"""Good for whoever holds the key, and known to introspection and revocation."""
SERVICES = ("service ES256", "service v4.public", "service v3.public")
SERVICES_OUT = ("service ES256 for another audience", "service v4.public for another audience")
SEALED = tuple(f"sealed {name}" for name in SECRETS)


def both(start: str, what: str, *algorithms: str) -> tuple[str, ...]:
    return tuple(f"{start} {name} {what}" for name in algorithms)


VERIFIERS: tuple[Verifier, ...] = (
    verifier("sessions.authenticate", ("session",), lambda world, token: world.ww.sessions.authenticate(token)),
    verifier("sessions.rotate", ("session",), lambda world, token: world.ww.sessions.rotate(token)),
    verifier("sessions.update", ("session",), lambda world, token: world.ww.sessions.update(token, data={"a": 1})),
    verifier("access.verify", ACCESS, lambda world, token: world.ww.access.verify(token)),
    verifier("access.authenticate", ACCESS, lambda world, token: world.ww.access.authenticate(token)),
    verifier(
        "access.verify, another audience",
        both("access", "for another audience", "ES256", "v4.public"),
        lambda world, token: world.access(audience=LEDGER).verify(token),
    ),
    verifier(
        "access.verify, another issuer",
        both("access", "of another issuer", "ES256", "v4.public"),
        lambda world, token: world.access(issuer=THEM).verify(token),
    ),
    verifier("access.verify, single_service", HIDDEN, lambda world, token: world.access(hidden=True).verify(token)),
    verifier("opaque_access.authenticate", OPAQUE[:1], lambda world, token: world.ww.opaque_access.authenticate(token)),
    verifier(
        "opaque_access.authenticate, another audience",
        OPAQUE[1:],
        lambda world, token: world.opaque_access(LEDGER).authenticate(token),
    ),
    verifier(
        "opaque_access.introspect",
        (*OPAQUE, BOUND_OPAQUE),
        lambda world, token: world.ww.opaque_access.introspect(token),
    ),
    verifier("service.verify", SERVICES, lambda world, token: world.ww.service.verify(token)),
    verifier("service.authenticate", SERVICES, lambda world, token: world.ww.service.authenticate(token)),
    verifier(
        "service.verify, another audience",
        SERVICES_OUT,
        lambda world, token: world.service(audience=LEDGER).verify(token),
    ),
    verifier(
        "service.verify, another issuer",
        ("service ES256 of another issuer",),
        lambda world, token: world.service(issuer=THEM).verify(token),
    ),
    verifier("refresh.rotate", ("refresh",), lambda world, token: world.ww.refresh.rotate(token)),
    verifier("refresh.authenticate", ("refresh",), lambda world, token: world.ww.refresh.authenticate(token)),
    verifier("refresh.family_of", ("refresh",), lambda world, token: world.ww.refresh.family_of(token)),
    *(
        verifier(
            f"api_keys.authenticate, {name}",
            (f"api_key {name}",),
            of_environment(name),
        )
        for name in ("live", "test")
    ),
    verifier("api_keys.rotate", ("api_key live", "api_key test"), lambda world, token: world.ww.api_keys.rotate(token)),
    *(
        verifier(
            f"one_time.{verb}, {name}",
            (f"one_time {name}",),
            for_purpose(verb, name),
        )
        for verb in ("redeem", "look")
        for name in ONE_TIMES
    ),
    verifier("one_time.authenticate", (), lambda world, token: world.ww.one_time.authenticate(token)),
    *(verifier(f"sealed.{verb}", SEALED, opening(verb)) for verb in ("open", "redeem", "void")),
    verifier(
        "sealed.open, another purpose",
        both("sealed", "for another purpose", "v4.local", "A256GCM"),
        opening("open", purpose="invite"),
    ),
    verifier(
        "sealed.redeem, another purpose",
        both("sealed", "for another purpose", "v4.local", "A256GCM"),
        opening("redeem", purpose="invite"),
    ),
    verifier(
        "sealed.open, another user",
        both("sealed", "of another user", "v4.local", "A256GCM"),
        opening("open", bound_to=BOB),
    ),
    verifier(
        "sealed.open, another audience",
        both("sealed", "for another audience", "v4.local", "A256GCM"),
        opening("open", audience=LEDGER),
    ),
    verifier(
        "sealed.open, another issuer",
        both("sealed", "of another issuer", "v4.local", "A256GCM"),
        opening("open", issuer=THEM),
    ),
    verifier("sealed.open, a public key", ("sealed ECDH-ES+A256KW",), opening("open", only="ECDH-ES+A256KW")),
    *(
        verifier(f"{room}.revocation_of", takes, stopping(room))
        for room, takes in {
            "sessions": ("session",),
            "access": (*ACCESS, *BOUND),
            "opaque_access": (*OPAQUE, BOUND_OPAQUE),
            "service": (*SERVICES, *SERVICES_OUT),
            "refresh": ("refresh",),
            "api_keys": ("api_key live",),
            "one_time": tuple(f"one_time {name}" for name in PURPOSES),
        }.items()
    ),
    verifier("corridor, cookie", ("session",), carried(b"cookie", f"{SESSION_COOKIE}={{}}"), router=True),
    verifier(
        "corridor, Bearer",
        (*ACCESS, "opaque_access", "api_key live"),
        carried(b"authorization", "Bearer {}"),
        router=True,
    ),
    verifier(
        "corridor, Bearer, single_service",
        (*HIDDEN, "opaque_access", "api_key live"),
        carried(b"authorization", "Bearer {}", hidden=True),
        router=True,
    ),
    verifier("corridor, X-API-Key", ("api_key live",), carried(b"x-api-key", "{}"), router=True),
    verifier("corridor, DPoP without a proof", (), carried(b"authorization", "DPoP {}"), router=True),
    verifier("corridor, DPoP with its proof", (*BOUND, BOUND_OPAQUE), _proven, router=True),
    verifier("GET /api/me, Bearer", (*ACCESS, "opaque_access", "api_key live"), _me, router=True),
    verifier(
        "POST /oauth/introspect",
        (*ACCESS, *BOUND, *OPAQUE, BOUND_OPAQUE, "refresh"),
        posted("/oauth/introspect", "token", auth=("backend", SECRET)),
        router=True,
    ),
    verifier(
        "POST /oauth/introspect, for one audience",
        (*ACCESS, *BOUND, "opaque_access", BOUND_OPAQUE),
        posted("/oauth/introspect", "token", auth=("orders-api", SECRET)),
        router=True,
    ),
    verifier("Introspection, a server without the store", OPAQUE[:1], _introspected),
    verifier(
        "POST /oauth/token",
        ("refresh",),
        posted("/oauth/token", "refresh_token", grant_type="refresh_token", client_id="app"),
    ),
    *(
        verifier(f"JwtVerifier, {name}", takes, profiled(profile))
        for name, profile, takes in (
            ("RFC_9068", RFC_9068, ACCESS_JWT),
            ("ID_TOKEN", ID_TOKEN, ("id JWT",)),
            ("LOGOUT_TOKEN", LOGOUT_TOKEN, ("logout JWT",)),
            ("DPOP_PROOF", DPOP_PROOF, ("dpop JWT",)),
            ("SERVICE", SERVICE, ("service ES256",)),
        )
    ),
    *(
        verifier(
            f"ForeignTokens, {name}",
            ACCESS_JWT if name in ("rfc9068", "auth0") else (),
            foreign(profile),
        )
        for name, profile in PROFILES.items()
    ),
)


# The walk


@dataclass(frozen=True)
class Cell:
    """What became of one token at one place."""

    token: Token
    verifier: Verifier
    answer: object
    error: Exception | None
    changed: bool
    """Whether anything in the store changed although it was refused."""


async def walk(world: World, one: Token) -> list[Cell]:
    """One token at every place where it is wanted by nobody, then fresh ones where they are, then the first one again.

    The last cell is that first one, presented at last where it belongs: nobody has used it up.
    """
    presented, cells = await one.issue(world), []
    before = world.state()
    for place in VERIFIERS:
        if one.name not in place.takes:
            cells.append(await _at(world, one, place, presented, before))
    homes = [place for place in VERIFIERS if one.name in place.takes]
    for place in homes:
        cells.append(await _at(world, one, place, await one.issue(world)))
    return [*cells, await _at(world, one, homes[0], presented)]


async def _at(world: World, one: Token, place: Verifier, presented: str, before: object = None) -> Cell:
    try:
        answer, error = await place.ask(world, presented), None
    except Exception as caught:  # noqa: BLE001 - whatever it is, the test judges it
        answer, error = None, caught
    return Cell(one, place, answer, error, changed=before is not None and world.state() != before)


def kind_of(answer: object) -> str | None:
    """Of which kind an answer says that the token is, where it says so."""
    if isinstance(answer, Principal):
        return answer.kind
    return answer.get("kind") if isinstance(answer, dict) else None
