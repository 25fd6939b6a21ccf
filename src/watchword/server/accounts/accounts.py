"""Accounts: who may sign in. A record of kind ``user`` for each, its password as an Argon2id PHC string."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ...app import Watchword
from ...crypto.passwords import check_new_password
from ...encoding import folded
from ...errors import ConfigurationError, StoreConflictError, WatchwordError
from ...revocation.feed import catch_up
from ...revocation.matrix import MATRIX, Word
from ...runtime.revoker import cut_off
from ...stores.base import Audit, Record
from ...tokens.base import words
from .password_pool import PasswordPool

RECORD = "user"
LONGEST_NAME = 64
LONGEST_GRANT = 2048
ATTEMPTS = 10
_ALL = 1_000_000


class InvalidCredentialsError(WatchwordError):
    """No account with this name may sign in with this password."""

    code = "invalid_credentials"
    status = 401
    public = "invalid_credentials"


class Account(Struct, frozen=True, kw_only=True):
    """One user. ``subject`` is what tokens say; the password's hash never leaves this file."""

    name: str
    subject: str
    disabled: bool
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    created_at: int
    version: int


class Accounts:
    """The users of one Watchword, whose names are told apart without regard to case.

    The verbs raise ConfigurationError for a name that cannot be, is taken, or is nobody's.
    """

    def __init__(self, ww: Watchword, passwords: PasswordPool) -> None:
        self._ww = ww
        self._passwords = passwords

    async def add(self, name: str, password: str, *, roles: Iterable[str] = (), scopes: Iterable[str] = ()) -> Account:
        """A new user; the name is also the subject of the tokens. Raises: ConfigurationError for a weak password."""
        name, key, now = *_name(name), self._ww.clock.now()
        role, scope = words(roles, "roles"), words(scopes, "scopes")
        _ensure_short(role, scope)
        check_new_password(password)
        held = {
            "name": name,
            "password": await self._passwords.hashed(password),
            "disabled": False,
            "roles": role,
            "scopes": scope,
            "created_at": now,
        }
        record = Record(kind=RECORD, key=key, data=held, subject=name)
        try:
            await self._ww.store.put(record, audit=[Audit(name="user_added", at=now, subject=name)])
        except StoreConflictError:
            raise ConfigurationError(f"there is already a user {name!r}; to change the password use passwd") from None
        return _account(record)

    async def check(self, name: str, password: str) -> Account:
        """The account behind a name and password.

        An unknown name, a disabled account and a wrong password take the same work and raise the same
        InvalidCredentialsError. Raises also: RateLimitedError when too many are being checked.
        """
        record = await self._record(name)
        right = await self._passwords.matches(password, None if record is None else record.data["password"])
        if record is None or not right or record.data["disabled"]:
            raise InvalidCredentialsError
        return _account(record)

    async def ensure_unchanged(self, account: Account) -> None:
        """Raise InvalidCredentialsError if the account was changed since it was checked.

        To be asked after a session has started: a change that comes before this is seen here, and one that comes after
        revokes that session like every other.
        """
        record = await self._record(account.name)
        if record is None or record.version != account.version:
            raise InvalidCredentialsError

    async def set_password(self, name: str, password: str) -> Account:
        """Replace the password, and sign the user out everywhere; API keys live on."""
        check_new_password(password)
        hashed = await self._passwords.hashed(password)
        return await self._change(name, "password_changed", after="password", password=hashed)

    async def set_roles(self, name: str, roles: Iterable[str]) -> Account:
        """Give the user these roles and no others; nobody is signed out, and access tokens from before are dead."""
        role, record = words(roles, "roles"), await self._record(name)
        _ensure_short(role, [] if record is None else record.data["scopes"])
        account = await self._change(name, "user_roles_changed", roles=role)
        while True:  # of two changes side by side, the one that the account kept must be the last to be told
            await self._ww.roles.set(account.subject, account.roles)
            latest = await self._record(name)
            if latest is None or tuple(latest.data["roles"]) == account.roles:
                return account
            account = _account(latest)

    async def disable(self, name: str) -> Account:
        """No more sign-ins, and everything the user holds is dead: sessions, tokens, API keys."""
        return await self._change(name, "user_disabled", after="disabled", disabled=True)

    async def enable(self, name: str) -> Account:
        return await self._change(name, "user_enabled", disabled=False)

    async def list(self) -> list[Account]:
        """All users, oldest first."""
        return [_account(record) for record in await self._ww.store.find(RECORD, now=self._ww.clock.now(), limit=_ALL)]

    async def _record(self, name: str) -> Record | None:
        try:
            _, key = _name(name)
        except ConfigurationError:
            return None
        return await self._ww.store.get(RECORD, key, now=self._ww.clock.now())

    async def _change(self, name: str, audit: str, *, after: Word | None = None, **changes: Any) -> Account:
        """Write the change and, in the same transaction, the cut-off that the event matrix has for it."""
        for _ in range(ATTEMPTS):
            record, now = await self._record(name), self._ww.clock.now()
            if record is None:
                raise ConfigurationError(f"there is no user {name!a:.80}; 'watchword users list' shows who there is")
            changed = replace(record, data=dict(record.data) | changes)
            subject, sorts = str(record.subject), () if after is None else MATRIX[after].by
            events = [await cut_off(sort, subject, self._ww.api_keys, now=now) for sort in sorts]
            trail = [Audit(name=audit, at=now, subject=record.subject)]
            if await self._ww.store.swap(changed, version=record.version, events=events, audit=trail):
                await catch_up(self._ww.store, self._ww.view)
                if events:
                    await self._ww.api_keys.settle(subject)
                return _account(replace(changed, version=record.version + 1))
        raise StoreConflictError


def _ensure_short(roles: Sequence[str], scopes: Sequence[str]) -> None:
    if len(" ".join([*roles, *scopes])) > LONGEST_GRANT:
        raise ConfigurationError(
            f"roles and scopes take more than {LONGEST_GRANT} characters; no token would hold them"
        )


def _name(name: str) -> tuple[str, str]:
    """The name as it is shown and the key it is found by: NFC, and without regard to case."""
    shown = unicodedata.normalize("NFC", name[: 4 * LONGEST_NAME])  # a longer one fails, and costs no more than this
    if not 0 < len(shown) <= LONGEST_NAME or not shown.isprintable() or shown != shown.strip():
        raise ConfigurationError(
            f"a user name is 1 to {LONGEST_NAME} printable characters, without a space at either end"
        )
    return shown, folded(shown)


def _account(record: Record) -> Account:
    held = record.data
    return Account(
        name=held["name"],
        subject=str(record.subject),
        disabled=held["disabled"],
        roles=tuple(held["roles"]),
        scopes=tuple(held["scopes"]),
        created_at=held["created_at"],
        version=record.version,
    )
