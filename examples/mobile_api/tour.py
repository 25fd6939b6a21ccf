"""A phone and a tablet of one person, and what must and must not work: ``python examples/mobile_api/tour.py``.

The API runs beside it as a process of its own. The secure storage is one in memory, so that the tour leaves nothing on
this machine; ``client.py`` by itself uses that of the operating system.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory

import httpx2
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.mobile_api.client import Client, SignInAgainError

API = Path(__file__).with_name("api.py")


class MemoryKeyring(KeyringBackend):
    """A secure storage that is as short-lived as this process."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("nothing is kept here")


class BadNetwork(httpx2.AsyncBaseTransport):
    """Counts what is asked, and loses as many answers of ``/token`` as it is told: they were given, and never came."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner
        self.asked: Counter[str] = Counter()
        self.lose = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked[path] += 1
        answer = await self._inner.handle_async_request(request)
        if path == "/token" and self.lose:
            self.lose -= 1
            await answer.aclose()
            raise httpx2.ReadError("the connection was lost")
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()


@contextmanager
def api(password: str) -> Iterator[str]:
    """The API as a process of its own, in a directory of its own; its address."""
    with TemporaryDirectory(prefix="watchword-mobile-") as home:
        environment = os.environ | {"API_HOME": home, "API_PASSWORD": password}
        process = subprocess.Popen([sys.executable, str(API)], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.communicate()


async def walk(base: str, password: str) -> None:
    network = BadNetwork(httpx2.AsyncHTTPTransport())
    async with httpx2.AsyncClient(base_url=base, transport=network, timeout=5) as http:
        in_phone, in_tablet = MemoryKeyring(), MemoryKeyring()

        def phone() -> Client:
            """The application, just started."""
            return Client(http, account="ada", device="Pixel 9", storage=in_phone, pauses=(0.0, 0.05, 0.1))

        def tablet() -> Client:
            return Client(http, account="ada", device="iPad", storage=in_tablet)

        await tablet().sign_in(password)
        await phone().sign_in(password)
        [first] = in_phone.kept.values()
        say("signed in", "the storage has one token, for refreshing", first.startswith("ww_rt_"))

        one = phone()
        answers = await asyncio.gather(*(one.request("GET", "/notes") for _ in range(20)))
        held = all(answer.json()["of"] == "ada" for answer in answers) and network.asked["/token"] == 1
        say("started again, twenty requests at once", f"refreshed {network.asked['/token']} time", held)

        network.lose = 2
        fine = (await phone().request("GET", "/notes")).status_code == 200
        say("two answers were lost on the way", "asked again, and still signed in", fine and not network.lose)

        devices = (await tablet().request("GET", "/devices")).json()
        shown = [(device["label"], device["current"]) for device in devices]
        say("the devices, seen from the tablet", shown, shown == [("iPad", True), ("Pixel 9", False)])
        [lost], [last] = [device for device in devices if not device["current"]], in_phone.kept.values()
        ended = await tablet().request("DELETE", f"/devices/{lost['handle']}")
        say("the tablet signs the lost phone out", ended.status_code, ended.status_code == 204)
        say("the phone, in the middle of its work", *await ends(one))
        say("its storage", "empty", not in_phone.kept)
        stolen = await http.post("/token", json={"refresh_token": last})
        say("whoever read its refresh token before", stolen.json()["error"], stolen.status_code == 401)

        [spent] = in_tablet.kept.values()
        for _ in range(2):  # the grace is for the one spent last; an older one is never good again
            await tablet().request("GET", "/notes")
        replayed = await http.post("/token", json={"refresh_token": spent})
        say("one that the tablet has spent comes back", replayed.json()["error"], replayed.status_code == 401)
        say("so nobody knows who is the thief, and the tablet", *await ends(tablet()))

        await tablet().sign_in(password)
        await tablet().sign_out()
        say("signed out", "empty storage", not in_tablet.kept)


async def ends(client: Client) -> tuple[str, bool]:
    try:
        answer = await client.request("GET", "/notes")
    except SignInAgainError:
        return "has to sign in again", True
    return f"{answer.status_code}", False


def say(what: str, seen: object, held: bool) -> None:
    print(f"{'ok  ' if held else 'FAIL'} {what}: {seen}")
    if not held:
        raise SystemExit(1)


def main() -> None:
    password = token_urlsafe(16)
    with api(password) as base:
        asyncio.run(walk(base, password))


if __name__ == "__main__":
    main()
