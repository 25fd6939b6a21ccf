"""Token cookies in every framework, served for real; and two processes that refresh one token at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.frameworks.frameworks import FRAMEWORKS, Framework, ask, served
from tests.frameworks.requests import FOREIGN, MALFORMED, NOTHING, OWN, REFUSED, Headers, Mint, Seen, house
from tests.frameworks.test_requests import BOUND, flags
from tests.services.postgres import Postgres
from watchword.authn.family_marks import FamilyMarks
from watchword.clock import SystemClock
from watchword.web.cookies import SESSION_COOKIE
from watchword.web.token_cookies import ACCESS_COOKIE, FAMILY_COOKIE, REFRESH_COOKIE

PAGE = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
AT = {"path=/", "secure", "httponly", "samesite=lax"}
RT = {"path=/auth/refresh", "secure", "httponly", "samesite=strict"}
RF = AT
HERE, AND_BACK = "/auth/refresh?next=/", "/auth/refresh?next=/write"


class Tab:
    """A browser's tab: its cookies, and one request at a time."""

    def __init__(self, port: int, jar: dict[str, str] | None = None) -> None:
        self.port, self.jar = port, dict(jar or {})

    def ask(self, line: str, said: dict[str, str] = PAGE, *, strict: bool = True) -> Seen:
        refreshes = strict and line.partition(" ")[2].startswith("/auth/refresh")
        sent = [name for name in self.jar if refreshes or name != REFRESH_COOKIE]
        headers: Headers = [("cookie", "; ".join(f"{name}={self.jar[name]}" for name in sent)), *said.items()]
        seen = ask(self.port, line, headers)
        for cookie in seen.cookies:
            name, _, rest = cookie.partition("=")
            self.jar[name] = rest.partition(";")[0]
        return seen

    def go(self, line: str, said: dict[str, str] = PAGE) -> list[Seen]:
        """The answers on the way; method and all survive a 307."""
        seen = [self.ask(line, said)]
        while seen[-1].status == 307 and len(seen) < 5:
            seen.append(self.ask(f"{line.partition(' ')[0]} {seen[-1].headers['location']}", said))
        return seen


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder: Path = tmp_path_factory.mktemp("tokens")
    return f"sqlite:///{folder}/app.db", f"{folder}/app.keys"


@pytest.fixture(scope="module")
def mint(place: tuple[str, str]) -> Iterator[Mint]:
    minting = house(*place)
    with minting.ww, minting.past, minting.elsewhere, minting.test:
        yield minting


@pytest.fixture(scope="module", params=FRAMEWORKS, ids=lambda one: one.name)
def port(request: pytest.FixtureRequest, place: tuple[str, str], mint: Mint) -> Iterator[int]:
    framework: Framework = request.param
    with served(framework, *place, cookie="tokens") as found:
        yield found


def away(mint: Mint, port: int) -> Tab:
    """Who signed in two hours ago, and has not asked for anything since."""
    family = mint.ww.refresh.issue("ada", client_id="browser")
    expired = mint.past.access.issue("ada", client_id="browser", family_id=family.family_id)
    mark = FamilyMarks(mint.ww.core.ring).of(str(family.family_id))
    return Tab(port, {ACCESS_COOKIE: expired.token, REFRESH_COOKIE: family.token, FAMILY_COOKIE: mark})


def soon(holds: Callable[[], bool]) -> bool:
    """Another process did it: this one hears within the bound, and usually at once."""
    clock = SystemClock()
    last = clock.monotonic() + BOUND
    while not holds() and clock.monotonic() < last:
        pass
    return holds()


def test_signing_in_and_out(port: int, mint: Mint) -> None:
    tab = Tab(port)
    seen = tab.ask("POST /login?user=grace", OWN)
    assert [(line.partition("=")[0], flags(line)) for line in seen.cookies] == [
        (ACCESS_COOKIE, AT),
        (REFRESH_COOKIE, RT),
        (FAMILY_COOKIE, RF),
    ]
    assert seen.headers["cache-control"] == "no-store"
    who = mint.ww.access.verify(tab.jar[ACCESS_COOKIE])
    assert who.family_id in [family.family_id for family in mint.ww.refresh.list("grace")]
    assert tab.ask("GET /me").body == "grace"
    assert tab.ask("POST /write", FOREIGN).status == 403
    assert Tab(port).ask("POST /refused?user=hopper", OWN).cookies == []
    assert soon(lambda: not mint.ww.refresh.list("hopper"))
    seen = tab.ask("POST /logout", OWN)
    assert [(line.partition("=")[0], flags(line)) for line in seen.cookies] == [
        (ACCESS_COOKIE, AT | {"max-age=0"}),
        (REFRESH_COOKIE, RT | {"max-age=0"}),
        (FAMILY_COOKIE, RF | {"max-age=0"}),
    ]
    assert soon(lambda: who.family_id not in [family.family_id for family in mint.ww.refresh.list("grace")])


