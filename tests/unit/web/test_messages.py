"""Connection and Reply: what is read of one request."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import MalformedHeaderError
from watchword.web.messages import Connection, Reply

HTTP: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "scheme": "https",
    "path": "/orders",
    "headers": [(b"host", b"App.Example:8443"), (b"accept", b"a"), (b"accept", b"b")],
    "client": ("203.0.113.9", 51234),
}


def test_a_request_scope() -> None:
    connection = Connection.from_scope(HTTP)
    assert (connection.method, connection.scheme, connection.path) == ("POST", "https", "/orders")
    assert (connection.host, connection.ip, connection.is_websocket) == ("app.example:8443", "203.0.113.9", False)
    assert connection.headers == HTTP["headers"]
    assert connection.headers is not HTTP["headers"]


def test_a_websocket_scope() -> None:
    connection = Connection.from_scope({"type": "websocket", "path": "/feed", "headers": ((b"host", b"app.example"),)})
    assert (connection.method, connection.scheme, connection.host) == ("GET", "ws", "app.example")
    assert connection.is_websocket
    assert connection.ip is None


@pytest.mark.parametrize(
    ("more", "attribute", "value"),
    [
        pytest.param({"method": "post"}, "method", "POST", id="lower-case method"),
        pytest.param({"method": "option\u017f"}, "method", "option\u017f", id="a method that only looks safe"),
        pytest.param({"scheme": "HTTPS"}, "scheme", "https", id="upper-case scheme"),
        pytest.param({"scheme": None}, "scheme", "http", id="no scheme"),
        pytest.param({"type": "websocket", "scheme": "WSS"}, "scheme", "wss", id="upper-case websocket scheme"),
        pytest.param({"client": None}, "ip", None, id="no client"),
        pytest.param({"client": ("", 0)}, "ip", None, id="a unix socket"),
        pytest.param({"client": ["::1", 1]}, "ip", "::1", id="IPv6 client"),
        pytest.param({"headers": []}, "host", "", id="no Host"),
        pytest.param({"headers": [(b"host", b"")]}, "host", "", id="empty Host"),
        pytest.param({"headers": [(b":authority", b"A.example")]}, "host", "a.example", id="HTTP/2"),
        pytest.param({"headers": [(b"host", b"a"), (b":authority", b"A")]}, "host", "a", id="HTTP/2 with Host"),
        pytest.param({"headers": [(b"host", b"[::1]:8000")]}, "host", "[::1]:8000", id="IPv6 host"),
        pytest.param(
            {
                "headers": [
                    (b"x-forwarded-for", b"9.9.9.9"),
                    (b"x-forwarded-host", b"evil.example"),
                    (b"x-forwarded-proto", b"http"),
                    (b"forwarded", b"for=9.9.9.9;host=evil.example;proto=http"),
                    (b"host", b"app.example"),
                ],
            },
            "host",
            "app.example",
            id="Q-36 forwarded headers are not read",
        ),
    ],
)
def test_what_is_read(more: dict[str, Any], attribute: str, value: object) -> None:
    connection = Connection.from_scope({**HTTP, **more})
    assert getattr(connection, attribute) == value
    if "client" not in more:
        assert connection.ip == "203.0.113.9"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param([(b"host", b"a"), (b"host", b"a")], "duplicate_header", id="two Host headers"),
        pytest.param([(b"host", b"a"), (b":authority", b"b")], "host_mismatch", id="Host against :authority"),
        *(
            pytest.param([(b"host", bad)], "bad_host", id=f"Q-36 host {bad[:12]!r}")
            for bad in (b"a b", b"a/b", b"u@a", b"a\0", b"\xe4", b"a,b", b"a#b", b"a" * 263)
        ),
    ],
)
def test_a_host_that_is_none(headers: list[tuple[bytes, bytes]], reason: str) -> None:
    connection = Connection(headers=headers)
    with pytest.raises(MalformedHeaderError) as caught:
        _ = connection.host
    assert caught.value.reason == reason


def test_headers() -> None:
    connection = Connection("get", "/x", scheme="HTTP", headers=[(b"X-One", b"1"), (b"x-TWO", b"2"), (b"X-Two", b"3")])
    assert (connection.method, connection.scheme) == ("GET", "http")
    assert connection.header(b"x-one") == b"1"
    assert connection.header(b"x-none") is None
    assert connection.headers_of(b"x-two") == [b"2", b"3"]
    with pytest.raises(MalformedHeaderError, match="'x-two' came more than once"):
        connection.header(b"x-two")


def test_the_repr_keeps_secrets() -> None:
    shown = repr(Connection("GET", "/reset/ww_ot_secret", headers=[(b"authorization", b"Bearer ww_at_secret")]))
    assert shown == "<Connection GET https request>"
    assert repr(Connection(scheme="wss", is_websocket=True)) == "<Connection GET wss websocket>"


def test_replies_are_values() -> None:
    assert Reply(401, [(b"a", b"b")], b"") == Reply(401, [(b"a", b"b")], b"")
    with pytest.raises(AttributeError):
        Reply(401, [], b"").status = 200  # type: ignore[misc]


@given(
    st.lists(st.tuples(st.sampled_from([b"host", b":authority", b"Host", b"x"]), st.binary(max_size=30)), max_size=4)
)
def test_any_headers_give_a_value_or_a_watchword_error(headers: list[tuple[bytes, bytes]]) -> None:
    for connection in (Connection(headers=headers), Connection.from_scope({**HTTP, "headers": headers})):
        try:
            host = connection.host
        except MalformedHeaderError:
            continue
        assert host.isascii()
        assert host.isprintable()
