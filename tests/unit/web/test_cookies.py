"""Cookies: how ours is written, and what the strict parser makes of what comes back."""

from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.errors import ConfigurationError, CookiesTooLargeError, MalformedTokenError
from watchword.insecure import CROSS_SITE_COOKIE, INSECURE_COOKIE, RSA1_5
from watchword.web.cookies import SESSION_COOKIE, CookiePolicy, read_cookies

NAME = SESSION_COOKIE
OURS = NAME.encode()
VALUE_CHARACTERS = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '",;\\')


# Writing


@pytest.mark.parametrize(
    ("policy", "written", "cleared"),
    [
        pytest.param(
            CookiePolicy(),
            b"__Host-Http-ww_sid=v; Path=/; Secure; HttpOnly; SameSite=Lax",
            b"__Host-Http-ww_sid=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
            id="D-33 default",
        ),
        pytest.param(
            CookiePolicy("__Host-x", same_site="strict", max_age=34_560_000),
            b"__Host-x=v; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=34560000",
            b"__Host-x=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
            id="R-6265-4 strict, 400 days",
        ),
        pytest.param(
            CookiePolicy(allow=[INSECURE_COOKIE]),
            b"ww_sid=v; Path=/; HttpOnly; SameSite=Lax",
            b"ww_sid=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0",
            id="for http, by name",
        ),
        pytest.param(
            CookiePolicy(same_site="none", allow=[CROSS_SITE_COOKIE]),
            b"__Host-Http-ww_sid=v; Path=/; Secure; HttpOnly; SameSite=None",
            b"__Host-Http-ww_sid=; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=0",
            id="A-3.3.2 in frames of others, by name",
        ),
        pytest.param(
            CookiePolicy("__Secure-x", path="/auth/refresh"),
            b"__Secure-x=v; Path=/auth/refresh; Secure; HttpOnly; SameSite=Lax",
            b"__Secure-x=; Path=/auth/refresh; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
            id="on one path",
        ),
    ],
)
def test_set_and_clear(policy: CookiePolicy, written: bytes, cleared: bytes) -> None:
    assert policy.set_cookie("v") == written
    assert policy.clear() == cleared


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"name": "sid"}, id="A-3.3.1 no prefix"),
        pytest.param({"name": "__Secure-sid"}, id="A-3.3.3 the weaker prefix"),
        pytest.param({"name": "__host-sid"}, id="prefix in the wrong case"),
        *(
            pytest.param({"name": name}, id=f"name {name[:20]!r}")
            for name in (
                "",
                "__Host-",
                "__Host-Http-",
                "__Host-a b",
                "__Host-a=b",
                "__Host-a;b",
                "__Host-\u00e4",
                "__Host-\n",
                f"__Host-{'a' * 4100}",
            )
        ),
        pytest.param({"name": None}, id="name None"),
        pytest.param({"same_site": "none"}, id="A-3.3.2 same_site none"),
        pytest.param({"same_site": "Lax"}, id="same_site in the wrong case"),
        pytest.param({"same_site": "lax", "allow": [CROSS_SITE_COOKIE]}, id="a danger for nothing"),
        pytest.param({"same_site": "none", "allow": ["CROSS_SITE_COOKIE"]}, id="text is no danger"),
        pytest.param({"allow": [RSA1_5]}, id="another danger"),
        pytest.param(
            {"same_site": "none", "allow": [CROSS_SITE_COOKIE, INSECURE_COOKIE]}, id="cross-site without Secure"
        ),
        *(
            pytest.param({"name": name, "allow": [INSECURE_COOKIE]}, id=f"{name} without Secure")
            for name in ("__Host-x", "__Secure-x", "__Http-x", "__host-x", "")
        ),
        pytest.param({"path": "/auth"}, id="__Host- on another path"),
        *(
            pytest.param({"name": "__Secure-x", "path": path}, id=f"path {path!r}")
            for path in ("", "auth", "/auth/", "/a;b", "//a", "/a b", "/a\n", None)
        ),
        pytest.param({"max_age": "Idle"}, id="max_age in the wrong case"),
        *(
            pytest.param({"max_age": age}, id=f"R-6265-4 max_age {age!r}")
            for age in (0, -1, 34_560_001, True, 1.5, "60")
        ),
    ],
)
def test_a_contradiction_is_refused_when_built(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        CookiePolicy(**bad)


def test_there_is_no_domain() -> None:
    with pytest.raises(TypeError):
        CookiePolicy(domain="example.com")  # type: ignore[call-arg]


@pytest.mark.parametrize("value", ["", "a b", "a;b", "a,b", 'a"', "a\\b", "a\0", "a\r\nSet-Cookie: x=y", "\u00e4"])
def test_a_value_that_no_cookie_can_have(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        CookiePolicy().set_cookie(value)
    assert value not in str(caught.value) or not value


@given(st.text(VALUE_CHARACTERS, min_size=1), st.integers(0, 5000))
@example("v", 4096 - len(NAME) - 1)
@example("v", 4096 - len(NAME))
def test_what_is_written_fits_and_comes_back(value: str, padding: int) -> None:
    policy = CookiePolicy()
    value += "p" * padding
    if len(NAME) + len(value) > 4096:
        with pytest.raises(ConfigurationError) as caught:
            policy.set_cookie(value)
        assert caught.value.reason == "cookie_too_large"
    else:
        pair = policy.set_cookie(value).split(b"; ")[0]
        assert len(pair) <= 4097
        assert read_cookies([pair], NAME) == value


# Reading


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        pytest.param([], None, id="no Cookie header"),
        pytest.param([b""], None, id="empty header"),
        pytest.param([b"a=b"], None, id="only others"),
        pytest.param([OURS + b"=v"], "v", id="alone"),
        pytest.param([b"a=b; " + OURS + b"=v; c=d"], "v", id="in the middle"),
        pytest.param([b"a=b;" + OURS + b"=v ;c=d"], "v", id="spaced oddly"),
        pytest.param([OURS + b"=v=w=="], "v=w==", id="equals signs in the value"),
        pytest.param([OURS + b"=%41"], "%41", id="nothing is unescaped"),
        pytest.param([OURS + b"="], None, id="empty value is not presented"),
        pytest.param([OURS], None, id="no equals sign"),
        pytest.param([b"a=b", OURS + b"=v"], "v", id="R-6265-5 several headers"),
        pytest.param([b"__host-http-ww_sid=v"], None, id="Q-35 wrong case is ignored"),
        pytest.param([OURS + b" =v"], None, id="a name with a space is not ours"),
        pytest.param([b"=" + OURS + b"=v"], None, id="a nameless cookie is not ours"),
        pytest.param([b"x" + OURS + b"=v; " + OURS + b"x=v"], None, id="longer names are not ours"),
        pytest.param([b'a="b; ' + OURS + b'=v; c="'], "v", id="quotes of others do not hide ours"),
        pytest.param([b"a=\0\xff\x7f; ;;=; b; " + OURS + b"=v"], "v", id="junk of others"),
        pytest.param([b"a=" + b"b" * (16384 - 3 - 23) + b"; " + OURS + b"=vv"], "vv", id="just below 16 KiB"),
        pytest.param([b"a=b," + OURS + b"=v"], None, id="folded behind a comma"),
    ],
)
def test_reading(headers: list[bytes], value: str | None) -> None:
    assert read_cookies(headers, NAME) == value


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param([OURS + b"=v; " + OURS + b"=w"], "duplicate_cookie", id="Q-35 two"),
        pytest.param([OURS + b"=v; " + OURS + b"=v"], "duplicate_cookie", id="Q-35 two of one value"),
        pytest.param([OURS + b"=v", OURS + b"=w"], "duplicate_cookie", id="Q-35 two in two headers"),
        pytest.param([OURS + b"=v; __hOsT-http-WW_SID=w"], "duplicate_cookie", id="R-6265-2 another case behind"),
        pytest.param([b"__HOST-HTTP-WW_SID=w; " + OURS + b"=v"], "duplicate_cookie", id="R-6265-2 another case before"),
        pytest.param([OURS + b"=v", OURS.upper() + b"=w"], "duplicate_cookie", id="R-6265-2 another case, own header"),
        pytest.param([OURS.lower() + b"=v; " + OURS.upper()], "duplicate_cookie", id="R-6265-2 two in other cases"),
        pytest.param([OURS + b" =w; " + OURS + b"=v"], "duplicate_cookie", id="a space behind the name"),
        pytest.param([OURS + b"; " + OURS + b"=v"], "duplicate_cookie", id="once without a value"),
        pytest.param([OURS + b"=; " + OURS + b"=v"], "duplicate_cookie", id="once empty"),
        pytest.param([OURS + b'="v"'], "malformed", id="Q-35 quoted"),
        pytest.param([OURS + b"=v\0w"], "malformed", id="Q-35 NUL"),
        pytest.param([OURS + b"=v\x1f"], "malformed", id="control"),
        pytest.param([OURS + b"=v\x7f"], "malformed", id="DEL"),
        pytest.param([OURS + b"=v\xc3\xa4"], "malformed", id="non-ASCII"),
        pytest.param([OURS + b"=v w"], "malformed", id="space"),
        pytest.param([OURS + b"= v"], "malformed", id="space before"),
        pytest.param([OURS + b"=v, a=b"], "malformed", id="folded with a comma"),
        pytest.param([OURS + b"=v\\w"], "malformed", id="backslash"),
        pytest.param([b"a=" + b"b" * 16383], "too_large", id="Q-35 16 kB"),
        pytest.param([b"a=" + b"b" * 8190, b"a=" + b"b" * 8191], "too_large", id="16 kB in two headers"),
    ],
)
def test_refusing(headers: list[bytes], reason: str) -> None:
    with pytest.raises(CookiesTooLargeError if reason == "too_large" else MalformedTokenError) as caught:
        read_cookies(headers, NAME)
    assert caught.value.reason == reason


