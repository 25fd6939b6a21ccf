"""What a request carries: cookies, Authorization, X-API-Key, Host, Origin and Sec-Fetch-Site.

The text is a list of lines ``name: value``; other doors take one header value.
"""

from __future__ import annotations

from typing import Final

from fuzz.house import JWT, SESSION
from fuzz.target import Target, said
from watchword.authn.credentials import extract
from watchword.web.cookies import SESSION_COOKIE, read_cookies
from watchword.web.csrf import check_origin, check_sender, origin
from watchword.web.messages import Connection


def _connection(text: bytes) -> Connection:
    lines = (line.partition(b": ") for line in text.split(b"\n"))
    return Connection("POST", "/", headers=[(name, value) for name, _, value in lines], ip="192.0.2.1")


def whole(text: bytes) -> None:
    found = extract(_connection(text), SESSION_COOKIE)
    assert found is None or found.token.encode("ascii") in text
    assert found is None or repr(found) == f"Credential(carrier={found.carrier!r}, token=<hidden>)"


def authorization(text: bytes) -> None:
    found = extract(Connection(headers=[(b"authorization", text)]), SESSION_COOKIE)
    assert found is None or text.endswith(found.token.encode("ascii"))


def cookies(text: bytes) -> None:
    found = read_cookies(text.split(b"\n"), SESSION_COOKIE)
    assert found is None or f"{SESSION_COOKIE}={found}".encode("ascii") in text


def csrf(text: bytes) -> None:
    check_origin(_connection(text))


def sender(text: bytes) -> None:
    check_sender(_connection(text), origins=frozenset({"https://app.example"}))


def host(text: bytes) -> None:
    named = _connection(text).host
    assert named.isascii()
    assert len(named) <= 262


def own_origin(text: bytes) -> None:
    found = origin(said(text))
    assert origin(found) == found


TARGET: Final = Target(
    doors={
        "whole": whole,
        "authorization": authorization,
        "cookies": cookies,
        "csrf": csrf,
        "sender": sender,
        "host": host,
        "origin": own_origin,
    },
    seeds=[
        ("whole", f"host: app.example\ncookie: a=b; {SESSION_COOKIE}={SESSION}\ncookie: c=d".encode()),
        ("whole", f"authorization: Bearer {JWT}\nx-api-key: sk_live_1".encode()),
        ("authorization", f"DPoP {JWT}".encode()),
        ("cookies", f"a=b; {SESSION_COOKIE}={SESSION}; c".encode()),
        ("csrf", b"host: app.example\norigin: https://app.example"),
        ("csrf", b"host: app.example\nsec-fetch-site: same-origin\norigin: null"),
        ("sender", b"host: other.example:8443\norigin: https://app.example"),
        ("host", b"host: [::1]:80\n:authority: [::1]:80"),
        ("origin", b"https://App.Example:443"),
        ("origin", b"http://[2001:DB8::1]:8080"),
    ],
)
