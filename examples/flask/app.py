"""A members' area in Flask.

python examples/flask/app.py
"""

from __future__ import annotations

from dataclasses import dataclass
from os import environ
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from flask import Blueprint, Flask, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from watchword import Principal
from watchword.blocking import Watchword
from watchword.crypto.passwords import check_new_password, hash_password, password_matches
from watchword.errors import TokenError
from watchword.integrations.flask import Auth
from watchword.web.headers import secure_page
from watchword.web.ratelimit import Limits, RateLimit

SIGN_IN = Limits("sign-in", account=RateLimit("5/min"), address=RateLimit("50/min"), everyone=RateLimit("1000/min"))
PAGES = Path(__file__).parents[1] / "pages"


@dataclass(frozen=True)
class Account:
    """``password`` is an Argon2id hash."""

    password: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]


class Accounts:
    """In the place of your user table: watchword has none."""

    def __init__(self) -> None:
        self._known: dict[str, Account] = {}

    def add(self, name: str, password: str, *, roles: tuple[str, ...] = (), scopes: tuple[str, ...] = ()) -> None:
        check_new_password(password)
        self._known[name] = Account(hash_password(password), roles, scopes)

    def check(self, name: str, password: str) -> Account | None:
        """The same work whether or not there is such an account: the time tells nobody."""
        account = self._known.get(name)
        right = password_matches(password, account.password if account else None)
        return account if right else None


def members(ww: Watchword, auth: Auth, accounts: Accounts) -> Blueprint:
    views = Blueprint("members", __name__)

    def visitor() -> Principal | None:
        """Who looks at a page. A session that has ended is nobody's: sign in again."""
        try:
            return auth.optional()
        except TokenError:
            return None

    @views.get("/")
    def home() -> ResponseReturnValue:
        who = visitor()
        if who is None:
            return redirect("/sign-in", 303)
        devices = ww.devices.list(who.subject, current=who.device)
        return page("home.html", name=who.subject, roles=sorted(who.roles), devices=devices, now=ww.core.clock.now())

    @views.get("/sign-in")
    def sign_in_page() -> ResponseReturnValue:
        return page("sign_in.html")

    @views.post("/sign-in")
    def sign_in() -> ResponseReturnValue:
        name, password = request.form.get("username", ""), request.form.get("password", "")
        auth.limit(SIGN_IN, account=name)  # too many: 429 and Retry-After
        account = accounts.check(name, password)
        if account is None:
            return page("sign_in.html", 401, error="That name and password do not belong together.")
        ww.limits.forget(SIGN_IN, account=name)
        # The cookie goes with the answer; a session that this browser had before has ended.
        auth.sign_in(name, roles=account.roles, scopes=account.scopes, remember="remember" in request.form)
        return redirect("/", 303)

    @views.post("/sign-out")
    @auth.require()
    def sign_out() -> ResponseReturnValue:
        auth.sign_out(auth.who)
        return redirect("/sign-in", 303)

    @views.post("/devices/end-all")
    @auth.require()
    def sign_out_everywhere() -> ResponseReturnValue:
        ww.devices.end_all(auth.who.subject, keep=auth.who.device)
        auth.sign_out(auth.who)
        return redirect("/sign-in", 303)

    @views.post("/devices/<handle>/end")
    @auth.require()
    def sign_out_device(handle: str) -> ResponseReturnValue:
        ww.devices.end(auth.who.subject, handle)  # only the caller's own
        return redirect("/", 303)

    @views.get("/me")
    @auth.require()
    def me() -> dict[str, Any]:
        who = auth.who
        return {"subject": who.subject, "roles": sorted(who.roles), "scopes": sorted(who.scopes)}

    @views.get("/admin")
    @auth.require(role="admin")
    def admin() -> dict[str, Any]:
        return {"welcome": auth.who.subject}

    @views.get("/api/orders")
    @auth.require("orders:read")
    def orders() -> dict[str, Any]:
        """For scripts, too: a session, an access token or an API key that has the scope."""
        return {"orders": [{"id": "o-1", "of": auth.who.subject}]}

    return views


def page(template: str, status: int = 200, **values: Any) -> Response:
    made = secure_page()  # a fresh nonce, CSP, no-store …
    response = make_response(render_template(template, nonce=made.nonce, **values), status)
    response.headers.update(made.headers)
    return response


def create_app(ww: Watchword, accounts: Accounts) -> Flask:
    app = Flask(__name__, template_folder=PAGES)
    app.config["MAX_CONTENT_LENGTH"] = 10_000
    auth = Auth(ww)  # each process opens the Watchword at its first request
    auth.init_app(app)
    app.register_blueprint(members(ww, auth, accounts))
    return app


def with_demo_accounts(accounts: Accounts) -> None:
    """Two accounts with passwords of this run, which it prints."""
    for name, roles in {"ada": ("admin",), "eve": ()}.items():
        password = token_urlsafe(12)
        accounts.add(name, password, roles=roles, scopes=("orders:read",))
        print(f"{name} {password}", flush=True)


def main() -> None:
    here = f"http://localhost:{environ.get('PORT', '8000')}"
    accounts = Accounts()
    with_demo_accounts(accounts)
    app = create_app(Watchword(environ.get("STORE", "memory:"), issuer=here, audience=here), accounts)
    print(here, flush=True)
    app.run("localhost", int(environ.get("PORT", "8000")))


if __name__ == "__main__":
    main()
