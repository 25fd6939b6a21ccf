"""The attack suite against the same endpoint in every framework, and against endpoints that are broken on purpose."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import jwt as pyjwt
import pytest
from flask import Flask, request
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.unit.testing.applications import FRAMEWORKS, of_fastapi, of_flask
from watchword import Key, KeyRing
from watchword import Watchword as AsyncWatchword
from watchword.blocking import Watchword
from watchword.errors import ConfigurationError, CsrfError, MalformedTokenError, WatchwordError
from watchword.integrations import starlette
from watchword.runtime.ticker import drive
from watchword.testing import assert_rejects_all, assert_rejects_all_async, attack, dressed
from watchword.web.cookies import SESSION_COOKIE

ROOT = Path(__file__).parents[3]
Judge = Callable[[], str]
Outcomes = dict[str, int]


@pytest.mark.parametrize("made", FRAMEWORKS, ids=lambda made: made.__name__)
@pytest.mark.parametrize(("method", "attacks"), [("GET", 72), ("POST", 76)])
def test_an_endpoint_of_ours_lets_nobody_in(
    ww: Watchword, made: Callable[[Watchword], Any], method: str, attacks: int
) -> None:
    client = made(ww)
    assert_rejects_all(client, "/me", method, ww=ww)
    assert len(drive(attack(client, "/me", method, ww=ww))) == attacks


def test_django_lets_nobody_in() -> None:
    program = [sys.executable, "-W", "error", str(Path(__file__).with_name("django_program.py"))]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["401", "ada", "401", "ada", "401", "held"]


def broken(judge: Judge, *, testing: bool = False) -> Any:
    """An endpoint that believes whatever ``judge`` returns for; what it raises of ours or PyJWT's is a 401."""
    app = Flask(__name__)
    app.testing = testing

    @app.route("/me", methods=["GET", "POST"])
    def me() -> Any:
        try:
            return judge()
        except (WatchwordError, pyjwt.PyJWTError):
            return "no", 401

    return app.test_client()


def _bearer() -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def let_in(client: Any, ww: Watchword, method: str = "GET") -> set[str]:
    return {one.attack for one in drive(attack(client, "/me", method, ww=ww)) if one.status < 400}


def test_pyjwt_without_audience_is_found_and_named(ww: Watchword) -> None:
    key = ww.ring.active("sign", format="jwt").public().to_pem()
    careless: Any = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}

    def judge() -> str:
        claims = pyjwt.decode(_bearer(), key, algorithms=["ES256"], options=careless)
        return str(claims["sub"])

    client = broken(judge)
    found = let_in(client, ww)
    assert {"a JWT: wrong audience", "a JWT: wrong issuer", "a JWT: revoked", "a JWT: wrong type"} <= found
    assert "a service token as bearer" in found
    assert found.isdisjoint({"a JWT: unsigned", "a JWT: key confusion", "a JWT: tampered payload", "nothing"})
    with pytest.raises(AssertionError, match="got in: a JWT: wrong audience: 200"):
        assert_rejects_all(client, "/me", ww=ww)


def test_a_verifier_that_lets_the_header_choose_is_found(ww: Watchword) -> None:
    def judge() -> str:
        claims = pyjwt.decode(_bearer(), options={"verify_signature": False}, algorithms=["ES256"])
        return str(claims["sub"])

    found = let_in(broken(judge), ww)
    assert {"a JWT: unsigned", "a JWT: key confusion", "a JWT: embedded key", "a JWT: foreign key"} <= found
    assert {"a JWT: tampered payload", "a JWT: tampered signature", "a JWT: expired", "a JWT: no signature"} <= found


def test_an_endpoint_that_ignores_the_kind_is_found(ww: Watchword) -> None:
    def judge() -> str:
        token = _bearer()
        for verify in (ww.sessions.authenticate, ww.refresh.authenticate, ww.access.verify):
            with suppress(MalformedTokenError):  # not this kind: try the next
                return verify(token).subject
        raise MalformedTokenError

    found = let_in(broken(judge), ww)
    assert {"a session token as bearer", "a refresh token as bearer"} <= found
    assert not {one for one in found if one.startswith(("a JWT", "a PASETO", "an opaque", "an API key"))}


def test_a_cookie_without_csrf_or_counting_is_found(ww: Watchword) -> None:
    def judge() -> str:
        return ww.sessions.authenticate(request.cookies.get(SESSION_COOKIE, "")).subject

    assert let_in(broken(judge), ww, "POST") == {
        "the session's cookie twice",
        "a cookie and a bearer",
        "a session from another site",
        "a session from a foreign Origin",
        "a session from a sandboxed page",
        "a session that does not say from where",
    }


