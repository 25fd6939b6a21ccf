"""Any WSGI application, and Flask: one visit for each request, and no thread or loop for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from flask import Flask

from watchword.blocking import Watchword
from watchword.errors import ConfigurationError, InsufficientScopeError
from watchword.integrations import asgi, flask, wsgi
from watchword.web.cookies import SESSION_COOKIE
from watchword.web.token_cookies import TokenCookies

OPTIONS: dict[str, Any] = {"issuer": "https://app.example", "audience": "https://api.example"}
OWN = {"HTTP_SEC_FETCH_SITE": "same-origin"}
Headers = list[tuple[str, str]]


@pytest.fixture
def ww() -> Iterator[Watchword]:
    with Watchword("memory:", **OPTIONS) as made:
        yield made


class Answer:
    """What a server saw of one request, with the body read to its end and closed."""

    def __init__(self, app: wsgi.App, method: str = "GET", path: str = "/", **environ: str) -> None:
        self.status, self.starts = "", 0
        self.headers: dict[str, str] = {}
        given: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SCRIPT_NAME": "",
            "SERVER_NAME": "app.example",
            "SERVER_PORT": "443",
            "wsgi.url_scheme": "https",
            "HTTP_HOST": "app.example",
            **environ,
        }

        def start(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            self.status, self.starts = status, self.starts + 1
            self.headers = {name.lower(): value for name, value in headers}
            return lambda data: None

        body = app(given, start)
        try:
            self.body = b"".join(body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    @property
    def cookie(self) -> str:
        return self.headers["set-cookie"].partition(";")[0]


def test_a_refusal_raised_while_the_body_is_made_is_answered(ww: Watchword) -> None:
    auth = wsgi.Auth(ww)

    def app(environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:
        who = auth.demand("orders:read")
        start("200 OK", [])
        yield who.subject.encode()

    served = auth.attach(app)
    assert Answer(served).status == "401 Unauthorized"
    token = ww.access.issue("ada", scopes=["orders:read"]).token
    good = Answer(served, HTTP_AUTHORIZATION=f"Bearer {token}")
    assert (good.status, good.body, good.starts) == ("200 OK", b"ada", 1)


def test_a_refusal_after_the_answer_has_begun_is_the_servers_to_handle(ww: Watchword) -> None:
    auth = wsgi.Auth(ww)

    def app(environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        yield b"half"
        raise InsufficientScopeError("x")

    with pytest.raises(InsufficientScopeError):
        Answer(auth.attach(app))


def test_a_session_whose_cookie_never_went_out_is_ended(ww: Watchword) -> None:
    auth = wsgi.Auth(ww)

    def app(environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:
        auth.sign_in("ada")
        if environ["PATH_INFO"] == "/breaks":
            raise ZeroDivisionError
        if environ["PATH_INFO"] == "/never":
            return []
        start("400 Bad Request" if environ["PATH_INFO"] == "/refused" else "200 OK", [])
        return [b"in"]

    served = auth.attach(app)
    for path in ("/never", "/refused"):
        assert "set-cookie" not in Answer(served, "POST", path, **OWN).headers
    with pytest.raises(ZeroDivisionError):
        Answer(served, "POST", "/breaks", **OWN)
    assert ww.sessions.list("ada") == []
    signed = Answer(served, "POST", "/", **OWN)
    assert signed.cookie.startswith(f"{SESSION_COOKIE}=ww_ss_")
    assert signed.headers["cache-control"] == "no-store"
    assert len(ww.sessions.list("ada")) == 1


def test_outside_a_request_the_words_say_what_is_missing(ww: Watchword) -> None:
    with pytest.raises(ConfigurationError, match="attach"):
        wsgi.Auth(ww).optional()


def test_two_authorization_headers_are_one_in_wsgi_and_refused(ww: Watchword) -> None:
    auth = wsgi.Auth(ww)

    def app(environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:
        text = auth.demand().subject
        start("200 OK", [])
        return [text.encode()]

    token = ww.access.issue("ada").token
    served = auth.attach(app)
    assert Answer(served, HTTP_AUTHORIZATION=f"Bearer {token},Bearer {token}").status == "400 Bad Request"


def test_a_warm_request_makes_no_thread_and_no_loop(ww: Watchword, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = wsgi.Auth(ww)

    def app(environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:
        text = auth.demand().subject
        start("200 OK", [])
        return [text.encode()]

    served = auth.attach(app)
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {ww.access.issue('ada').token}"}
    cookie = {"HTTP_COOKIE": f"{SESSION_COOKIE}={ww.sessions.start('ada').token}"}
    for presented in (bearer, cookie):
        assert Answer(served, **presented).body == b"ada"

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a thread or a loop was made")

    monkeypatch.setattr(threading.Thread, "start", never)
    monkeypatch.setattr(asyncio, "new_event_loop", never)
    for presented in (bearer, cookie):
        assert Answer(served, **presented).body == b"ada"


def test_each_process_has_words_of_its_own(ww: Watchword) -> None:
    auth = wsgi.Auth(ww)
    first = auth.words
    assert auth.words is first
    ww.close()
    assert auth.words is not first
    assert auth.words.ww is ww.core


# Flask


def test_flask_takes_one_auth_and_wants_parentheses(ww: Watchword) -> None:
    app, auth = Flask(__name__), flask.Auth(ww)
    auth.init_app(app)
    with pytest.raises(ConfigurationError, match="once"):
        flask.Auth(ww).init_app(app)
    with pytest.raises(ConfigurationError, match="parentheses"):
        auth.require(lambda: "me")  # type: ignore[arg-type]  # the mistake


def test_flask_is_attached_by_the_word_of_the_other_frameworks_as_well(ww: Watchword) -> None:
    app, auth = Flask(__name__), flask.Auth(ww)
    assert auth.attach(app) is app.wsgi_app

    @app.get("/me")
    @auth.require()
    def me() -> str:
        return auth.who.subject

    assert app.test_client().get("/me").status_code == 401  # and no 500: the errors are answered, too
    with pytest.raises(ConfigurationError, match="once"):
        auth.attach(app)
    assert isinstance(flask.Auth(ww).attach(app.wsgi_app), wsgi.WatchwordMiddleware)


def test_flask_views_of_both_sorts_are_guarded(ww: Watchword) -> None:
    app, auth = Flask(__name__), flask.Auth(ww)
    auth.init_app(app)

    @app.get("/plain")
    @auth.require("orders:read")
    def plain() -> str:
        return auth.who.subject

    @app.get("/waits")
    @auth.require("orders:read")
    async def waits() -> str:
        return auth.who.subject

    client = app.test_client()
    token = ww.access.issue("ada", scopes=["orders:read"]).token
    for path in ("/plain", "/waits"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"authorization": f"Bearer {token}"}).text == "ada"
    assert plain.__name__ == "plain"


def test_flask_wants_what_guards_a_view_below_its_route(ww: Watchword) -> None:
    app, auth = Flask("open"), flask.Auth(ww)
    auth.init_app(app)

    @app.get("/secret")
    def secret() -> str:
        return "secret"

    with pytest.raises(ConfigurationError, match=r"below @app\.route: secret would be open"):
        auth.require()(secret)


@pytest.mark.parametrize("cookie", ["sid", TokenCookies])
def test_a_cookie_is_no_name_and_no_class(ww: Watchword, cookie: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"cookie= is a CookiePolicy\(…\)"):
        wsgi.Auth(ww, cookie=cookie)


def test_each_face_wants_its_own_watchword(ww: Watchword) -> None:
    other: Any = ww.core
    with pytest.raises(ConfigurationError, match=r"blocking\.Watchword, and this is a watchword\.app\.Watchword"):
        wsgi.Auth(other)
    blocking: Any = ww
    with pytest.raises(ConfigurationError, match=r"this is a watchword\.blocking\.Watchword"):
        asgi.Auth(blocking)
