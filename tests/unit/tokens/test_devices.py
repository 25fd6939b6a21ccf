"""Devices: sessions and refresh families in one list, ended one by one or all others; the limit of sessions."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from watchword import FrozenClock, Watchword
from watchword.encoding import neighbourhood
from watchword.errors import ConfigurationError, TokenRevokedError
from watchword.tokens.devices import Device
from watchword.tokens.sessions import SessionInfo, Sessions

pytestmark = pytest.mark.anyio

OPTIONS: dict[str, Any] = {"issuer": "https://as.test", "audience": "https://api.test"}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "sqlite"])
async def ww(request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock) -> AsyncIterator[Watchword]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, clock=clock, **OPTIONS) as opened:
        yield opened


async def alive(ww: Watchword, token: str) -> bool:
    kind = ww.sessions if token.startswith("ww_ss_") else ww.refresh
    try:
        await kind.authenticate(token)
    except TokenRevokedError:
        return False
    return True


# The list


async def test_sessions_and_families_stand_together(ww: Watchword, clock: FrozenClock) -> None:
    session = await ww.sessions.start("u", device="Firefox on Linux", ip="203.0.113.9")
    clock.advance(10)
    phone = await ww.refresh.issue("u", client_id="mobile", device="Pixel 9", ip="2001:db8:1:2345::9")
    await ww.sessions.start("other", device="not mine")
    await ww.refresh.issue("other", client_id="not mine")
    first, second = await ww.devices.list("u", current=session.session_id)
    assert first == Device(
        handle=str(session.session_id),
        kind="session",
        label="Firefox on Linux",
        created_at=clock.now() - 10,
        last_seen=clock.now() - 10,
        expires_at=clock.now() - 10 + 1800,
        address="203.0.113.0/24",
        client_id=None,
        current=True,
    )
    assert (second.handle, second.kind, second.label) == (phone.family_id, "refresh", "Pixel 9")
    assert (second.address, second.client_id, second.current) == ("2001:db8:1:2300::/56", "mobile", False)
    assert [one.current for one in await ww.devices.list("u", current=phone.family_id)] == [False, True]
    assert [one.current for one in await ww.devices.list("u")] == [False, False]


async def test_a_family_of_a_session_is_the_same_device(ww: Watchword, clock: FrozenClock) -> None:
    session = await ww.sessions.start("u", device="Firefox on Linux")
    family = await ww.refresh.issue("u", client_id="first-party", session_id=session.session_id)
    clock.advance(50)
    await ww.refresh.rotate(family.token)
    (device,) = await ww.devices.list("u", current=family.family_id)
    assert (device.handle, device.last_seen, device.current) == (session.session_id, clock.now(), True)


async def test_a_family_that_outlives_its_session_is_a_device_of_its_own(ww: Watchword, clock: FrozenClock) -> None:
    session = await ww.sessions.start("u")
    family = await ww.refresh.issue("u", client_id="c", session_id=session.session_id)
    clock.advance(1800)
    assert [one.handle for one in await ww.devices.list("u")] == [family.family_id]


async def test_no_handle_opens_anything(ww: Watchword) -> None:
    session, family = await ww.sessions.start("u"), await ww.refresh.issue("u", client_id="c")
    listed = repr(await ww.devices.list("u"))
    assert session.token not in listed
    assert family.token not in listed


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:aaaa:bbcc:1::1", "2001:db8:aaaa:bb00::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("testclient", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_shown_coarse(address: str | None, shown: str | None) -> None:
    assert neighbourhood(address) == shown


# Ending


async def test_one_device_is_ended_with_all_of_its_tokens(ww: Watchword) -> None:
    session = await ww.sessions.start("u")
    hanging = await ww.refresh.issue("u", client_id="c", session_id=session.session_id)
    phone = await ww.refresh.issue("u", client_id="mobile")
    access = ww.access.issue("u", session_id=session.session_id, family_id=hanging.family_id)
    assert await ww.devices.end("u", str(session.session_id)) is True
    assert [await alive(ww, one.token) for one in (session, hanging, phone)] == [False, False, True]
    with pytest.raises(TokenRevokedError):
        ww.access.verify(access.token)
    assert await ww.devices.end("u", str(phone.family_id)) is True
    assert not await alive(ww, phone.token)
    assert await ww.devices.list("u") == []
    assert (await ww.events(subject="u"))[-1].name == "revoked"


@pytest.mark.parametrize("kind", ["session", "refresh"])
async def test_nobody_ends_the_device_of_another(ww: Watchword, kind: str) -> None:
    session, family = await ww.sessions.start("victim"), await ww.refresh.issue("victim", client_id="c")
    handle = str(session.session_id if kind == "session" else family.family_id)
    assert await ww.devices.end("attacker", handle) is False
    assert await ww.devices.end("victim", "nothing") is False
    assert await alive(ww, session.token)
    assert await alive(ww, family.token)


@pytest.mark.parametrize("mine", ["session", "family", "nobody"])
async def test_all_others_are_ended(ww: Watchword, mine: str) -> None:
    session, family = await ww.sessions.start("u"), await ww.refresh.issue("u", client_id="c")
    others = [await ww.sessions.start("u"), await ww.refresh.issue("u", client_id="d")]
    stranger = await ww.sessions.start("other")
    keep = {"session": session.session_id, "family": family.family_id, "nobody": None}[mine]
    assert await ww.devices.end_all("u", keep=keep) == (4 if mine == "nobody" else 3)
    assert await alive(ww, session.token) is (mine == "session")
    assert await alive(ww, family.token) is (mine == "family")
    assert not any([await alive(ww, one.token) for one in others])
    assert await alive(ww, stranger.token)


# The limit


async def limited(clock: FrozenClock, told: list[tuple[str, SessionInfo]], limit: int = 3) -> Watchword:
    ww = Watchword(
        "memory:",
        clock=clock,
        session_limit=limit,
        on_session_limit=lambda subject, info: told.append((subject, info)),
        **OPTIONS,
    )
    await ww.open()
    return ww


async def test_without_a_limit_there_is_none(ww: Watchword) -> None:
    for _ in range(60):
        await ww.sessions.start("u")
    assert len(await ww.sessions.list("u")) == 60


async def test_beyond_the_limit_the_oldest_ends_and_somebody_is_told(clock: FrozenClock) -> None:
    told: list[tuple[str, SessionInfo]] = []
    ww = await limited(clock, told)
    issued = []
    for number in range(5):
        issued.append(await ww.sessions.start("u", device=f"device {number}"))
        clock.advance(1)
    await ww.sessions.start("other")
    assert [await alive(ww, one.token) for one in issued] == [False, False, True, True, True]
    assert [(subject, info.device) for subject, info in told] == [("u", "device 0"), ("u", "device 1")]
    names = [one.name for one in await ww.events(subject="u")]
    assert (names.count("session_over_limit"), names.count("session_started")) == (2, 5)
    await ww.close()


async def test_a_rotation_is_no_new_session(clock: FrozenClock) -> None:
    told: list[tuple[str, SessionInfo]] = []
    ww = await limited(clock, told, limit=2)
    first, second = await ww.sessions.start("u"), await ww.sessions.start("u")
    first = await ww.sessions.rotate(first.token)
    assert told == []
    await ww.sessions.start("u")
    assert await alive(ww, first.token), "it was rotated after the second began"
    assert not await alive(ww, second.token)
    await ww.close()


async def test_a_sign_in_that_replaces_a_session_ends_no_other(clock: FrozenClock) -> None:
    told: list[tuple[str, SessionInfo]] = []
    ww = await limited(clock, told, limit=2)
    first, second = await ww.sessions.start("u"), await ww.sessions.start("u")
    await ww.sessions.start("u", replaces=second.session_id)
    assert await alive(ww, first.token)
    assert not await alive(ww, second.token)
    assert told == []
    await ww.close()


async def test_a_notice_that_fails_fails_no_sign_in(clock: FrozenClock, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise LookupError

    async with Watchword("memory:", clock=clock, session_limit=1, on_session_limit=fail, **OPTIONS) as ww:
        await ww.sessions.start("u")
        with caplog.at_level(logging.ERROR, logger="watchword.tokens"):
            issued = await ww.sessions.start("u")
        assert await alive(ww, issued.token)
        assert "on_limit failed" in caplog.text


def test_a_limit_of_none_is_not_zero() -> None:
    with pytest.raises(ConfigurationError, match="limit"):
        Watchword("memory:", session_limit=0, **OPTIONS)


# Replacing


async def test_a_sign_in_ends_what_was_there_in_one_step(ww: Watchword) -> None:
    before = await ww.sessions.start("guest")
    family = await ww.refresh.issue("guest", client_id="c", session_id=before.session_id)
    access = ww.access.issue("guest", session_id=before.session_id)
    commits = len(await ww.events())
    after = await ww.sessions.start("u", replaces=before.session_id)
    assert [await alive(ww, one.token) for one in (before, family, after)] == [False, False, True]
    with pytest.raises(TokenRevokedError):
        ww.access.verify(access.token)
    assert [one.name for one in (await ww.events())[commits:]] == ["session_ended", "session_started"]
    assert after.session_id != before.session_id


async def test_replacing_what_is_gone_is_a_plain_sign_in(ww: Watchword) -> None:
    before = await ww.sessions.start("u")
    await ww.sessions.end(str(before.session_id))
    for replaces in (before.session_id, "nothing", None):
        assert await alive(ww, (await ww.sessions.start("u", replaces=replaces)).token)


async def test_remember_me_is_a_tier_of_its_own(ww: Watchword, clock: FrozenClock) -> None:
    plain, kept = await ww.sessions.start("u"), await ww.sessions.start("u", remember=True)
    assert kept.expires_at - clock.now() == timedelta(days=30).total_seconds()
    clock.advance(timedelta(days=29))
    assert [one.session_id for one in await ww.sessions.list("u")] == [kept.session_id]
    await ww.sessions.authenticate(kept.token)
    clock.advance(timedelta(days=1) - timedelta(seconds=1))
    await ww.sessions.authenticate(kept.token)
    clock.advance(1)
    assert await ww.sessions.list("u") == []
    assert plain.session_id != kept.session_id
    assert isinstance(ww.sessions, Sessions)


async def test_the_session_that_has_just_begun_is_never_the_one_that_ends(clock: FrozenClock) -> None:
    """A rotation elsewhere gives an older session a younger row, between the write of the new one and its count."""
    ww = await limited(clock, [], limit=1)
    older = await ww.sessions.start("u")
    begin = ww.sessions._begin

    async def begun_and_overtaken(*given: Any) -> None:
        await begin(*given)
        await ww.sessions.rotate(older.token)

    ww.sessions._begin = begun_and_overtaken  # type: ignore[method-assign,assignment]
    newer = await ww.sessions.start("u")
    assert (await ww.sessions.authenticate(newer.token)).subject == "u"
    await ww.close()


async def test_a_caller_knows_which_device_it_is(ww: Watchword) -> None:
    session, phone = await ww.sessions.start("u"), await ww.refresh.issue("u", client_id="mobile")
    browser = await ww.sessions.authenticate(session.token)
    app = ww.access.verify(ww.access.issue("u", family_id=phone.family_id).token)
    for who in (browser, app):
        [mine] = [device for device in await ww.devices.list("u", current=who.device) if device.current]
        assert mine.handle == who.device
    await ww.devices.end_all("u", keep=app.device)
    assert not await alive(ww, session.token)
    assert await alive(ww, phone.token)
