"""A visitor of the demo server: browser, API client and resource server in one, who knows it by its URL alone."""

from __future__ import annotations

from typing import Any, Self

import httpx2

from ..web.cookies import SESSION_COOKIE
from .ephemeral import Ephemeral


class NotAsExpected(Exception):  # noqa: N818 - not an error of ours: the server's
    """The server answered otherwise than it should."""


def expect(held: bool, otherwise: str) -> None:
    if not held:
        raise NotAsExpected(otherwise)


class Visitor:
    """Sends requests as the user of the demo, and remembers the cookie and the tokens it was given."""

    def __init__(self, house: Ephemeral) -> None:
        self.house = house
        self.http = httpx2.Client(base_url=house.base, timeout=10, trust_env=False)
        self.cookie = self.set_cookie = ""
        self.tokens: dict[str, dict[str, Any]] = {}
        self.spent: list[str] = []
        """Refresh tokens of one family, oldest first."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def sign_in(self, name: str, password: str, **headers: str) -> httpx2.Response:
        """As the server's own page does it, unless ``headers`` say otherwise."""
        sent = {"origin": self.house.base} | headers
        return self.http.post("/account/sign-in", json={"username": name, "password": password}, headers=sent)

    def enter(self) -> httpx2.Response:
        """Sign in with the right passphrase; the cookie is kept for what follows."""
        reply = self.sign_in(self.house.user, self.house.passphrase)
        expect(reply.status_code == 200, f"signing in gave {reply.status_code}")
        self.set_cookie = reply.headers["set-cookie"]
        name, _, self.cookie = self.set_cookie.partition(";")[0].partition("=")
        expect(name == SESSION_COOKIE and self.cookie != "", f"the cookie is called {name}")
        return reply

    def with_cookie(
        self, method: str, path: str, *, cookie: str | None = None, json: Any = None, **headers: str
    ) -> httpx2.Response:
        """A request with the session cookie, from our own page unless ``headers`` say otherwise (``_`` means ``-``)."""
        sent = {"cookie": f"{SESSION_COOKIE}={cookie or self.cookie}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()} or {"origin": self.house.base}
        return self.http.request(method, path, headers=sent, json=json)

    def mint(self, format: str, **headers: str) -> dict[str, Any]:
        """An access and a refresh token for the session."""
        sent = {"origin": self.house.base} | headers
        reply = self.with_cookie("POST", "/account/tokens", json={"format": format}, **sent)
        expect(reply.status_code == 200, f"/account/tokens gave {reply.status_code}")
        self.tokens[format] = reply.json()
        return self.tokens[format]

    def access(self, format: str) -> str:
        """The access token of that format which an earlier step was given."""
        expect(format in self.tokens, f"there is no {format} access token: an earlier step failed")
        return str(self.tokens[format]["access_token"])

    def bearer(self, token: str, **headers: str) -> httpx2.Response:
        return self.http.get("/api/me", headers={"authorization": f"Bearer {token}"} | headers)

    def dpop(self, token: str, proof: str) -> httpx2.Response:
        return self.http.get("/api/me", headers={"authorization": f"DPoP {token}", "dpop": proof})

    def refused(self, token: str) -> bool:
        """Whether the token gets the 401 that RFC 6750 wants."""
        reply = self.bearer(token)
        return reply.status_code == 401 and 'error="invalid_token"' in reply.headers.get("www-authenticate", "")

    def refresh(self, token: str) -> httpx2.Response:
        return self.http.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": token})

    def refreshed(self, token: str) -> dict[str, Any]:
        reply = self.refresh(token)
        expect(reply.status_code == 200, f"/oauth/token gave {reply.status_code}")
        found: dict[str, Any] = reply.json()
        return found

    def introspect(self, token: str) -> httpx2.Response:
        ours = (self.house.client, self.house.client_secret)
        return self.http.post("/oauth/introspect", data={"token": token}, auth=ours)

    def expect_all_dead(self, access: str, refresh: str, cookie: str) -> None:
        """The access token, the refresh token and the session must all be refused."""
        expect(self.refused(access), "the access token is still accepted")
        expect(self.refresh(refresh).status_code == 400, "the refresh token is still good")
        expect(self.with_cookie("GET", "/account/session", cookie=cookie).status_code == 401, "the session lives")
