"""Starts the application as a process, does what a browser does, and tries what must not work.

python examples/spa_bff/tour.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe

import httpx2

PASSWORD = token_urlsafe(12)
OUR_PAGE = {"sec-fetch-site": "same-origin", "x-ww-csrf": "1"}


@contextmanager
def running() -> Iterator[str]:
    program = str(Path(__file__).with_name("app.py"))
    environment = os.environ | {"ADA": PASSWORD, "LOG": "ERROR"}  # what it refuses here is meant to be refused
    process = subprocess.Popen([sys.executable, program], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().replace("localhost", "127.0.0.1")
    finally:
        process.terminate()
        process.communicate()


def walk(http: httpx2.Client) -> None:
    page = http.get("/")
    policy = page.headers["content-security-policy"]
    say("the page", policy.partition(";")[0], "'nonce-" in policy and "{nonce}" not in page.text)
    say("nobody is signed in", http.get("/bff/me").json(), http.get("/bff/me").json() == {"name": None})
    refused = http.get("/api/orders", headers=OUR_PAGE)
    say("the API without a session", refused.status_code, refused.status_code == 401)

    form = {"name": "ada", "password": PASSWORD}
    signed_in = http.post("/bff/sign-in", json=form, headers=OUR_PAGE)
    [line] = signed_in.headers.get_list("set-cookie")
    flags = line.partition("; ")[2]
    say("signed in", flags, signed_in.status_code == 204 and "HttpOnly" in flags and "SameSite=Strict" in flags)
    session = {"cookie": line.partition(";")[0]}

    ordered = http.post("/api/orders", json={"what": "tea"}, headers=session | OUR_PAGE)
    say("an order through the BFF", ordered.json(), ordered.status_code == 201)
    listed = http.get("/api/orders", headers=session | OUR_PAGE)
    say("and what the API has", listed.json(), listed.json() == ["tea"])

    evil = http.post("/api/orders", json={"what": "x"}, headers=session | OUR_PAGE | {"sec-fetch-site": "cross-site"})
    say("another site's page", evil.json()["error"], evil.status_code == 403)
    bare = http.get("/api/orders", headers=session)
    say("a read without the header", bare.json()["error"], bare.status_code == 403)
    around = http.get("/api/orders/..%2f..%2f.well-known/jwks.json", headers=session | OUR_PAGE)
    say("a way around the map", around.status_code, around.status_code == 404)

    said = [answer.text + str(answer.headers) for answer in (signed_in, ordered, listed, evil, bare, around)]
    leaks = [one for one in said if "eyJ" in one or "ww_rt_" in one]
    say("answers that hold a bearer token", len(leaks), not leaks)

    http.post("/bff/sign-out", headers=session | OUR_PAGE)
    after = http.get("/api/orders", headers=session | OUR_PAGE)
    say("after sign-out", after.status_code, after.status_code == 401)


def say(what: str, seen: object, held: bool) -> None:
    print(f"{'ok  ' if held else 'FAIL'} {what}: {seen}")
    if not held:
        raise SystemExit(1)


def main() -> None:
    with running() as base, httpx2.Client(base_url=base, timeout=10, trust_env=False) as http:
        walk(http)


if __name__ == "__main__":
    main()
