"""An auth server in this process, and the ways to knock at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import httpx2
from starlette.applications import Starlette

from watchword import FrozenClock, KeyRing, Watchword
from watchword.authn.binding import BindingPolicy
from watchword.authn.risk import ProfileName
from watchword.config import ClientSettings, ServerSettings, Settings
from watchword.server.app import create_app
from watchword.web.cookies import SESSION_COOKIE

OWN = "https://localhost"
ISSUER, AUDIENCE = "https://as.test", "https://api.test"
PASSWORD = "correct horse battery"
SCOPES = ("orders:read", "orders:write")
SECRET = "s3cret-of-the-orders-api-0123456789abcdef"
CLIENTS = tuple(
    ClientSettings(id=name, secret_sha256=sha256(SECRET.encode()).hexdigest(), audience=audience)
    for name, audience in (("backend", None), ("orders-api", AUDIENCE), ("ledger-api", "https://ledger.test"))
)
FOLLOWER = ClientSettings(
    id="follower", secret_sha256=sha256(SECRET.encode()).hexdigest(), audience=AUDIENCE, revocations=True
)
KINDS = ("user", "session", "refresh", "refresh_sealed", "opaque_access")

Headers = Iterable[tuple[str, str]]


class House:
    """The application with its clock, and a client that keeps no cookies of its own."""

    def __init__(self, app: Starlette, clock: FrozenClock, http: httpx2.AsyncClient) -> None:
        self.app, self.clock, self.http = app, clock, http
        self.server = app.state.server
        self.ww: Watchword = self.server.ww

    async def ask(
        self,
        method: str,
        path: str,
        *,
        cookie: str | None = None,
        bearer: str | None = None,
        origin: str | None = OWN,
        headers: Headers = (),
        **more: Any,
    ) -> httpx2.Response:
        """One request, from our own page unless ``origin`` says otherwise."""
        sent: list[tuple[str, str]] = [] if origin is None else [("origin", origin)]
        if cookie is not None:
            sent.append(("cookie", f"{SESSION_COOKIE}={cookie}"))
        if bearer is not None:
            sent.append(("authorization", f"Bearer {bearer}"))
        reply = await self.http.request(method, path, headers=[*sent, *headers], **more)
        self.http.cookies.clear()
        return reply

    async def sign_in(self, name: str = "alice", password: str = PASSWORD, **more: Any) -> str:
        """The session token of a fresh session, out of its cookie."""
        body = {"username": name, "password": password}
        return cookie_of(await self.ask("POST", "/account/sign-in", json=body, **more))

    async def mint(self, cookie: str, **wanted: Any) -> dict[str, Any]:
        reply = await self.ask("POST", "/account/tokens", cookie=cookie, json=wanted)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def form(self, path: str, auth: tuple[str, str] | None = None, /, **fields: str) -> httpx2.Response:
        return await self.ask("POST", path, data=fields, auth=auth, origin=None)

    async def refresh(self, token: str, **more: str) -> httpx2.Response:
        return await self.form("/oauth/token", grant_type="refresh_token", refresh_token=token, **more)

    async def introspect(self, token: str, client: str = "backend") -> httpx2.Response:
        return await self.form("/oauth/introspect", (client, SECRET), token=token)

    async def state(self) -> object:
        """Everything the store holds, for "nothing has changed"."""
        now = self.clock.now()
        records = [await self.ww.store.find(kind, now=now) for kind in KINDS]
        return records, await self.ww.store.tail(0, now=now), await self.ww.store.audited()


def cookie_of(reply: httpx2.Response) -> str:
    """The value of the session cookie that the answer sets."""
    assert reply.status_code in (200, 303), reply.text
    name, _, value = reply.headers["set-cookie"].partition(";")[0].partition("=")
    assert name == SESSION_COOKIE
    return str(value)


def settings(url: str = "memory:", **server: Any) -> Settings:
    return Settings(
        url=url, issuer=ISSUER, audience=AUDIENCE, server=ServerSettings(clients=(*CLIENTS, FOLLOWER), **server)
    )


@asynccontextmanager
async def open_house(
    url: str = "memory:",
    *,
    ring: KeyRing | None = None,
    binding: BindingPolicy | None = None,
    profile: ProfileName = "default",
    stale: Mapping[str, Any] = MappingProxyType({}),
    **server: Any,
) -> AsyncIterator[House]:
    """A server behind ``https://localhost`` with the users alice and bob, who have the same PASSWORD and SCOPES."""
    clock = FrozenClock()
    strict: Any = {"binding": binding, "profile": profile, **stale}
    ww = Watchword(url, issuer=ISSUER, audience=AUDIENCE, clock=clock, ring=ring, **strict)
    app = create_app(settings(url, **server), ww)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url=OWN) as http:
            house = House(app, clock, http)
            for name in ("alice", "bob"):
                await house.server.accounts.add(name, PASSWORD, scopes=SCOPES, roles=["admin"] if name == "bob" else [])
            yield house
