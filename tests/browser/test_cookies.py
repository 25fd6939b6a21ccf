"""Chromium signs in, refreshes by itself, and keeps no token where a script or a URL could show it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.shop import Shop, opened
from tests.conftest import require
from watchword.web.cookies import SESSION_COOKIE, CookiePolicy
from watchword.web.token_cookies import ACCESS_COOKIE, FAMILY_COOKIE, REFRESH_COOKIE, Cookies, TokenCookies

AWAY = timedelta(minutes=16)
SECRETS = ("eyJ", "v4.public.", "ww_rt_", "ww_ss_")
POST = "what => { window.done = fetch('/write', {method: 'POST', body: what}).then(seen => seen.text()) }"
DONE = """() => Promise.race([window.done, new Promise((_, fail) => setTimeout(fail, 15000, 'no answer in 15 s'))])"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    program = require("browser", found, "no chromium, chromium-browser or google-chrome on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def urls() -> list[str]:
    """Every URL that was asked for."""
    return []


@pytest.fixture
def window(chromium: Browser, urls: list[str]) -> Iterator[BrowserContext]:
    with chromium.new_context() as context:
        context.set_default_timeout(15_000)
        context.on("request", lambda request: urls.append(request.url))
        yield context


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened(TokenCookies(sign_in_at="/login")) as found:
        yield found


def sign_in(window: BrowserContext, shop: Shop) -> Page:
    page = window.new_page()
    page.goto(f"{shop.here}/login")
    page.click("button")
    page.wait_for_function("document.title == 'welcome'")
    return page


def post(page: Page, what: str) -> str:
    page.evaluate(POST, what)
    return str(page.evaluate(DONE))


def attack(window: BrowserContext, shop: Shop, attacker: str, path: str) -> int:
    """The status that a form on the attacker's page gets."""
    form = f"<form method=post action={shop.here}{path}><input name=what value=evil><button>go</button></form>"
    shop.page.append(f"<!doctype html><title>evil</title>{form}")
    page = window.new_page()
    page.goto(attacker)
    with page.expect_response(f"{shop.here}{path}") as answer:
        page.click("button")
    page.wait_for_load_state()
    return answer.value.status


def flags(window: BrowserContext) -> dict[str, tuple[str, bool, bool, str, float]]:
    return {
        str(one["name"]): (str(one["path"]), one["httpOnly"], one["secure"], str(one["sameSite"]), one["expires"])
        for one in window.cookies()
    }


def no_token_is_seen(window: BrowserContext, urls: list[str]) -> None:
    tokens = [str(one["value"]) for one in window.cookies()]
    for page in window.pages:
        kept = page.evaluate("() => [{...localStorage}, {...sessionStorage}, document.cookie]")
        assert kept == [{}, {}, ""]
        assert not any(secret in page.content() for secret in (*SECRETS, *tokens))
    assert urls
    for url in urls:
        assert not any(secret in url for secret in (*SECRETS, *tokens)), url


@pytest.mark.parametrize(
    ("cookie", "held"),
    [
        pytest.param(CookiePolicy(), {SESSION_COOKIE: ("/", True, True, "Lax", -1)}, id="a session"),
        pytest.param(CookiePolicy(same_site="strict"), {SESSION_COOKIE: ("/", True, True, "Strict", -1)}, id="Strict"),
        pytest.param(
            TokenCookies(),
            {
                ACCESS_COOKIE: ("/", True, True, "Lax", -1),
                REFRESH_COOKIE: ("/auth/refresh", True, True, "Strict", -1),
                FAMILY_COOKIE: ("/", True, True, "Lax", -1),
            },
            id="token cookies",
        ),
    ],
)
def test_the_flags_hold_and_another_site_gets_nothing(
    cookie: Cookies, held: dict[str, object], window: BrowserContext, urls: list[str]
) -> None:
    with opened(cookie) as shop:
        page = sign_in(window, shop)
        assert flags(window) == held
        assert post(page, "one") == "ada wrote one"

        sibling = shop.elsewhere.replace("127.0.0.1", "localhost")  # another port is another origin, of the same site
        for attacker, refusal in ((shop.elsewhere, 401), (sibling, 403)):  # to the first no cookie even comes
            assert attack(window, shop, attacker, "/write") == refusal
        assert shop.written == ["one"]
        if isinstance(cookie, TokenCookies):
            assert attack(window, shop, sibling, "/auth/refresh?next=/write") == 403

        other = window.new_page()
        other.goto(f"{shop.here}/me")
        assert other.inner_text("#said") == "ada"
        page.evaluate("() => fetch('/logout', {method: 'POST'}).then(seen => seen.status)")
        assert flags(window) == {}
        assert other.reload().status == 401  # type: ignore[union-attr]  # there is an answer
        no_token_is_seen(window, urls)


