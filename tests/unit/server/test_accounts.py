"""Accounts: names, passwords, and what a change takes away."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from tests.unit.server.house import PASSWORD, House
from watchword.errors import ConfigurationError, StoreUnavailableError, TokenNotFoundError, TokenRevokedError
from watchword.revocation.event import Revocation
from watchword.server.accounts.accounts import InvalidCredentialsError
from watchword.stores.base import Record
from watchword.tokens.roles import Roles


async def test_add_and_list(house: House) -> None:
    added = await house.server.accounts.add("Zoë", PASSWORD, scopes=["b", "a", "a"], roles=["staff"])
    assert (added.name, added.subject, added.scopes, added.roles, added.disabled) == (
        "Zoë",
        "Zoë",
        ("a", "b"),
        ("staff",),
        False,
    )
    assert [account.name for account in await house.server.accounts.list()] == ["alice", "bob", "Zoë"]
    assert (await house.server.accounts.list())[-1] == added
    assert "argon2" not in repr(added)


@pytest.mark.parametrize("name", ["alice", "ALICE", "Alice"])
async def test_a_name_is_taken_once(house: House, name: str) -> None:
    with pytest.raises(ConfigurationError, match="already a user"):
        await house.server.accounts.add(name, PASSWORD)


@pytest.mark.parametrize(
    "name", ["", " ", " alice", "alice ", "a\nb", "a\0b", "x" * 65, "\u200b", "\ud800", "a\u2028b"]
)
async def test_names_that_cannot_be(house: House, name: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 64 printable"):
        await house.server.accounts.add(name, PASSWORD)
    with pytest.raises(ConfigurationError, match="no user"):
        await house.server.accounts.disable(name)
    with pytest.raises(InvalidCredentialsError):
        await house.server.accounts.check(name, PASSWORD)


async def test_64_characters_and_two_spellings_are_one_name(house: House) -> None:
    await house.server.accounts.add("é" * 64, PASSWORD)
    assert (await house.server.accounts.check("e\u0301" * 64, PASSWORD)).subject == "é" * 64
    await house.server.accounts.add("Straße", PASSWORD)
    assert (await house.server.accounts.check("STRASSE", PASSWORD)).subject == "Straße"


@pytest.mark.parametrize("password", ["short", "x" * 14, "x" * 1025, ""])
async def test_weak_passwords(house: House, password: str) -> None:
    before = await house.state()
    with pytest.raises(ConfigurationError, match="a password"):
        await house.server.accounts.add("carol", password)
    with pytest.raises(ConfigurationError, match="a password"):
        await house.server.accounts.set_password("alice", password)
    assert await house.state() == before


async def test_a_grant_that_no_token_would_hold(house: House) -> None:
    with pytest.raises(ConfigurationError, match="more than 2048"):
        await house.server.accounts.add("carol", PASSWORD, scopes=[f"scope-{number}" for number in range(300)])


async def test_disable_and_enable(house: House) -> None:
    cookie = await house.sign_in()
    await house.server.accounts.disable("Alice")
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 401
    with pytest.raises(InvalidCredentialsError):
        await house.server.accounts.check("alice", PASSWORD)
    assert (await house.server.accounts.enable("alice")).disabled is False
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 401
    assert (await house.ask("GET", "/account/session", cookie=await house.sign_in())).status_code == 200


async def test_the_api_keys_of_a_disabled_user_end_for_good(house: House) -> None:
    """A cut-off is remembered for 30 days, and a key lives for a year."""
    key = (await house.ww.api_keys.issue("alice", lifetime=timedelta(days=300))).token
    await house.server.accounts.set_password("alice", "a quite different one")
    await house.ww.api_keys.authenticate(key)
    await house.server.accounts.disable("alice")
    for days in (0, 31, 200):
        house.clock.advance(timedelta(days=days))
        await house.ww.store.purge(now=house.clock.now())
        house.ww.view.forget()
        with pytest.raises((TokenRevokedError, TokenNotFoundError)):
            await house.ww.api_keys.authenticate(key)


async def test_a_new_password(house: House) -> None:
    cookie = await house.sign_in()
    await house.server.accounts.set_password("alice", "a quite different one")
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 401
    with pytest.raises(InvalidCredentialsError):
        await house.server.accounts.check("alice", PASSWORD)
    assert (await house.server.accounts.check("alice", "a quite different one")).subject == "alice"


async def test_the_change_and_its_revocation_are_one_transaction(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = await house.sign_in()
    before = await house.state()

    async def down(record: Record, **_: object) -> bool:
        raise StoreUnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(house.ww.store, "swap", down)
        with pytest.raises(StoreUnavailableError):
            await house.server.accounts.disable("alice")
    assert await house.state() == before
    assert (await house.ask("GET", "/account/session", cookie=cookie)).status_code == 200
    head = (await house.ww.store.tail(0, now=house.clock.now())).head
    await house.server.accounts.disable("alice")
    feed = await house.ww.store.tail(head, now=house.clock.now())
    assert [(one.what, one.value) for one in feed.events] == [("subject", "alice")]


async def test_the_trail(house: House) -> None:
    for change in (house.server.accounts.disable, house.server.accounts.enable):
        await change("alice")
    await house.server.accounts.set_password("alice", "a quite different one")
    names = [row.name for row in await house.ww.events(subject="alice")]
    assert names == ["user_added", "user_disabled", "user_enabled", "password_changed"]
    assert PASSWORD not in str(await house.ww.events())


async def test_only_an_argon2_string_is_kept(house: House) -> None:
    [record, _] = await house.ww.store.find("user", now=house.clock.now())
    assert str(record.data["password"]).startswith("$argon2id$v=19$m=")
    assert PASSWORD not in str(record)


async def test_other_roles_sign_nobody_out(house: House) -> None:
    ww, accounts = house.server.ww, house.server.accounts
    await accounts.set_roles("alice", ["staff", "clerk"])
    session = await ww.sessions.start("alice", roles=["staff", "clerk"])
    token = ww.access.issue("alice", roles=["staff", "clerk"]).token
    changed = await accounts.set_roles("ALICE", ["clerk"])
    assert changed.roles == ("clerk",)
    assert (await accounts.check("alice", PASSWORD)).roles == ("clerk",)
    assert (await ww.sessions.authenticate(session.token)).roles == {"clerk"}
    with pytest.raises(TokenRevokedError):
        ww.access.verify(token)


async def test_a_sign_in_that_read_the_roles_before_does_not_stand(house: House) -> None:
    account = await house.server.accounts.check("alice", PASSWORD)
    await house.server.accounts.set_roles("alice", ["clerk"])
    with pytest.raises(InvalidCredentialsError):
        await house.server.accounts.ensure_unchanged(account)


async def test_of_two_changes_side_by_side_the_one_that_was_kept_counts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ww, accounts = house.server.ww, house.server.accounts
    session, tell = await ww.sessions.start("alice", roles=["staff"]), Roles.set

    async def overtaken(self: Roles, subject: str, roles: Iterable[str]) -> Revocation:
        monkeypatch.undo()
        await accounts.set_roles("alice", ["second"])
        return await tell(self, subject, roles)

    monkeypatch.setattr(Roles, "set", overtaken)
    await accounts.set_roles("alice", ["first"])
    assert (await accounts.check("alice", PASSWORD)).roles == ("second",)
    assert (await ww.sessions.authenticate(session.token)).roles == {"second"}


@pytest.mark.parametrize(
    ("name", "roles", "says"),
    [("nobody", ["a"], "no user"), ("alice", ["a b"], "cannot stand"), ("alice", ["x" * 9999], "no token")],
)
async def test_roles_that_cannot_be(house: House, name: str, roles: list[str], says: str) -> None:
    before = await house.state()
    with pytest.raises(ConfigurationError, match=says):
        await house.server.accounts.set_roles(name, roles)
    assert await house.state() == before
