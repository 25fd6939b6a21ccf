"""Bodies: what is read, and what is refused before anybody looks at it (Q-17, Q-48)."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.server.house import House
from watchword.server.bodies import MAX_BODY, MAX_FIELDS, parse_form
from watchword.server.oauth_error import OAuthError

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"", {}),
        (b"a=b", {"a": "b"}),
        (b"a=b&c=d", {"a": "b", "c": "d"}),
        (b"&&a=b&", {"a": "b"}),
        (b"a", {"a": ""}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a+b=c%20d+e", {"a b": "c d e"}),
        (b"a=%C3%A9", {"a": "é"}),
        ("a=é".encode(), {"a": "é"}),
        (b"=x", {"": "x"}),
    ],
)
def test_a_form(raw: bytes, fields: dict[str, str]) -> None:
    assert parse_form(raw) == fields


@pytest.mark.parametrize(
    "raw", [b"a=%", b"a=%4", b"a=%zz", b"%=a", b"a=%ff", b"a=\xff", b"a=%00", b"a=\0", b"a=1&a=1", b"a=1&%61=2"]
)
def test_a_form_that_is_refused(raw: bytes) -> None:
    with pytest.raises(OAuthError):
        parse_form(raw)


def test_at_most_100_fields() -> None:
    fields = [f"f{number}=1".encode() for number in range(MAX_FIELDS + 1)]
    assert len(parse_form(b"&".join(fields[:-1]))) == MAX_FIELDS
    with pytest.raises(OAuthError, match="more than 100"):
        parse_form(b"&".join(fields))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_refused(raw: bytes) -> None:
    try:
        fields = parse_form(raw)
    except OAuthError:
        return
    else:
        assert all("\0" not in text for pair in fields.items() for text in pair)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (FORM, 400),
        (FORM.upper(), 400),
        (f"{FORM}; charset=utf-8", 400),
        (f'{FORM};charset="UTF-8"', 400),
        (f"{FORM}; charset=utf-16", 400),
        (f"{FORM}; charset=iso-8859-1", 400),
        ("application/json", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/plain", 415),
        ("", 415),
        (None, 415),
    ],
)
async def test_content_types_of_an_oauth_request(house: House, content_type: str | None, status: int) -> None:
    headers = [] if content_type is None else [("content-type", content_type)]
    reply = await house.ask("POST", "/oauth/token", content=b"a=b", headers=headers)
    assert (reply.status_code, reply.json()["error"]) == (status, "invalid_request")
    missing = "grant_type is missing." in reply.text
    assert missing == (status == 400 and "16" not in str(content_type) and "8859" not in str(content_type))


async def test_two_content_types(house: House) -> None:
    headers = [("content-type", FORM)] * 2
    reply = await house.ask("POST", "/oauth/revoke", content=b"token=x", headers=headers)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(("coding", "status"), [("gzip", 415), ("identity, gzip", 415), ("identity", 400), ("", 415)])
async def test_content_encodings(house: House, coding: str, status: int) -> None:
    headers = [("content-type", FORM), ("content-encoding", coding)]
    assert (await house.ask("POST", "/oauth/token", content=b"a=b", headers=headers)).status_code == status


async def test_nothing_at_all_is_an_empty_form(house: House) -> None:
    reply = await house.ask("POST", "/oauth/token")
    assert (reply.status_code, reply.json()["error_description"]) == (400, "grant_type is missing.")


@pytest.mark.parametrize("path", ["/oauth/token", "/account/sign-in", "/account/sign-out"])
async def test_a_stream_without_a_length_is_cut_off(house: House, path: str) -> None:
    sent = 0

    async def long() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2 * MAX_BODY // 1024:
            sent += 1
            yield b"x" * 1024

    reply = await house.ask("POST", path, content=long(), headers=[("content-type", FORM)])
    assert (reply.status_code, reply.json()["error"]) == (413, "invalid_request")
    assert sent <= MAX_BODY // 1024 + 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"format":"jwt"} x',
        b'{"format":"jwt","format":"jwt"}',
        b'{"format":"jwt","\\u0066ormat":"paseto"}',
        b'{"format":NaN}',
        b'{"format":"\xff"}',
        b'{"format":"\\ud800"}',
        b'\xef\xbb\xbf{"format":"jwt"}',
        '{"format":"jwt"}'.encode("utf-16"),
        b'{"scopes":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"format":1e999}',
    ],
)
async def test_json_that_is_refused(house: House, raw: bytes) -> None:
    cookie = await house.sign_in()
    before = await house.state()
    sent = [("content-type", "application/json")]
    reply = await house.ask("POST", "/account/tokens", cookie=cookie, content=raw, headers=sent)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")
    assert await house.state() == before
