"""The doctor at an application of one's own with the middleware: other paths, a form, and what such code gets wrong."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.unit.diagnosis.wards import BOUND, NAME, PASSWORD, served
from watchword import Watchword
from watchword.diagnosis.canary import Canary, Fields, Paths
from watchword.diagnosis.doctor import Report, examine
from watchword.diagnosis.patient import Patient
from watchword.errors import AccessDeniedError
from watchword.integrations.starlette import Auth
from watchword.web.headers import secure_page

View = Callable[[Request], Awaitable[Response]]
PATHS = Paths(
    me="GET /me",
    sign_in="POST /login",
    sign_out="POST /logout",
    tokens="POST /token",
    sessions="",
    refresh="",
    jwks="GET /jwks.json",
    paseto_keys="",
    health="",
    metrics="",
)
CANARY = Canary(
    username=NAME,
    password=PASSWORD,
    max_staleness=BOUND,
    paths=PATHS,
    fields=Fields(username="email", password="pass", form=True),
)


def application(folder: Path, base: str, **views: View) -> Starlette:
    """A sound one; ``views`` take the place of its own."""
    ww = Watchword(f"sqlite:///{folder}/app.db", issuer=base, audience=f"{base}/api")
    auth = Auth(ww)

    async def page(request: Request) -> Response:
        return HTMLResponse("<p>hello</p>", headers=secure_page().headers)

    async def login(request: Request) -> Response:
        form = await request.form()
        if (form.get("email"), form.get("pass")) != (NAME, PASSWORD):
            raise AccessDeniedError
        await auth.sign_in(NAME)
        return RedirectResponse("/", 303)

    async def logout(request: Request) -> Response:
        await auth.sign_out(await auth.require())
        return RedirectResponse("/", 303)

    async def me(request: Request) -> Response:
        return JSONResponse({"name": (await auth.require()).subject})

    async def token(request: Request) -> Response:
        who = await auth.require()
        return JSONResponse({"access_token": ww.access.issue(who.subject, session_id=who.session_id).token})

    async def jwks(request: Request) -> Response:
        return JSONResponse(ww.ring.jwks(), headers={"cache-control": "public, max-age=300"})

    own: dict[str, View] = {"page": page, "login": login, "logout": logout, "me": me, "token": token, "jwks": jwks}
    own |= views
    methods = {"login": "POST", "logout": "POST", "token": "POST"}
    paths = {"page": "/", "jwks": "/jwks.json"}
    routes = [
        Route(
            paths.get(name, f"/{name}"), view, methods=["GET", "POST"] if name in views else [methods.get(name, "GET")]
        )
        for name, view in own.items()
    ]
    app = Starlette(routes=routes)
    auth.attach(app)
    app.state.auth = auth
    return app


@contextmanager
def running(folder: Path, make: Callable[[Path, str], Starlette]) -> Iterator[Patient]:
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = make(folder, base)
    with served(app, [listening], date_header=True):
        patient = Patient(base)
        try:
            yield patient
        finally:
            patient.close()


def looked_at(folder: Path, make: Callable[[Path, str], Starlette] = application) -> Report:
    with running(folder, make) as patient:
        return examine([], [patient], CANARY, environ={})


def test_a_sound_application_has_no_finding(tmp_path: Path) -> None:
    report = looked_at(tmp_path)
    assert [f"{one.id}: {one.seen}" for one in report.findings] == []
    ran = {one.probe for one in report.results if one.health == "healthy"}
    assert {"session-ends", "csrf-crossing", "cookie-flags", "token-forged", "token-kinds", "document-jwks"} <= ran
    why = {one.probe: one.why for one in report.results if one.health == "unknown"}
    assert why["server-ready"] == "the canary file names no path for health"
    assert why["refresh-rotates"] == "no refresh token is issued at the path of tokens"


async def _logout_by_link(request: Request) -> Response:
    auth: Auth = request.app.state.auth
    await auth.sign_out(await auth.require())
    return RedirectResponse("/", 303)


async def _logout_clears_the_cookie(request: Request) -> Response:
    await request.app.state.auth.require()
    response = RedirectResponse("/", 303)
    response.delete_cookie("__Host-Http-ww_sid", secure=True, httponly=True, samesite="lax")
    return response


async def _login_shows_the_session(request: Request) -> Response:
    issued = await request.app.state.auth.sign_in(NAME)
    return JSONResponse({"session": issued.token})


async def _me_fails(request: Request) -> Response:
    who = await request.app.state.auth.optional()
    if who is None:
        return JSONResponse({"error": f"no user for {request.headers.get('authorization')}"}, 401)
    return JSONResponse({"name": who.subject})


async def _bare_page(request: Request) -> Response:
    return HTMLResponse("<p>hello</p>")


MISTAKES: dict[str, tuple[dict[str, View], set[str]]] = {
    "it signs out by a link": ({"logout": _logout_by_link}, {"csrf.get-acts"}),
    "it clears the cookie and ends nothing": (
        {"logout": _logout_clears_the_cookie},
        {"session.lives", "session.access-lives"},
    ),
    "it hands the session to the page's scripts": ({"login": _login_shows_the_session}, {"leak.body"}),
    "it writes refusals of its own": ({"me": _me_fails}, {"server.mute"}),
    "its page has no headers": ({"page": _bare_page}, {"page.no-csp", "page.framable", "page.sniffed"}),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named(tmp_path: Path, name: str) -> None:
    views, expected = MISTAKES[name]
    report = looked_at(tmp_path, lambda folder, base: application(folder, base, **views))
    assert {one.id for one in report.findings} == expected, [f"{one.id}: {one.seen}" for one in report.findings]
