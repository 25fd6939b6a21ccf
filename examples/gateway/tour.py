"""Starts the gateway and what is behind it, does what clients do, and tries what must not work.

python -m examples.gateway.tour
"""

from __future__ import annotations

import asyncio
import json
import logging

import httpx2

from examples.gateway import envoy
from examples.gateway.stage import ACCOUNTS, Stage, program, running

OUR_PAGE = {"sec-fetch-site": "same-origin"}
ELSEWHERE = {"sec-fetch-site": "cross-site"}
SPOOFED = {"x-auth-subject": "root", "x-auth-scopes": "everything", "x-auth-token": "Bearer forged"}


async def sign_in(http: httpx2.AsyncClient, name: str) -> dict[str, str]:
    """The cookie, as a browser would send it."""
    form = {"name": name, "password": ACCOUNTS[name][0]}
    answer = await http.post("/account/sign-in", json=form, headers=OUR_PAGE)
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


async def walk(stage: Stage, http: httpx2.AsyncClient) -> None:
    nobody = await http.get("/orders/7", headers=SPOOFED)
    say("without a credential, whatever the headers say", nobody.status_code, nobody.status_code == 401)
    ada, bob = await sign_in(http, "ada"), await sign_in(http, "bob")

    seen = await http.get("/orders/7", headers=ada | SPOOFED)
    told = {name: value for name, value in seen.json()["headers"] if name.startswith("x-auth") or name == "cookie"}
    token = told.pop("x-auth-token")
    right = told == {"x-auth-subject": "ada", "x-auth-scopes": "bills:read orders:read"}
    say("orders is told by the gateway alone", told, right and token.startswith("Bearer eyJ"))
    verified = await http.get("/bills/7", headers=ada | SPOOFED)
    say("bills verifies its own token", verified.json(), verified.json()["subject"] == "ada")
    direct = await http.get(
        f"http://127.0.0.1:{stage.ports.services['bills']}/bills/7", headers={"x-auth-token": token}
    )
    say("a token for orders, shown to bills", direct.status_code, direct.status_code == 401)

    narrow = [(await http.get(path, headers=bob)).status_code for path in ("/orders/7", "/bills/7")]
    say("bob reads orders and not bills", narrow, narrow == [200, 403])
    posts = [(await http.post("/orders/7", headers=ada | page)).status_code for page in (OUR_PAGE, ELSEWHERE)]
    say("a POST of our page, and of another site's", posts, posts == [200, 403])
    lie = await http.post("/orders/7", headers=ada | ELSEWHERE | {"x-original-method": "GET"})
    say("another site's, with a method of its own", lie.status_code, lie.status_code == 403)
    inside = await http.get("/_auth/orders", headers=ada)
    say("what the gateway asks, from outside", inside.status_code, inside.status_code == 404)

    out = await http.post("/account/sign-out", headers=ada | OUR_PAGE)
    after = await http.get("/orders/7", headers=ada)
    say("signed out", [out.status_code, after.status_code], [out.status_code, after.status_code] == [204, 401])
    written = json.dumps(envoy.configuration())
    say("the configuration of Envoy", f"{len(written)} bytes", "jwt_authn" in written)


def say(what: str, seen: object, held: bool) -> None:
    print(f"{'ok  ' if held else 'FAIL'} {what}: {seen}")
    if not held:
        raise SystemExit(1)


async def main() -> None:
    found = program()
    if found is None:
        raise SystemExit("this needs nginx: apt-get install nginx-light")
    logging.getLogger("watchword").setLevel(logging.ERROR)  # what is refused here is meant to be refused
    async with running(found) as stage, httpx2.AsyncClient(base_url=stage.url, timeout=10, trust_env=False) as http:
        await walk(stage, http)


if __name__ == "__main__":
    asyncio.run(main())
