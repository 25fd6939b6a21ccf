"""A browser in the members' area: its cookie, pages of others, two tabs, and what is left where scripts can look."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from tests.browser.members import Members
from watchword.web.cookies import SESSION_COOKIE

STARTS = ("ww_", "eyJ", "v4.", "sk_live_")
"""How the tokens of this house begin."""


def signed_in(profile: BrowserContext, members: Members, name: str = "ada") -> Page:
    """Through the page, as a person does it."""
    page = profile.new_page()
    page.goto(members.origin)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(members.passwords[name])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    return page


def cookies(page: Page) -> dict[str, dict[str, Any]]:
    """As the browser itself keeps them."""
    found = page.context.new_cdp_session(page).send("Network.getAllCookies")["cookies"]
    return {one["name"]: one for one in found}


def posted(page: Page, url: str, **fields: str) -> Response:
    """The answer to a form that this page sends off."""
    script = """([url, fields]) => {
        const form = Object.assign(document.createElement("form"), {method: "post", action: url});
        for (const [name, value] of Object.entries(fields))
            form.append(Object.assign(document.createElement("input"), {name, value}));
        document.body.append(form);
        form.submit();
    }"""
    with page.expect_navigation() as found:
        page.evaluate(script, [url, fields])
    assert found.value is not None
    return found.value


def test_the_cookie_is_kept_as_it_should_be(profile: BrowserContext, members: Members) -> None:
    ours = cookies(signed_in(profile, members))[SESSION_COOKIE]
    assert SESSION_COOKIE.startswith("__Host-")
    assert (ours["httpOnly"], ours["secure"], ours["sameSite"]) == (True, True, "Lax")
    assert (ours["domain"], ours["path"], ours["session"]) == ("localhost", "/", True)


def test_staying_signed_in_is_a_cookie_of_thirty_days(profile: BrowserContext, members: Members) -> None:
    page = profile.new_page()
    page.goto(f"{members.origin}/sign-in")
    page.get_by_label("Stay signed in").check()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(members.passwords["ada"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ada")
    assert cookies(page)[SESSION_COOKIE]["session"] is False


def test_each_sign_in_is_a_new_session(profile: BrowserContext, members: Members) -> None:
    page = signed_in(profile, members)
    before = cookies(page)[SESSION_COOKIE]["value"]
    page.goto(f"{members.origin}/sign-in")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(members.passwords["ada"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ada")
    assert cookies(page)[SESSION_COOKIE]["value"] != before


@pytest.mark.parametrize("path", ["sign-out", "devices/end-all"])
def test_another_origin_of_the_site_ends_nothing(
    profile: BrowserContext, members: Members, elsewhere: int, path: str
) -> None:
    """The cookie goes along, for SameSite does not tell origins of one site apart; the request is refused for it."""
    own = signed_in(profile, members)
    other = profile.new_page()
    other.goto(f"http://localhost:{elsewhere}/")
    answer = posted(other, f"{members.origin}/{path}")
    assert SESSION_COOKIE in answer.request.all_headers().get("cookie", "")
    assert answer.status == 403
    own.reload()
    expect(own.get_by_role("heading", level=1)).to_contain_text("ada")


def test_another_site_ends_nothing_and_signs_nobody_in(
    profile: BrowserContext, members: Members, elsewhere: int
) -> None:
    own = signed_in(profile, members)
    before = cookies(own)[SESSION_COOKIE]["value"]
    other = profile.new_page()
    other.goto(f"http://127.0.0.1:{elsewhere}/")
    answer = posted(other, f"{members.origin}/sign-in", username="eve", password=members.passwords["eve"])
    assert answer.status == 403
    other.goto(f"http://127.0.0.1:{elsewhere}/")
    assert posted(other, f"{members.origin}/sign-out").status in (401, 403)
    assert cookies(own)[SESSION_COOKIE]["value"] == before
    own.reload()
    expect(own.get_by_role("heading", level=1)).to_contain_text("ada")


def test_signing_out_in_one_tab_ends_the_other(profile: BrowserContext, members: Members) -> None:
    one, other = signed_in(profile, members), profile.new_page()
    other.goto(members.origin)
    expect(other.get_by_role("heading", level=1)).to_contain_text("ada")
    dead = cookies(one)[SESSION_COOKIE]
    one.get_by_role("button", name="Sign out", exact=True).first.click()
    expect(one.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert SESSION_COOKIE not in cookies(one)
    other.reload()
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")

    kept = ("name", "value", "path", "secure", "httpOnly", "sameSite")
    profile.add_cookies([{"domain": "localhost", **{name: dead[name] for name in kept}}])  # type: ignore[typeddict-item]
    answer = other.goto(f"{members.origin}/me")
    assert answer is not None
    assert answer.status == 401


def test_a_device_is_signed_out_from_another(profile: BrowserContext, members: Members, chromium: Browser) -> None:
    phone = chromium.new_context(user_agent="Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0")
    away, own = signed_in(phone, members, "eve"), signed_in(profile, members, "eve")
    row = own.get_by_role("listitem").filter(has_text="Firefox on Android")
    row.get_by_role("button", name="Sign out").first.click()
    expect(row).to_have_count(0)
    away.reload()
    expect(away.get_by_role("heading", level=1)).to_have_text("Sign in")
    phone.close()


def test_no_token_is_left_where_scripts_can_look(profile: BrowserContext, members: Members) -> None:
    urls: list[str] = []
    profile.on("request", lambda request: urls.append(request.url))
    page = signed_in(profile, members)
    token = cookies(page)[SESSION_COOKIE]["value"]
    bodies = [page.content()]
    for path in ("/me", "/admin", "/api/orders", "/"):
        page.goto(f"{members.origin}{path}")
        bodies.append(page.content())
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert stored == '[{},{},""]'
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])") == '[{},{},""]'
    assert len(urls) > 6
    for text in (*urls, *bodies):
        assert token not in text
        assert not any(start in text for start in STARTS), text
