"""Flask with plain views."""

from flask import Flask, request

from tests.frameworks.apps import AUTH, OPTIONS, URL, fall
from tests.frameworks.requests import ATTEMPTS, FRESH
from watchword.blocking import Watchword
from watchword.integrations.flask import Auth

app = Flask(__name__)
auth = Auth(Watchword(URL, **OPTIONS), **AUTH)
auth.init_app(app)


@app.get("/public")
def public() -> str:
    return "hello"


@app.get("/me")
@auth.require()
def me() -> str:
    return auth.who.subject


@app.get("/maybe")
def maybe() -> str:
    who = auth.optional()
    return "nobody" if who is None else who.subject


@app.get("/orders")
@auth.require("orders:read")
def orders() -> str:
    return f"orders of {auth.who.subject}"


@app.get("/admin")
@auth.require(role="admin")
def admin() -> str:
    return f"admin {auth.who.subject}"


@app.get("/fresh")
@auth.require(fresh=FRESH)
def fresh() -> str:
    return f"fresh {auth.who.subject}"


@app.post("/write")
@auth.require()
def write() -> str:
    return f"written by {auth.who.subject}"


@app.post("/login")
def login() -> str:
    auth.sign_in(request.args["user"])
    return "welcome"


@app.post("/refused")
def refused() -> tuple[str, int]:
    auth.sign_in(request.args["user"])
    return "refused", 400


@app.post("/forget")
@auth.require()
def forget() -> str:
    auth.sign_out(auth.who, clear_site_data=True)
    return "forgotten"


@app.post("/attempt")
def attempt() -> str:
    auth.limit(ATTEMPTS, account=request.args["user"])
    return "counted"


@app.post("/logout")
@auth.require()
def logout() -> str:
    auth.sign_out(auth.who)
    return "bye"


@app.get("/down")
def down() -> str:
    return fall(request.args["user"])
