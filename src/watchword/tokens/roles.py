"""The roles a subject has now: set in one place, and followed by everything that carries a copy of them.

One transaction writes the new roles and a fact to the feed. Where that is heard, a token that carries its own copy (an
access token) from before is dead, and a row that carries one (a session, a refresh family) is read with the new roles:
nobody is signed out, and what is minted from it next is right. The row itself is written at its next change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from msgspec.structs import replace

from ..clock import Clock
from ..crypto.digest import digest
from ..errors import StoreConflictError, TokenRevokedError
from ..revocation.event import LONGEST_LIFE, MARGIN, Revocation, event
from ..revocation.feed import catch_up
from ..revocation.view import View
from ..stores.base import Audit, Record, Store
from ..stores.whole import read
from .base import named, words
from .rows import ROLES

RECORD = "roles"
ATTEMPTS = 50


class _Keys(Protocol):
    async def remembered_for(self, subject: str) -> int: ...

    async def settle(self, subject: str) -> int: ...


class Roles:
    """What each subject's roles are, from the last ``set`` on. They need not be set here to be used in tokens.

    Parameters: api_keys: may carry roles as well, and outlive what is remembered of a change; so those are ended.
    """

    def __init__(self, store: Store, view: View, clock: Clock, *, api_keys: _Keys) -> None:
        self._store, self._view, self._clock, self._api_keys = store, view, clock, api_keys

    async def set(self, subject: str, roles: Iterable[str]) -> Revocation:
        """From now on ``subject`` has these roles and no others; call it after your own record has changed.

        Returns after the fact is durable and this process applies it; other processes follow within ``max_staleness``.
        Sessions have the new roles. Refresh families lose what was taken away, and are never widened. Access tokens
        from before are refused; the next one from the session or family is right. Raises: UnavailableError, and then
        nothing has changed.
        """
        return await self._write(subject, words(roles, "roles"))

    async def changed(self, subject: str) -> Revocation:
        """The roles of ``subject`` are others than they were, and it is not said here which.

        As ``set``, but who carries any has to sign in again: such a session and refresh family is dead, too. One that
        carries none goes on without.
        """
        return await self._write(subject, None)

    async def _write(self, subject: str, roles: list[str] | None) -> Revocation:
        held, key = {"roles": roles}, _key(named(subject, "a subject"))
        life = max(LONGEST_LIFE, await self._api_keys.remembered_for(subject))
        for _ in range(ATTEMPTS):
            now = self._clock.now()
            record = await read(self._store, RECORD, key, ROLES, now=now)
            if record is None:
                await self._make_room(key, now)
            elif await self._store.swap(
                replace(record, data=held, expires_at=now + life + MARGIN),
                version=record.version,
                events=[event("roles", subject, now=now, life=life)],
                audit=[Audit(name="roles_set", at=now, subject=subject, detail=held)],
            ):
                await catch_up(self._store, self._view)
                await self._api_keys.settle(subject)
                return Revocation(seq=await self._store.append(), acknowledged=("self",))
        raise StoreConflictError

    async def of(self, subject: str) -> frozenset[str] | None:
        """The roles that were set last; None when none were, or so long ago that nothing from before is left."""
        roles = await _current(self._store, subject, self._clock.now())
        return None if roles is None else frozenset(roles)

    async def _make_room(self, key: str, now: int) -> None:
        """A row that says nothing yet: only a swap writes a row and a fact together."""
        try:
            await self._store.put(Record(kind=RECORD, key=key, data={"roles": None}, expires_at=now + LONGEST_LIFE))
        except StoreConflictError:  # somebody was quicker, or the old one has expired and is still there
            await self._store.purge(now=now)


async def with_roles(store: Store, record: Record, changed: str, now: int, *, widen: bool) -> Record:
    """The row with its subject's roles as of ``changed``, the feed position that ``View.roles_changed`` gave.

    The view must have passed the row's credential after it gave the position: the row takes that position for its own,
    and no cut-off before it will be looked at again. Not ``widen``: the roles that it had, as far as they are left.
    Raises: TokenRevokedError when the roles of now are not known.
    """
    roles = await _current(store, str(record.subject), now)
    if roles is None and record.data["roles"]:
        raise TokenRevokedError("the roles of this subject changed, and nobody knows to what; sign in again")
    known = roles or []
    kept = known if widen else [role for role in record.data["roles"] if role in known]
    return replace(record, data=dict(record.data) | {"roles": kept, "rev": changed})


async def _current(store: Store, subject: str, now: int) -> list[str] | None:
    record = await read(store, RECORD, _key(subject), ROLES, now=now)
    return None if record is None else record.data["roles"]


def _key(subject: str) -> str:
    return digest(RECORD, subject.encode())
