"""The table of docs/explanation/where-to-keep-a-token.md, row by row, as Chromium has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct
from playwright.sync_api import BrowserContext, Page

from tests.browser.shop import Shop, opened
from watchword.web.cookies import SESSION_COOKIE, CookiePolicy

PAGE: Final = Path(__file__).parents[2] / "docs/explanation/where-to-keep-a-token.md"
CALL: Final = "fetch(location.origin + '/me', {headers: {authorization: 'Bearer ' + token}}).then(seen => seen.text())"
WORKER: Final = """
let token
onmessage = async ({data}) => {
  if (data.token) token = data.token
  else postMessage(await (await fetch(data.url, {headers: {authorization: 'Bearer ' + token}})).text())
}
"""


class Place(Struct, frozen=True):
    """Scripts. ``keep``: the application's. ``take`` and ``use``: of somebody who comes later, and knows the page."""

    keep: str
    take: str
    use: str
    there: str
    """Whether it is there, for the application."""


def storage(name: str) -> Place:
    return Place(
        keep=f"token => {name}.setItem('token', token)",
        take=f"() => {name}.getItem('token')",
        use=f"() => {{ const token = {name}.getItem('token'); return {CALL} }}",
        there=f"() => {name}.getItem('token') !== null",
    )


PLACES: Final = {
    "localStorage": storage("localStorage"),
    "sessionStorage": storage("sessionStorage"),
    "memory": Place(
        keep=f"token => {{ window.call = () => {CALL} }}",
        take="""async () => {
            let seen = null
            const real = window.fetch
            window.fetch = (url, options) => { seen = options.headers.authorization; return real(url, options) }
            await window.call()
            window.fetch = real
            return seen.slice('Bearer '.length)
        }""",
        use="() => window.call()",
        there="() => typeof window.call === 'function'",
    ),
    "a worker": Place(
        keep=f"""token => {{
            const worker = new Worker(URL.createObjectURL(new Blob([`{WORKER}`])))
            worker.postMessage({{token}})
            window.call = () => new Promise(done => {{
                worker.onmessage = ({{data}}) => done(data)
                worker.postMessage({{url: location.origin + '/me'}})
            }})
        }}""",
        take="""async () => {
            let seen = null
            const real = window.fetch
            window.fetch = (url, options) => { seen = options.headers.authorization; return real(url, options) }
            await window.call()
            window.fetch = real
            return seen
        }""",
        use="() => window.call()",
        there="() => typeof window.call === 'function'",
    ),
    "`HttpOnly` cookie": Place(
        keep="",
        take="() => document.cookie",
        use="() => fetch('/me').then(seen => seen.text())",
        there="() => fetch('/me').then(seen => seen.status === 200)",
    ),
}
COLUMNS: Final = ("taken", "used", "reload", "tab", "closed", "sent")


def told(place: str) -> dict[str, bool]:
    """The row of the page: every cell begins with yes or no."""
    [row] = re.findall(rf"^\| \*\*{re.escape(place)}\*\* \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    cells = [cell.strip() for cell in row.split("|")][: len(COLUMNS)]
    assert all(re.match(r"(yes|no)\b", cell) for cell in cells), cells
    return {column: cell.startswith("yes") for column, cell in zip(COLUMNS, cells, strict=True)}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened(CookiePolicy()) as found:
        yield found


def sent_along(profile: BrowserContext, shop: Shop) -> bool:
    """Whether a form on a page of another origin of this site arrives with a credential. It changes nothing, ever."""
    form = f"<form method=post action={shop.here}/write><input name=what value=evil><button>go</button></form>"
    shop.page.append(f"<!doctype html><title>evil</title>{form}")
    page = profile.new_page()
    page.goto(shop.elsewhere.replace("127.0.0.1", "localhost"))
    with page.expect_response(f"{shop.here}/write") as answer:
        page.click("button")
    assert answer.value.status in (401, 403)
    assert shop.written == []
    headers = answer.value.request.all_headers()
    assert "authorization" not in headers
    return SESSION_COOKIE in headers.get("cookie", "")


def signed_in(profile: BrowserContext, shop: Shop, place: Place) -> tuple[Page, str]:
    """A page that keeps a token in that place, and the token."""
    page = profile.new_page()
    page.goto(f"{shop.here}/login")
    if place.keep:
        token = shop.ww.access.issue("ada").token
        page.evaluate(place.keep, token)
        return page, token
    page.click("button")
    page.wait_for_function("document.title == 'welcome'")
    [cookie] = profile.cookies()
    return page, str(cookie["value"])


@pytest.mark.parametrize("name", PLACES)
def test_the_row_of_the_page_is_what_chromium_does(profile: BrowserContext, shop: Shop, name: str) -> None:
    place = PLACES[name]
    page, token = signed_in(profile, shop, place)
    assert page.evaluate(place.there) is True
    seen = {
        "taken": token in (page.evaluate(place.take) or ""),
        "used": "ada" in page.evaluate(place.use),
    }
    tab = profile.new_page()
    tab.goto(f"{shop.here}/login")
    seen["tab"] = tab.evaluate(place.there)
    page.reload()
    seen["reload"] = page.evaluate(place.there)
    page.close()
    again = profile.new_page()
    again.goto(f"{shop.here}/login")
    seen["closed"] = again.evaluate(place.there)
    seen["sent"] = sent_along(profile, shop)
    assert seen == told(name)


def test_a_worker_is_too_late_for_a_script_that_was_there_before(profile: BrowserContext, shop: Shop) -> None:
    """Whoever stands in front of ``postMessage`` when the token is handed over has it."""
    page = profile.new_page()
    page.goto(f"{shop.here}/login")
    page.evaluate("""() => {
        const real = Worker.prototype.postMessage
        Worker.prototype.postMessage = function (said) { window.seen ??= said.token; real.call(this, said) }
    }""")
    token = shop.ww.access.issue("ada").token
    page.evaluate(PLACES["a worker"].keep, token)
    assert page.evaluate("() => window.seen") == token


def test_what_was_taken_works_elsewhere_and_what_was_only_used_does_not(profile: BrowserContext, shop: Shop) -> None:
    """The difference between the two questions: a thief at home has the token, or has nothing."""
    _, token = signed_in(profile, shop, PLACES["localStorage"])
    url, stolen = f"{shop.here}/me", {"authorization": f"Bearer {token}"}
    assert profile.request.get(url, headers=stolen).status == 200
    assert profile.request.get(url).status == 401
