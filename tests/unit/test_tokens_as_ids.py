"""A token where an id is wanted: it is never kept as it is, and never taken for an id that nobody has."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from watchword import Watchword
from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError, TokenRevokedError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ww(tmp_path: Path) -> AsyncIterator[Watchword]:
    url = f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, issuer="https://as.test", audience="https://api.test", clock=FrozenClock()) as made:
        yield made


def database(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("app.db*"))


async def tokens_of(ww: Watchword) -> dict[str, str]:
    return {
        "session": (await ww.sessions.start("u")).token,
        "refresh": (await ww.refresh.issue("u", client_id="c")).token,
        "opaque": (await ww.opaque_access.issue("u")).token,
        "key": (await ww.api_keys.issue("u")).token,
        "one-time": (await ww.one_time.issue("u", purpose="magic-link")).token,
        "jwt": ww.access.issue("u").token,
        "paseto": ww.access.issue("u", format="paseto").token,
        "sealed": ww.sealed.seal({}, purpose="p", bound_to="u").token,
    }


@pytest.mark.parametrize("where", ["session", "family", "subject", "client", "key"])
async def test_a_revocation_names_no_token(ww: Watchword, tmp_path: Path, where: str) -> None:
    for what, token in (await tokens_of(ww)).items():
        with pytest.raises(ConfigurationError, match="this is a token"):
            await ww.revoke(**{where: token})  # type: ignore[arg-type]
        assert token.encode() not in database(tmp_path), what


async def test_nothing_is_derived_from_a_token(ww: Watchword) -> None:
    for token in (await tokens_of(ww)).values():
        with pytest.raises(ConfigurationError, match="this is a token"):
            ww.access.issue("u", session_id=token)
        with pytest.raises(ConfigurationError, match="this is a token"):
            await ww.opaque_access.issue("u", family_id=token)
        with pytest.raises(ConfigurationError, match="this is a token"):
            await ww.refresh.issue("u", client_id="c", session_id=token)


async def test_a_session_is_ended_by_its_token_as_well(ww: Watchword) -> None:
    one, other = await ww.sessions.start("u"), await ww.sessions.start("u")
    assert await ww.sessions.end(one.token)
    with pytest.raises(TokenRevokedError):
        await ww.sessions.authenticate(one.token)
    assert not await ww.sessions.end(one.token)
    assert not await ww.sessions.end("ww_ss_" + "A" * 43)
    assert (await ww.sessions.authenticate(other.token)).subject == "u"


async def test_a_session_is_kept_or_replaced_by_its_token_as_well(ww: Watchword) -> None:
    one, other = await ww.sessions.start("u"), await ww.sessions.start("u")
    assert await ww.sessions.end_all("u", keep=one.token) == 1
    assert (await ww.sessions.authenticate(one.token)).subject == "u"
    with pytest.raises(TokenRevokedError):
        await ww.sessions.authenticate(other.token)
    await ww.sessions.start("u", replaces=one.token)
    with pytest.raises(TokenRevokedError):
        await ww.sessions.authenticate(one.token)


async def test_a_principal_is_no_id(ww: Watchword) -> None:
    who: Any = await ww.sessions.authenticate((await ww.sessions.start("u")).token)
    with pytest.raises(ConfigurationError, match="a session_id is text"):
        await ww.sessions.end(who)
