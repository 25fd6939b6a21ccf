"""The third way to tell a page of ours: a token of one sign-in, where the browser says nothing."""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType

import pytest

from watchword.app import Watchword
from watchword.authn.authenticator import Authenticator
from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError, CsrfError
from watchword.keys.ring import KeyRing
from watchword.web.cookies import SESSION_COOKIE
from watchword.web.messages import Connection


@pytest.fixture
async def ww() -> AsyncIterator[Watchword]:
    async with Watchword("memory:", issuer="https://a.example", audience="b", clock=FrozenClock()) as opened:
        yield opened


def sent(
    token: str,
    *csrf: str,
    method: str = "POST",
    websocket: bool = False,
    said: Mapping[str, str] = MappingProxyType({}),
) -> Connection:
    pairs = [("cookie", f"{SESSION_COOKIE}={token}"), ("host", "app.example"), *said.items()]
    named = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    named += [(b"x-csrf-token", one.encode("latin-1")) for one in csrf]
    return Connection(method, headers=named, is_websocket=websocket)


async def reason(ww: Watchword, connection: Connection) -> str:
    """Why the corridor refuses; nothing where it does not."""
    try:
        assert await ww.authenticator().authenticate(connection) is not None
    except CsrfError as error:
        return error.reason if str(error).startswith("CSRF: ") else str(error)
    return ""


async def test_a_token_of_this_sign_in_counts_where_nothing_else_is_said(ww: Watchword) -> None:
    s = await ww.sessions.start("ada")
    token = ww.binding.csrf.of(await ww.sessions.authenticate(s.token))
    assert len(token) == 64
    assert await reason(ww, sent(s.token, token)) == ""
    assert await reason(ww, sent(s.token)) == "origin_missing"
    assert await reason(ww, sent(s.token, method="GET")) == ""


async def test_it_never_outweighs_what_the_browser_says(ww: Watchword) -> None:
    s = await ww.sessions.start("ada")
    token = ww.binding.csrf.of(await ww.sessions.authenticate(s.token))
    for said, why in (
        ({"sec-fetch-site": "cross-site"}, "sec_fetch_site"),
        ({"sec-fetch-site": "same-site"}, "sec_fetch_site"),
        ({"sec-fetch-site": ""}, "sec_fetch_site"),
        ({"origin": "https://evil.example"}, "origin_mismatch"),
        ({"origin": "null"}, "origin_null"),
    ):
        assert await reason(ww, sent(s.token, token, said=said)) == why
    assert await reason(ww, sent(s.token, token, method="GET", websocket=True)) == "origin_missing"


async def test_that_of_another_sign_in_does_not_count(ww: Watchword) -> None:
    before = ww.binding.csrf.of(await ww.sessions.authenticate((await ww.sessions.start("ada")).token))
    s = await ww.sessions.start("ada")
    assert await reason(ww, sent(s.token, before)) == "csrf_token"
    own = ww.binding.csrf.of(await ww.sessions.authenticate(s.token))
    rotated = await ww.sessions.rotate(s.token)
    assert await reason(ww, sent(rotated.token, own)) == "csrf_token"


async def test_a_bad_one_does_not_count(ww: Watchword) -> None:
    s = await ww.sessions.start("ada")
    good = ww.binding.csrf.of(await ww.sessions.authenticate(s.token))
    flipped = good[:-1] + ("A" if good[-1] != "A" else "B")
    salted = ("A" if good[0] != "A" else "B") + good[1:]
    for bad in ("", "x", good[:-4], good + "AAAA", flipped, salted, good[:-1] + "\xe4", good[:-1] + "=", "A" * 64):
        assert await reason(ww, sent(s.token, bad)) == "csrf_token", bad
    assert await reason(ww, sent(s.token, good, good)) == "duplicate_header"


async def test_each_looks_different_and_every_process_takes_it(ww: Watchword) -> None:
    who = await ww.sessions.authenticate((await ww.sessions.start("ada")).token)
    one, other = ww.binding.csrf.of(who), ww.binding.csrf.of(who)
    assert one[:21] != other[:21]
    assert one[-40:] != other[-40:]
    async with Watchword("memory:", issuer="https://a.example", audience="b", ring=ww.ring) as sibling:
        sibling.binding.csrf.check(one.encode(), who)
    async with Watchword("memory:", issuer="https://a.example", audience="b") as stranger:
        with pytest.raises(CsrfError):
            stranger.binding.csrf.check(one.encode(), who)


async def test_a_ring_without_a_mac_key_makes_and_takes_none(ww: Watchword) -> None:
    s = await ww.sessions.start("ada")
    who = await ww.sessions.authenticate(s.token)
    ring = KeyRing.generate("ES256")
    async with Watchword("memory:", issuer="https://a.example", audience="b", ring=ring) as bare:
        with pytest.raises(ConfigurationError):
            bare.binding.csrf.of(who)
        with pytest.raises(CsrfError):
            bare.binding.csrf.check(b"A" * 64, who)


async def test_a_corridor_without_binding_takes_none(ww: Watchword) -> None:
    s = await ww.sessions.start("ada")
    token = ww.binding.csrf.of(await ww.sessions.authenticate(s.token))
    with pytest.raises(CsrfError):
        await Authenticator((ww.sessions,)).authenticate(sent(s.token, token))
