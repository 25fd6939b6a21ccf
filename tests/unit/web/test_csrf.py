"""Cross-site request forgery: who may act with a cookie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import CsrfError, MalformedHeaderError
from watchword.web.csrf import check_origin
from watchword.web.messages import Connection

SHOP = "https://shop.example"


def sent(
    site: str | None = None,
    sender: str | None = None,
    *,
    method: str = "POST",
    scheme: str = "https",
    host: str = "app.example",
) -> Connection:
    named = {b"host": host, b"sec-fetch-site": site, b"origin": sender}
    headers = [(name, value.encode("latin-1")) for name, value in named.items() if value is not None]
    websocket = scheme.startswith("ws")
    return Connection("GET" if websocket else method, scheme=scheme, headers=headers, is_websocket=websocket)


@pytest.mark.parametrize(
    "connection",
    [
        *(
            pytest.param(sent("cross-site", method=method), id=f"A-3.5.3 {method}")
            for method in ("GET", "HEAD", "OPTIONS")
        ),
        pytest.param(sent("same-origin"), id="same-origin"),
        pytest.param(sent("none"), id="none"),
        pytest.param(sent("same-origin", "null"), id="same-origin with no-referrer"),
        pytest.param(sent("same-origin", "https://app.example", scheme="http"), id="same-origin behind a proxy"),
        pytest.param(sent("cross-site", SHOP), id="listed, cross-site"),
        pytest.param(sent("same-site", SHOP), id="listed, same-site"),
        pytest.param(sent(None, SHOP), id="listed, no Sec-Fetch-Site"),
        pytest.param(sent(None, "https://SHOP.example:443"), id="listed, written differently"),
        pytest.param(sent(None, "https://app.example"), id="own origin"),
        pytest.param(
            sent(None, "https://app.example", host="APP.example:443"), id="own origin, host with default port"
        ),
        pytest.param(sent(None, "https://app.example:443"), id="own origin with default port"),
        pytest.param(sent(None, "https://app.example:8443", host="app.example:8443"), id="own origin, another port"),
        pytest.param(sent(None, "http://localhost:8000", scheme="http", host="localhost:8000"), id="own origin, http"),
        pytest.param(sent(None, "http://[::1]:8000", scheme="http", host="[::1]:8000"), id="own origin, IPv6"),
        pytest.param(sent(None, "http://app.example", scheme="ws", host="app.example:80"), id="websocket"),
        pytest.param(sent(None, "https://app.example", scheme="wss"), id="websocket over TLS"),
        pytest.param(sent("same-origin", "https://app.example", scheme="wss"), id="websocket, same-origin"),
    ],
)
def test_passes(connection: Connection) -> None:
    check_origin(connection, origins={SHOP})


UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW", "option\u017f")

NOT_OURS = """
    app.example http://app.example https://app.example:8443 https://app.example.evil.example
    https://app.example@evil.example https://evil-app.example https://evil.example/https://app.example
    https://app.example/ https://app.exampl https://app.example:443:443 https://app.example. https://
    wss://app.example