cookie_names = st.text("abcXYZ019-", min_size=1, max_size=6).map("c_".__add__)
cookie_values = st.text(VALUE_CHARACTERS, max_size=12)


@given(st.dictionaries(cookie_names, cookie_values, min_size=1, max_size=5))
def test_it_agrees_with_the_standard_library_on_well_formed_cookies(cookies: dict[str, str]) -> None:
    cookies = {name: value for name, value in cookies.items() if [n.lower() for n in cookies].count(name.lower()) == 1}
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    theirs = SimpleCookie(header)
    assert {name: read_cookies([header.encode()], name) or "" for name in cookies} == {
        name: morsel.value for name, morsel in theirs.items()
    }


def test_the_standard_library_cannot_see_a_duplicate() -> None:
    """R-6265-7: why the parser is our own."""
    header = f"{NAME}=ours; {NAME}=planted"
    assert SimpleCookie(header)[NAME].value == "planted"
    with pytest.raises(MalformedTokenError):
        read_cookies([header.encode()], NAME)


pieces = st.sampled_from([OURS, OURS.lower(), b"=", b";", b"; ", b'"', b" ", b"\0", b"v", b"\xff", b","]) | st.binary(
    max_size=4
)


@given(st.lists(st.lists(pieces, max_size=12).map(b"".join), max_size=3))
def test_any_bytes_give_a_value_or_a_watchword_error(headers: list[bytes]) -> None:
    try:
        value = read_cookies(headers, NAME)
    except MalformedTokenError:
        return
    assert value is None or (value and set(value) <= set(VALUE_CHARACTERS))
