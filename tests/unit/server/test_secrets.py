"""I16: after every flow, no secret stands where it does not belong: not on the disk, in a log, in a body."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.unit.server.house import PASSWORD, SCOPES, SECRET, House, open_house
from watchword.web.cookies import SESSION_COOKIE

CHOSEN = "a sentinel for the new password"
WRONG = "a sentinel for the wrong password"
BELONGS = {"access_token", "refresh_token"}
"""Members of a token response, the one body that has secrets in it."""


class Seen:
    """Every secret that was handed out, and every body that came back with what was asked for left out."""

    def __init__(self) -> None:
        self.secrets = {PASSWORD, CHOSEN, WRONG, SECRET}
        self.bodies: list[str] = []

    async def take(self, reply: httpx2.Response) -> None:
        for line in reply.headers.get_list("set-cookie"):
            value = line.partition(";")[0].partition("=")[2]
            if value:
                self.secrets.add(value)
        body: Any = reply.json() if reply.headers.get("content-type") == "application/json" else None
        if isinstance(body, dict) and "access_token" in body:
            self.secrets |= {body[name] for name in BELONGS}
            body = {name: value for name, value in body.items() if name not in BELONGS}
            self.bodies.append(str(body))
        else:
            self.bodies.append(reply.text)
        self.bodies.append(
            "\n".join(f"{name}: {value}" for name, value in reply.headers.items() if name != "set-cookie")
        )

    def spellings(self) -> Iterator[bytes]:
        """Whole, without the last part, URL-encoded, base64, hex: and the random part of each opaque token alone."""
        for secret in self.secrets:
            raw = secret.encode()
            yield from (raw, quote(secret).encode(), b64encode(raw).rstrip(b"="), raw.hex().encode())
            if secret.startswith("ww_ss_"):
                yield raw[6:]
            if secret.startswith("ww_rt_"):
                yield raw.split(b".")[2]
            if secret.startswith("eyJ"):
                yield raw.rpartition(b".")[2]


async def walk(house: House) -> None:
    """Each endpoint, in its good and its bad ways."""
    for body in (
        {"username": "alice", "password": PASSWORD},
        {"username": "alice", "password": WRONG},
        {"username": WRONG, "password": PASSWORD},
        {"username": "alice", "password": PASSWORD, "extra": WRONG},
    ):
        await house.ask("POST", "/account/sign-in", json=body)
        await house.ask("POST", "/account/sign-in", data=body, headers=[("accept", "text/html")])
        await house.ask("POST", "/account/sign-in", json=body, origin="https://evil.example")
    cookie = await house.sign_in()
    tokens = {format: await house.mint(cookie, format=format) for format in ("jwt", "paseto")}
    refresh = tokens["jwt"]["refresh_token"]
    secrets = [cookie, refresh, *(one["access_token"] for one in tokens.values()), PASSWORD, SECRET]
    for secret in secrets:
        for path in ("/", "/api/me", "/account/session", "/account/sessions", "/.well-known/jwks.json"):
            await house.ask("GET", path, cookie=secret)
            await house.ask("GET", path, headers=[("authorization", f"Bearer {secret}")])
            await house.ask("GET", f"{path}?access_token={quote(secret)}&token={quote(secret)}")
            await house.ask("GET", f"/{quote(secret, safe='')}")
        await house.ask("DELETE", f"/account/sessions/{quote(secret, safe='')}", cookie=cookie)
        await house.ask("POST", "/account/tokens", cookie=cookie, json={"client_id": secret, "scopes": [secret]})
        await house.ask("POST", "/account/tokens", cookie=cookie, json={secret: 1})
        await house.form("/oauth/token", grant_type=secret)
        await house.form("/oauth/token", **{secret: secret})
        await house.form("/oauth/token", grant_type="refresh_token", refresh_token=secret, scope=secret)
        await house.form("/oauth/token", grant_type="refresh_token", refresh_token=secret, client_id=secret)
        await house.form("/oauth/introspect", token=secret, client_id="backend", client_secret=WRONG)
        await house.form("/oauth/introspect", (secret, secret), token=secret)
        await house.form("/oauth/introspect", ("backend", SECRET), token=secret, token_type_hint=secret)
        await house.form("/oauth/revoke", token=f"{secret}x", client_id=secret)
    rotated = await house.refresh(refresh)
    await house.refresh(refresh)
    await house.refresh(rotated.json()["refresh_token"])
    await house.refresh(refresh)
    await house.server.accounts.set_password("alice", CHOSEN)
    cookie = await house.sign_in(password=CHOSEN)
    tokens["jwt"] = await house.mint(cookie)
    await house.form("/oauth/revoke", token=tokens["jwt"]["access_token"])
    await house.ask("GET", "/", cookie=cookie)
    await house.ask("DELETE", "/account/session", cookie=cookie)
    await house.server.accounts.disable("alice")
    await house.sign_in("bob")


async def test_no_secret_stands_where_it_does_not_belong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.CRITICAL, "httpx2")  # the client of this test, which logs the URLs it was told
    caplog.set_level(logging.DEBUG)
    seen = Seen()
    async with open_house(f"sqlite:///{tmp_path}/auth.db") as house:
        house.http.event_hooks["response"].append(lambda reply: reply.aread())
        house.http.event_hooks["response"].append(seen.take)
        await walk(house)
        assert len([one for one in seen.secrets if one.startswith("ww_ss_")]) >= 3
        assert len([one for one in seen.secrets if one.startswith("ww_rt_")]) >= 4
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}  # noqa: ASYNC240 - while it is open
    assert {"auth.db", "auth.db-wal", "auth.db.keys"} <= files.keys()
    assert b"alice" in files["auth.db"] + files["auth.db-wal"], "the record was read where it is kept"
    logged = "\n".join(
        f"{record.getMessage()} {record.exc_text} {record.exc_info} {record.args}" for record in caplog.records
    )
    assert "/account/sign-in" in logged, "the log was read"
    places = {
        **files,
        "log": logged.encode() + caplog.text.encode(),
        "output": "".join(capfd.readouterr()).encode(),
        "bodies": "\n".join(seen.bodies).encode(),
    }
    found = [
        (place, spelling[:12])
        for spelling in seen.spellings()
        for place, content in places.items()
        if spelling in content
    ]
    assert found == []
    assert SESSION_COOKIE.encode() not in places["bodies"]
    assert SCOPES[0].encode() in places["bodies"], "the bodies were read"