"""


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        pytest.param(sent("cross-site"), "sec_fetch_site", id="Q-24 cross-site"),
        pytest.param(sent("cross-site", "https://app.example"), "sec_fetch_site", id="Q-24 cross-site, own origin"),
        pytest.param(sent("cross-site", "https://evil.example"), "sec_fetch_site", id="Q-24 cross-site, evil origin"),
        pytest.param(sent("cross-site", "null"), "sec_fetch_site", id="Q-24 cross-site, null"),
        pytest.param(sent("same-site"), "sec_fetch_site", id="same-site"),
        pytest.param(sent("same-site", "https://app.example"), "sec_fetch_site", id="same-site, own origin"),
        pytest.param(sent(""), "sec_fetch_site", id="empty Sec-Fetch-Site"),
        pytest.param(sent("Same-Origin"), "sec_fetch_site", id="Sec-Fetch-Site in the wrong case"),
        pytest.param(sent("same-origin, cross-site"), "sec_fetch_site", id="folded Sec-Fetch-Site"),
        *(
            pytest.param(sent("cross-site", method=method), "sec_fetch_site", id=f"Q-24 {method!a}")
            for method in UNSAFE
        ),
        pytest.param(sent(None, "https://evil.example"), "origin_mismatch", id="Q-25 evil"),
        pytest.param(sent(None, "null"), "origin_null", id="Q-25 null"),
        pytest.param(sent(), "origin_missing", id="Q-25 absent"),
        *(pytest.param(sent(method=method), "origin_missing", id=f"Q-25 absent, {method!a}") for method in UNSAFE),
        *(
            pytest.param(sent(None, sender), "origin_mismatch", id=f"not our origin: {sender[:32]!a}")
            for sender in [*NOT_OURS.split(), "", "https://app.example https://evil.example", "https://app.example\xe4"]
        ),
        *(
            pytest.param(sent(None, sender), "origin_mismatch", id=f"not the listed origin: {sender}")
            for sender in (f"{SHOP}.evil.example", f"{SHOP}:8443", "http://shop.example", "https://sub.shop.example")
        ),
        pytest.param(sent(None, "https://app.example", scheme="http"), "origin_mismatch", id="TLS ends in a proxy"),
        pytest.param(sent(None, "https://app.example", host=""), "origin_mismatch", id="no host"),
        pytest.param(sent(None, "https://a..b", host="a..b"), "origin_mismatch", id="a host that cannot be one"),
        pytest.param(sent(None, "https://evil.example", scheme="wss"), "origin_mismatch", id="websocket, evil"),
        pytest.param(sent(None, "http://app.example", scheme="wss"), "origin_mismatch", id="websocket, no TLS"),
        pytest.param(sent(scheme="wss"), "origin_missing", id="websocket, no Origin"),
        pytest.param(sent("cross-site", scheme="ws"), "sec_fetch_site", id="websocket, cross-site"),
    ],
)
def test_refusals(connection: Connection, reason: str) -> None:
    with pytest.raises(CsrfError) as caught:
        check_origin(connection, origins={SHOP})
    assert caught.value.reason == reason
    text = str(caught.value)
    assert text.startswith("CSRF: ")
    assert "origins=" in text
    assert "Sec-Fetch-Site header" in text or "Origin header" in text


@pytest.mark.parametrize("name", [b"sec-fetch-site", b"origin"])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_header_that_came_twice(name: bytes, method: str) -> None:
    own = [(b"host", b"app.example"), (b"sec-fetch-site", b"same-origin"), (b"origin", b"https://app.example")]
    check_origin(Connection(method, headers=own))
    with pytest.raises(CsrfError) as caught:
        check_origin(Connection(method, headers=[*own, *(header for header in own if header[0] == name)]))
    assert caught.value.reason == "duplicate_header"


@pytest.mark.parametrize("origins", [frozenset({"null"}), frozenset({""}), frozenset({"*"}), frozenset({None})])
def test_nothing_lists_null(origins: frozenset[str]) -> None:
    """Even a set that did not go through origin()."""
    with pytest.raises(CsrfError):
        check_origin(sent("cross-site", "null"), origins=origins)
    with pytest.raises(CsrfError):
        check_origin(sent(None, "null"), origins=origins)


@pytest.mark.parametrize("site", [None, "cross\r\nsite\x1b[31m" + "s" * 500])
def test_the_text_shows_what_came_short_and_escaped(site: str | None) -> None:
    hostile = "https://evil.example/\r\nINJECTED \x1b[31m\xe4" + "x" * 5000
    with pytest.raises(CsrfError) as caught:
        check_origin(sent(site, hostile, host="a" * 200))
    text = str(caught.value)
    assert "evil.example" in text
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 700


header_names = st.sampled_from([b"host", b"origin", b"sec-fetch-site", b":authority"])
header_values = st.binary(max_size=40) | st.sampled_from(
    [
        b"https://app.example",
        b"app.example",
        b"[",
        b"https://[::1%0]",
        b"https://a:1",
        b"null",
        b"cross-site",
        b"same-origin",
    ]
)


@given(
    st.lists(st.tuples(header_names, header_values), max_size=5), st.booleans(), st.sampled_from(["ws", "https", "x"])
)
def test_any_headers_pass_or_give_a_watchword_error(
    headers: list[tuple[bytes, bytes]], websocket: bool, scheme: str
) -> None:
    try:
        check_origin(Connection("POST", scheme=scheme, headers=headers, is_websocket=websocket), origins={SHOP})
    except (CsrfError, MalformedHeaderError):
        return
    sites = [value for name, value in headers if name == b"sec-fetch-site"]
    senders = [value for name, value in headers if name == b"origin"]
    assert sites in ([b"same-origin"], [b"none"]) or (not sites and len(senders) == 1)
