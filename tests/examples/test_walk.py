"""examples/walk: what its page quotes is what it prints; over other stores as well; and a line that lies ends it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from examples.walk.careless import careless, forged_jwts
from examples.walk.serving import Server
from examples.walk.stage import Stage, stage
from examples.walk.visitor import heard, say
from tests.services.postgres import Postgres
from tests.services.valkey import Server as Valkey
from watchword import AccessTokens, KeyRing

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/from-one-server-to-paseto.md"
QUOTED = dict(re.findall(r"<!-- station: (\d) -->\n```\n(.*?)```", PAGE.read_text(), re.DOTALL))


def walked(*arguments: str) -> str:
    command = [sys.executable, "-W", "error", "-m", "examples.walk", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


@pytest.fixture
async def place() -> AsyncIterator[Stage]:
    """Servers come and go in it, and what this process does at a signal stays as it was."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with stage() as made:
        yield made
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_what_the_page_quotes_is_what_the_program_prints() -> None:
    assert list(QUOTED) == ["1", "2", "3", "4", "5"]
    assert walked() == "".join(QUOTED.values())


def test_one_station_alone() -> None:
    assert walked("--station", "2") == QUOTED["2"]


def test_the_central_store_is_a_redis(valkey: Valkey) -> None:
    assert walked("--station", "3", "--store", valkey.fresh()) == QUOTED["3"]


def test_the_central_store_is_a_postgres(postgres: Postgres) -> None:
    assert walked("--station", "3", "--store", postgres.fresh()) == QUOTED["3"]


def test_a_line_that_is_not_as_said_ends_the_walk(capsys: pytest.CaptureFixture[str]) -> None:
    say("three", [200, 401, 200], [200, 401, 200])
    assert capsys.readouterr().out == "ok   three: 200 401 200 (1 of 3 refused)\n"
    with pytest.raises(SystemExit) as ended:
        say("three", [200, 200, 200], [200, 401, 200])
    assert (ended.value.code, capsys.readouterr().out) == (1, "FAIL three: 200 200 200 (0 of 3 refused)\n")


async def test_what_is_let_through_past_the_bound_is_no_revocation(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter([200, 401])

    async def ask() -> int:
        return next(answers)

    with pytest.raises(SystemExit):
        await heard("it", ask, timedelta(0))
    assert capsys.readouterr().out == "FAIL it: 401, after 0 s\n"


async def test_the_balancer_without_nodes_says_so(place: Stage) -> None:
    balancer, [a] = await place.nodes("a", store="memory:")
    ada = place.browser(balancer)
    assert (await ada.sign_in(), await ada.me()) == (204, 200)
    await a.stop()
    assert await ada.me() == 503


async def test_the_balancer_sticks_to_one_that_answers(place: Stage) -> None:
    balancer, [a, _] = await place.nodes("a", "b", store=place.store, sticky=True)
    ada = place.browser(balancer)
    assert (await ada.sign_in(), ada.cookies["node"]) == (204, "a")
    await a.stop()
    assert [await ada.me() for _ in range(3)] == [200] * 3
    assert (ada.cookies["node"], balancer.passed) == ("b", {"a": 1, "b": 3})


async def test_a_wrong_password_opens_nothing(place: Stage) -> None:
    balancer, _ = await place.nodes("a", store="memory:")
    async with httpx2.AsyncClient(base_url=balancer.url, trust_env=False) as http:
        for name, password in (("ada", "wrong"), ("nobody", "")):
            form = {"name": name, "password": password}
            answer = await http.post("/sign-in", json=form, headers={"sec-fetch-site": "same-origin"})
            assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


async def test_what_the_careless_verifier_lets_in_is_a_forgery(place: Stage) -> None:
    """And it refuses what is plainly wrong, so that the station shows the header's part in it."""
    ring = KeyRing.generate("ES256")
    key = ring.active("sign").public()
    token = AccessTokens(ring, issuer="https://app.example", audience="https://api.example").issue("ada").token
    fooled = await place.start(Server(lambda: careless(key)))
    async with httpx2.AsyncClient(base_url=fooled.url, trust_env=False) as http:

        async def shown(token: str) -> httpx2.Response:
            return await http.get("/orders", headers={"authorization": f"Bearer {token}"})

        assert (await shown(token)).json() == {"orders of": "ada"}
        forged = forged_jwts(token, key)
        assert [(await shown(one)).json() for one in forged] == [{"orders of": "root"}] * 2
        other = AccessTokens(KeyRing.generate("ES256"), issuer="https://app.example", audience="https://api.example")
        assert (await shown(other.issue("root").token)).status_code == 401
        assert (await shown(f"{forged[1][:-4]}AAAA")).status_code == 401