def test_a_script_and_a_page_go_through_a_refresh_by_themselves(
    shop: Shop, window: BrowserContext, urls: list[str]
) -> None:
    page = sign_in(window, shop)
    first = {str(one["name"]): one["value"] for one in window.cookies()}
    shop.clock.advance(AWAY)
    assert post(page, "an order") == "ada wrote an order"
    assert any(url.startswith(f"{shop.here}/auth/refresh?next=") for url in urls)
    second = {str(one["name"]): one["value"] for one in window.cookies()}
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] == second[name]} == {FAMILY_COOKIE}

    shop.clock.advance(AWAY)
    page.goto(f"{shop.here}/me?tab=2")
    assert (page.url, page.inner_text("#said")) == (f"{shop.here}/me?tab=2", "ada")
    shop.clock.advance(AWAY)
    assert page.evaluate("() => fetch('/auth/refresh', {method: 'POST'}).then(seen => seen.status)") == 204
    assert shop.written == ["an order"]
    no_token_is_seen(window, urls)


def test_a_form_goes_on_with_what_it_holds(shop: Shop, window: BrowserContext, urls: list[str]) -> None:
    page = sign_in(window, shop)
    shop.clock.advance(AWAY)
    page.set_content("<form method=post action=/write><input name=what value=kept><button>go</button></form>")
    with page.expect_navigation():
        page.click("button")
    assert page.inner_text("body") == "ada wrote kept"
    no_token_is_seen(window, urls)


def test_two_tabs_that_refresh_at_once_both_stay_signed_in(shop: Shop, window: BrowserContext, urls: list[str]) -> None:
    tabs = [sign_in(window, shop), window.new_page()]
    tabs[1].goto(f"{shop.here}/me")
    for number in range(5):
        shop.clock.advance(AWAY)
        for tab in tabs:
            tab.evaluate(POST, str(number))
        assert [tab.evaluate(DONE) for tab in tabs] == [f"ada wrote {number}"] * 2
    for tab in tabs:
        tab.goto(f"{shop.here}/me")
        assert tab.inner_text("#said") == "ada"
    no_token_is_seen(window, urls)


def test_a_page_that_asks_for_much_at_once_stays_signed_in(shop: Shop, window: BrowserContext, urls: list[str]) -> None:
    tabs = [sign_in(window, shop), window.new_page()]
    tabs[1].goto(f"{shop.here}/me")
    many = """() => { window.done = Promise.all([1, 2, 3, 4, 5].map(
        number => fetch(number % 2 ? '/write' : '/auth/refresh', {method: 'POST'}).then(seen => seen.status))) }"""
    for _ in range(3):
        shop.clock.advance(AWAY)
        for tab in tabs:
            tab.evaluate(many)
        assert [tab.evaluate(DONE) for tab in tabs] == [[200, 204, 200, 204, 200]] * 2
    no_token_is_seen(window, urls)


def test_a_link_from_another_site_arrives_signed_in(shop: Shop, window: BrowserContext, urls: list[str]) -> None:
    page = sign_in(window, shop)
    shop.page.append(f"<!doctype html><title>other</title><a href='{shop.here}/me?from=mail'>to the shop</a>")
    shop.clock.advance(AWAY)
    page.goto(shop.elsewhere)
    page.click("a")
    page.wait_for_url(f"{shop.here}/me?from=mail")
    assert page.inner_text("#said") == "ada"
    assert any("again=1" in url for url in urls)
    no_token_is_seen(window, urls)


def test_whose_family_ended_comes_to_the_sign_in_page(shop: Shop, window: BrowserContext, urls: list[str]) -> None:
    page = sign_in(window, shop)
    other = window.new_page()
    shop.clock.advance(timedelta(hours=13))
    other.goto(f"{shop.here}/me")
    assert (other.url, other.title()) == (f"{shop.here}/login", "login")
    assert page.evaluate("() => fetch('/write', {method: 'POST', body: 'x'}).then(seen => seen.status)") == 401
    other.click("button")
    other.wait_for_function("document.title == 'welcome'")
    assert post(page, "back") == "ada wrote back"
    no_token_is_seen(window, urls)
