"""GET /: the page for people."""

import re
from base64 import b64encode
from hashlib import sha256

import httpx2

from tests.unit.server.house import PASSWORD, House, cookie_of


def allowed_style(page: httpx2.Response) -> bool:
    """Whether the policy names exactly the style that stands in the page."""
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    return f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in page.headers["content-security-policy"]


async def test_signed_out_it_has_the_form(house: House) -> None:
    page = await house.ask("GET", "/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert 'action="/account/sign-in"' in page.text
    assert 'autocomplete="current-password"' in page.text
    assert "script" not in page.text


async def test_its_policy_allows_its_own_style_and_forms_and_no_more(house: House) -> None:
    page = await house.ask("GET", "/")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert allowed_style(page)
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert policy.keys() == {"default-src", "style-src", "img-src", "form-action", "base-uri", "frame-ancestors"}
    assert "unsafe" not in page.headers["content-security-policy"]


async def test_signed_in_it_says_who_and_has_the_way_out(house: House) -> None:
    cookie = cookie_of(await house.ask("POST", "/account/sign-in", data={"username": "bob", "password": PASSWORD}))
    page = await house.ask("GET", "/", cookie=cookie)
    assert "Signed in as bob" in page.text
    assert 'action="/account/sign-out"' in page.text
    assert "orders:read, orders:write" in page.text
    assert allowed_style(page)
    assert cookie not in page.text


async def test_everything_is_escaped(house: House) -> None:
    name, scope = "<img src=x>&'", "<b>'&"
    await house.server.accounts.add(name, PASSWORD, scopes=[scope], roles=["<i>"])
    page = await house.ask("GET", "/", cookie=await house.sign_in(name))
    assert "&lt;img src=x&gt;&amp;&#39;" in page.text
    assert "&lt;b&gt;&#39;&amp;" in page.text
    assert "<img" not in page.text
    assert "<b>" not in page.text
    assert "<i>" not in page.text


async def test_a_dead_cookie_or_a_token_counts_as_signed_out(house: House) -> None:
    cookie = await house.sign_in()
    token = (await house.mint(cookie))["access_token"]
    await house.ask("DELETE", "/account/session", cookie=cookie)
    for sent in ({"cookie": cookie}, {"cookie": "x" * 300}, {"bearer": token}):
        page = await house.ask("GET", "/", **sent)
        assert (page.status_code, 'action="/account/sign-in"' in page.text) == (200, True)
    alive = house.ww.access.issue("alice").token
    assert 'action="/account/sign-in"' in (await house.ask("GET", "/", bearer=alive)).text
