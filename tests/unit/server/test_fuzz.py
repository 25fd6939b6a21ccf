"""Whatever is sent, to whichever endpoint: an answer below 500, in JSON or as the page, and never an exception."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from typing import Any
from urllib.parse import urlencode

import httpx2
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from tests.unit.server.house import SECRET, House, open_house
from watchword.crypto import passwords
from watchword.server.app import ROUTES

FIELDS = [
    *("grant_type", "refresh_token", "client_id", "client_secret", "scope", "token", "token_type_hint", "remember"),
    *("username", "subject", "password", "format", "scopes", "access_token_format", "client_assertion"),
]
TYPES = [
    *("application/json", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16"),
    *("application/json; charset=x", "text/plain", "multipart/form-data; boundary=x", "", ";;;", "application/json;;"),
]
HEADERS = [
    *("authorization", "cookie", "x-api-key", "origin", "sec-fetch-site", "content-type", "content-encoding", "accept"),
    *("host", "user-agent", "x-forwarded-for", "x-http-method-override", "content-length", "transfer-encoding"),
]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "QUERY"]

words = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "refresh_token",
            "jwt",
            "paseto",
            "backend",
            SECRET,
            "alice",
            "true",
            "orders:read",
            "eyJ.eyJ.x",
            "v4.public.AAAA",
        ]
    ),
)
leaves: st.SearchStrategy[object] = st.one_of(
    words, st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False)
)
values: st.SearchStrategy[object] = st.deferred(
    lambda: st.one_of(leaves, st.lists(values, max_size=3), st.dictionaries(st.text(max_size=8), values, max_size=3))
)
json_bodies = st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=8)), values, max_size=5).map(
    lambda value: msgspec.json.encode(value)
)
forms = st.lists(st.tuples(st.one_of(st.sampled_from(FIELDS), st.text(max_size=8)), words), max_size=6).map(
    lambda pairs: urlencode(pairs, errors="replace").encode()
)
bodies = st.one_of(st.just(b""), st.binary(max_size=200), json_bodies, forms)
header_values = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([*TYPES, "same-origin", "cross-site", "null", "https://localhost", "Bearer x", "Basic YTpi"]).map(
        str.encode
    ),
    st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40).map(
        lambda text: f"Bearer {text}".encode()
    ),
    st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40).map(
        lambda text: f"__Host-Http-ww_sid={text}".encode()
    ),
)
paths = st.one_of(
    st.sampled_from(sorted(ROUTES)),
    st.text(max_size=20).map(lambda text: f"/{text}"),
    st.text(max_size=20).map(lambda text: f"/account/sessions/{text}"),
)


@pytest.fixture(scope="module")
async def open_to_all() -> AsyncIterator[tuple[House, str, str]]:
    """One server for the module, with the secrets that let the fuzz get past the first door."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "MEMORY_KIB", 64)
        patch.setattr(passwords, "PASSES", 1)
        async with open_house() as house:
            yield house, await house.sign_in(), house.ww.access.issue("alice").token


async def knock(
    app: Starlette, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> httpx2.Response:
    """One request past every client library, which would not send most of these."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": query,
        "headers": headers,
        "client": ("192.0.2.7", 4711),
        "server": ("localhost", 443),
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return httpx2.Response(sent[0]["status"], headers=sent[0]["headers"], content=sent[1]["body"])


def _well_formed(reply: httpx2.Response) -> None:
    assert reply.status_code < 500, reply.text
    if reply.content and reply.headers["content-type"] == "application/json":
        assert isinstance(reply.json(), dict)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "Traceback" not in reply.text


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(METHODS),
    path=paths,
    query=st.one_of(st.just(b""), st.binary(max_size=30)),
    headers=st.lists(st.tuples(st.sampled_from(HEADERS).map(str.encode), header_values), max_size=4),
    body=bodies,
)
async def test_anything(
    open_to_all: tuple[House, str, str],
    method: str,
    path: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    house, _, _ = open_to_all
    _well_formed(await knock(house.app, method, path, query, [(b"host", b"localhost"), *headers], body))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from([(path, method) for path, table in ROUTES.items() for method in table]),
    kind=st.sampled_from(TYPES),
    carrier=st.sampled_from(["cookie", "bearer", "client", "none"]),
    body=bodies,
)
async def test_behind_the_first_door(
    open_to_all: tuple[House, str, str], route: tuple[str, str], kind: str, carrier: str, body: bytes
) -> None:
    """With a good session, token or client, so that the body is looked at."""
    house, cookie, token = open_to_all
    path, method = route
    if (path, method) in (("/account/session", "DELETE"), ("/account/sign-out", "POST")) and carrier == "cookie":
        cookie = await house.sign_in("bob")  # signing out is meant to work
    reply = await house.ask(
        method,
        path.replace("{session_id}", "x"),
        cookie=cookie if carrier == "cookie" else None,
        bearer=token if carrier == "bearer" else None,
        auth=("backend", SECRET) if carrier == "client" else None,
        headers=[("content-type", kind)],
        content=body,
    )
    _well_formed(reply)