@pytest.mark.parametrize(("line", "says"), [("GET /me", "ada"), ("POST /write", "written by ada")])
def test_what_has_expired_goes_through_a_refresh(line: str, says: str, port: int, mint: Mint) -> None:
    tab = away(mint, port)
    first, second, last = tab.go(line, OWN)
    assert (first.status, second.status, last.status, last.body) == (307, 307, 200, says)
    assert (first.cookies, len(second.cookies), last.cookies) == ([], 3, [])
    assert (first.challenge, first.headers["cache-control"], second.headers["cache-control"]) == (
        None,
        "no-store",
        "no-store",
    )
    assert first.headers["location"] == "/auth/refresh?next=" + line.partition(" ")[2]
    assert second.headers["location"] == line.partition(" ")[2]
    assert tab.go(line, OWN)[0].status == 200


def test_a_script_refreshes_by_itself(port: int, mint: Mint) -> None:
    tab = away(mint, port)
    seen = tab.ask("POST /auth/refresh", OWN)
    assert (seen.status, seen.body, len(seen.cookies)) == (204, "", 3)
    assert tab.ask("GET /me").body == "ada"


def test_a_link_from_elsewhere_goes_on_by_a_page(port: int, mint: Mint) -> None:
    tab = away(mint, port)
    page = tab.ask(f"GET {HERE}me", LINK, strict=False)
    assert (page.status, page.cookies) == (200, [])
    assert 'content="0;url=/auth/refresh?again=1&amp;next=/me"' in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert [seen.status for seen in tab.go("GET /auth/refresh?again=1&next=/me")] == [307, 200]


@pytest.mark.parametrize("back", ["//evil.example", "/%5cevil.example", "https:evil.example", "/%09/evil", ""])
def test_there_is_no_way_to_elsewhere(back: str, port: int, mint: Mint) -> None:
    seen = away(mint, port).ask(f"GET /auth/refresh?next={back}")
    assert (seen.status, seen.challenge, seen.cookies) == (400, MALFORMED, [])


def test_what_fails_leaves_the_cookies_alone(port: int, mint: Mint) -> None:
    tab = away(mint, port)
    gone = Tab(port, tab.jar | {REFRESH_COOKIE: "ww_rt_junk"})
    seen = gone.go("GET /me", OWN)
    assert [(one.status, one.cookies) for one in seen] == [(307, []), (401, [])]
    assert seen[-1].challenge == REFUSED
    assert tab.ask(f"POST {AND_BACK}", FOREIGN).status == 403
    assert tab.go("GET /me")[-1].status == 200


def test_a_refresh_cookie_of_another_family_is_refused(port: int, mint: Mint) -> None:
    tab, planted = away(mint, port), away(mint, port).jar[REFRESH_COOKIE]
    for jar in (tab.jar | {REFRESH_COOKIE: planted}, {REFRESH_COOKIE: planted}):
        seen = Tab(port, jar).ask("POST /auth/refresh", OWN)
        assert (seen.status, seen.challenge, seen.cookies) == (401, REFUSED, [])
    assert tab.ask("POST /auth/refresh", OWN).status == 204


def test_nothing_else_counts_in_the_cookie(port: int, mint: Mint) -> None:
    session = mint.session().token
    assert Tab(port, {ACCESS_COOKIE: session}).go("GET /me", OWN)[-1].status == 401
    assert Tab(port, {SESSION_COOKIE: session}).ask("GET /me").challenge == NOTHING
    twice = mint.ww.access.issue("ada").token
    seen = Tab(port, {ACCESS_COOKIE: f"{twice}; {ACCESS_COOKIE}={twice}"}).ask("GET /me")
    assert (seen.status, seen.challenge) == (401, REFUSED)


def race(mint: Mint, ports: tuple[int, int]) -> None:
    """Both tabs refresh the same token at once, and go on for some more rounds."""
    tabs = [away(mint, ports[0]), Tab(ports[1])]
    tabs[1].jar = dict(tabs[0].jar)
    expired = tabs[0].jar[ACCESS_COOKIE]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            tokens = tabs[0].jar[REFRESH_COOKIE]
            for tab in tabs:
                tab.jar[ACCESS_COOKIE] = expired
            seen = list(pool.map(lambda tab: tab.ask("POST /auth/refresh", OWN), tabs))
            assert [one.status for one in seen] == [204, 204]
            assert tabs[0].jar[REFRESH_COOKIE] == tabs[1].jar[REFRESH_COOKIE] != tokens
            assert [tab.ask("GET /me").body for tab in tabs] == ["ada", "ada"]


def test_two_processes_give_both_tabs_the_same_successor(place: tuple[str, str], mint: Mint) -> None:
    one, other = FRAMEWORKS[0], next(framework for framework in FRAMEWORKS if framework.serves == "wsgi")
    with served(one, *place, cookie="tokens") as first, served(other, *place, cookie="tokens") as second:
        race(mint, (first, second))


def test_two_processes_over_postgres(postgres: Postgres, tmp_path: Path) -> None:
    place = postgres.fresh(), f"{tmp_path}/app.keys"
    minting, (one, _, _, other, *_) = house(*place), FRAMEWORKS
    with (
        minting.ww,
        minting.past,
        served(one, *place, cookie="tokens") as first,
        served(other, *place, cookie="tokens") as second,
    ):
        race(minting, (first, second))