def test_a_token_in_the_query_and_without_its_scheme_is_found(ww: Watchword) -> None:
    def judge() -> str:
        text = request.args.get("access_token") or request.headers.get("authorization", "").split(" ")[-1]
        return ww.access.verify(text).subject

    found = let_in(broken(judge), ww)
    assert {"an access token in the query", "an access token as Basic", "two tokens in one header"} <= found
    assert "an access token without its scheme" in found


@pytest.mark.parametrize("testing", [False, True])
def test_an_endpoint_that_crashes_is_found(ww: Watchword, testing: bool) -> None:
    def judge() -> str:
        if not _bearer().isalnum() and "." not in _bearer():
            raise KeyError("no bearer")
        return ww.access.verify(_bearer()).subject

    with pytest.raises(AssertionError, match=r"crashed: nothing: (500|raised KeyError)"):
        assert_rejects_all(broken(judge, testing=testing), "/me", ww=ww)


def test_what_the_keys_cannot_write_is_left_out_and_the_rest_is_not(ww: Watchword) -> None:
    names: Any = {"issuer": "https://app.example", "audience": "https://api.example"}
    all_of_them = [one.attack for one in drive(attack(of_flask(ww), "/me", ww=ww))]
    with Watchword(
        "memory:", **names, ring=KeyRing.of(Key.generate("ES256"), Key.generate("HS256", use="mac"))
    ) as small:
        found = [one.attack for one in drive(attack(of_flask(small), "/me", ww=small))]
    missing = set(all_of_them) - set(found)
    assert missing == {one for one in all_of_them if one.startswith("a PASETO")} | {"a sealed token as bearer"}
    assert found[-1] == all_of_them[-1]


def test_where_no_good_credential_gets_in_nothing_is_shown(ww: Watchword) -> None:
    with pytest.raises(AssertionError, match="let no good credential in"):
        assert_rejects_all(of_flask(ww), "/nowhere", ww=ww)


def test_a_redirect_is_let_in_unless_it_is_how_one_is_refused(ww: Watchword) -> None:
    app = Flask(__name__)

    @app.get("/me")
    def me() -> Any:
        try:
            return ww.access.verify(_bearer()).subject
        except WatchwordError:
            return "", 302, {"location": "/login"}

    with pytest.raises(AssertionError, match="got in: nothing: 302"):
        assert_rejects_all(app.test_client(), "/me", ww=ww)
    excused = ["a cookie and a bearer", "a bearer and an API key", "an access token without its scheme"]
    assert_rejects_all(app.test_client(), "/me", ww=ww, redirects=True, allowed=excused)


def test_what_is_allowed_is_not_held_against_the_endpoint(ww: Watchword) -> None:
    def judge() -> str:
        return ww.sessions.authenticate(request.cookies.get(SESSION_COOKIE, "")).subject

    twice = ["the session's cookie twice", "a cookie and a bearer"]
    assert_rejects_all(broken(judge), "/me", ww=ww, allowed=twice)


def calling(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://app.example")


async def test_an_asynchronous_client_is_awaited() -> None:
    options = {"issuer": "https://app.example", "audience": "https://api.example"}
    with Watchword("memory:", **options) as ww:  # type: ignore[arg-type]
        app = of_fastapi(ww).app
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="https://app.example"
        ) as client:
            await assert_rejects_all_async(client, "/me", "POST", ww=ww)
            with pytest.raises(ConfigurationError, match="await assert_rejects_all_async"):
                assert_rejects_all(client, "/me", ww=ww)


async def test_a_store_that_suspends_is_awaited(tmp_path: Path) -> None:
    ww = AsyncWatchword(f"sqlite:///{tmp_path}/a.db", issuer="https://app.example", audience="https://api.example")
    async with ww:
        app = Starlette(routes=[Route("/me", partial(_asked, auth := starlette.Auth(ww)))])
        auth.attach(app)
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="https://app.example"
        ) as client:
            await assert_rejects_all_async(client, "/me", ww=ww)
        with pytest.raises(ConfigurationError, match="suspends"):
            assert_rejects_all(TestClient(app), "/me", ww=ww)


async def _asked(auth: starlette.Auth, request: Request) -> PlainTextResponse:
    return PlainTextResponse((await auth.require()).subject)


def test_a_signed_in_client_is_attacked_without_its_credential_and_has_it_afterwards(ww: Watchword) -> None:
    client = of_fastapi(ww)
    with dressed(client, "ada", ww=ww):
        assert_rejects_all(client, "/me", "POST", ww=ww)
        assert client.post("/me").json() == "ada"


def test_csrf_is_what_stops_the_other_sites(ww: Watchword) -> None:
    outcomes = drive(attack(of_flask(ww), "/me", "POST", ww=ww))
    assert {one.status for one in outcomes[-4:]} == {CsrfError.status}
