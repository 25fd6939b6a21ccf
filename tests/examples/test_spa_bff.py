"""examples/spa_bff in a real browser: sign in, call the API, sign out; no token is anywhere in it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, expect

from examples.spa_bff.tour import PASSWORD, running
from tests.conftest import require
from tests.services import browser as chromium
from watchword.web.cookies import SESSION_COOKIE

TOKENS = ("eyJ", "v4.", "ww_rt_", "ww_ss_", "Bearer")
STORES = (
    "JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie, location.href])"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = require("browser", chromium.program(), "no chromium on PATH: apt-get install chromium")
    with chromium.running(program) as opened:
        yield opened


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """``localhost`` is a secure context, so a browser keeps ``Secure`` cookies of it without TLS."""
    with running() as address:
        yield address.replace("127.0.0.1", "localhost")


class Watched:
    """A page, and all that went between it and its server."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.urls: list[str] = []
        self.bodies: list[str] = []
        self.errors: list[str] = []
        context.on("request", self._asked)
        context.on("response", self._answered)
        self.page = self.another()

    def another(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def _asked(self, request: Request) -> None:
        self.urls.append(request.url)

    def _answered(self, response: Response) -> None:
        if response.status == 200 and "json" in response.headers.get("content-type", ""):
            self.bodies.append(json.dumps(response.headers))

    def holds_no_token(self) -> None:
        """Neither the page's stores, nor a URL, nor a header that its scripts may read."""
        said = self.page.evaluate(STORES) + json.dumps(self.urls) + json.dumps(self.bodies) + self.page.content()
        assert not [token for token in TOKENS if token in said]
        assert self.page.evaluate("document.cookie") == ""


@pytest.fixture
def seen(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context()
    context.set_default_timeout(20_000)
    yield Watched(context)
    context.close()


def sign_in(page: Page, base: str) -> None:
    page.goto(base)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#who")).to_have_text("ada")


def test_sign_in_order_sign_out(seen: Watched, base: str) -> None:
    page = seen.page
    sign_in(page, base)
    page.get_by_label("What").fill("tea")
    page.get_by_role("button", name="Order").click()
    expect(page.get_by_role("listitem").first).to_have_text("tea")
    page.reload()
    expect(page.locator("#who")).to_have_text("ada")
    seen.holds_no_token()

    [cookie] = seen.context.cookies()
    assert cookie["name"] == SESSION_COOKIE
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Strict", "/")
    assert cookie["value"].startswith("ww_ss_")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    seen.holds_no_token()
    assert seen.context.cookies() == []
    where = {"domain": "localhost", "path": "/", "secure": True, "httpOnly": True}
    seen.context.add_cookies([{"name": SESSION_COOKIE, "value": cookie["value"], **where}])  # type: ignore[typeddict-item]
    assert page.evaluate("fetch('/api/orders', {headers: {'X-WW-CSRF': '1'}}).then(answer => answer.status)") == 401
    assert seen.errors == []


def test_sign_out_in_one_tab_ends_the_other(seen: Watched, base: str) -> None:
    sign_in(seen.page, base)
    other = seen.another()
    other.goto(base)
    expect(other.locator("#who")).to_have_text("ada")
    seen.page.get_by_role("button", name="Sign out").click()
    expect(seen.page.get_by_role("button", name="Sign in")).to_be_visible()
    other.get_by_label("What").fill("coffee")
    other.get_by_role("button", name="Order").click()
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()


def test_another_origins_page_neither_reads_nor_orders(seen: Watched, base: str) -> None:
    """127.0.0.1 is another site than localhost; its page asks with the cookies that the browser gives it."""
    sign_in(seen.page, base)
    evil = seen.another()
    evil.goto(base.replace("localhost", "127.0.0.1"))
    evil.evaluate(
        """target => fetch(target, {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"what": "evil"}'})
                     .catch(() => null)""",
        f"{base}/api/orders",
    )
    read = evil.evaluate(
        """target => fetch(target, {credentials: 'include', headers: {'X-WW-CSRF': '1'}})
                     .then(answer => answer.text(), () => 'refused')""",
        f"{base}/api/orders",
    )
    assert read == "refused"
    seen.page.reload()
    expect(seen.page.locator("#who")).to_have_text("ada")
    assert "evil" not in seen.page.locator("#list").inner_text()


def test_a_wrong_password_says_so_and_sets_nothing(seen: Watched, base: str) -> None:
    seen.page.goto(base)
    seen.page.get_by_label("Name").fill("ada")
    seen.page.get_by_label("Password").fill("wrong")
    seen.page.get_by_role("button", name="Sign in").click()
    expect(seen.page.locator("#said")).to_have_text("POST /bff/sign-in: 401")
    assert seen.context.cookies() == []
