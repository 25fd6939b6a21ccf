"""What the stations do and say: a browser, callers with a bearer token, and lines that check themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from http.cookies import SimpleCookie
from time import monotonic

import httpx2

from examples.walk.node import ACCOUNTS

PATIENCE = 20.0
"""Seconds for what takes milliseconds, on a machine that is busy."""
OUR_PAGE = {"sec-fetch-site": "same-origin"}


class Browser:
    """It keeps cookies, the Secure ones as well: here http goes no further than this machine."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self._http, self._url = http, url
        self.cookies: dict[str, str] = {}

    async def sign_in(self, name: str = "ada") -> int:
        return (await self._send("POST", "/sign-in", {"name": name, "password": ACCOUNTS[name]})).status_code

    async def sign_out(self) -> int:
        return (await self._send("POST", "/sign-out")).status_code

    async def me(self) -> int:
        return (await self._send("GET", "/me")).status_code

    async def token(self, format: str) -> str:
        return str((await self._send("POST", f"/tokens/{format}")).json()["access_token"])

    async def _send(self, method: str, path: str, form: dict[str, str] | None = None) -> httpx2.Response:
        cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers = OUR_PAGE | (cookie if self.cookies else {})
        answer = await self._http.request(method, self._url + path, json=form, headers=headers)
        for set_cookie in answer.headers.get_list("set-cookie"):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(set_cookie).items()}
        self._http.cookies.clear()  # the client is one for all, and each has cookies of its own
        return answer


class Caller:
    """Who calls a service with a bearer token."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self._http, self._url = http, url

    async def show(self, token: str) -> int:
        """The status with which the service answers."""
        headers = {"authorization": f"Bearer {token}"}
        return (await self._http.get(self._url, headers=headers)).status_code


async def times(count: int, ask: Callable[[], Awaitable[int]]) -> list[int]:
    return [await ask() for _ in range(count)]


async def becomes(wanted: int, ask: Callable[[], Awaitable[int]]) -> int:
    """What it answers at last."""
    until = monotonic() + PATIENCE
    while True:
        seen = await ask()
        if seen == wanted or monotonic() > until:
            return seen
        await asyncio.sleep(0.02)


async def heard(what: str, ask: Callable[[], Awaitable[int]], bound: timedelta) -> None:
    """Asked again and again from now on, it comes to 401, and nothing that is sent past the bound is let through."""
    began, last = monotonic(), 0.0

    async def asking() -> int:
        nonlocal last
        sent = monotonic() - began
        seen = await ask()
        last = sent if seen == 200 else last
        return seen

    seen = await becomes(401, asking)
    late = last >= bound.total_seconds()
    line(what, f"{seen}, {'after' if late else 'within'} {bound.seconds} s", seen == 401 and not late)


def title(number: int, what: str) -> None:
    print(f"== {number}. {what}")


def say(what: str, seen: Sequence[int], wanted: Sequence[int]) -> None:
    """One line: what was tried, the statuses that came back, and how many of them were refusals."""
    refused = sum(status >= 400 for status in seen)
    told = " ".join(map(str, seen))
    line(what, f"{told} ({refused} of {len(seen)} refused)" if len(seen) > 1 else told, list(seen) == list(wanted))


def line(what: str, seen: object, held: bool) -> None:
    print(f"{'ok  ' if held else 'FAIL'} {what}: {seen}", flush=True)
    if not held:
        raise SystemExit(1)
