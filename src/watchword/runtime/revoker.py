"""The revoker: one fact, written with its place in the feed, and heard here before the caller goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from ..errors import ConfigurationError, MalformedTokenError, StoreConflictError, WrongTypeError
from ..revocation.event import LONGEST_LIFE, Revocation, event
from ..revocation.feed import catch_up
from ..revocation.matrix import situation
from ..revocation.view import View
from ..stores.base import Audit, Event, Store
from ..tokens.api_keys import ApiKeys
from ..tokens.base import Authenticates, named
from ..tokens.roles import Roles
from ..tokens.sessions import Sessions


class Revoker:
    """Stops tokens of ``kinds``, and all that a session, family, subject, client, key or everything stands for.

    Parameters: drop_key: takes a revoked key off our own ring.
    """

    def __init__(
        self,
        store: Store,
        view: View,
        kinds: Sequence[Authenticates],
        *,
        api_keys: ApiKeys,
        sessions: Sessions,
        roles: Roles,
        drop_key: Callable[[str], None],
    ) -> None:
        self._store, self._view, self._clock = store, view, view.clock
        self._kinds, self._api_keys, self._sessions, self._roles = kinds, api_keys, sessions, roles
        self._drop_key = drop_key

    async def revoke(self, *, token: str | None, everything: bool, **names: str | None) -> Revocation:
        """As ``Watchword.revoke``: exactly one of the names, ``token`` or ``everything``."""
        chosen = [(what, value) for what, value in names.items() if value is not None]
        if (token is not None) + len(chosen) + (everything is True) != 1 or any(not value for _, value in chosen):
            raise ConfigurationError(
                "revoke takes exactly one of token=, session=, family=, subject=, client=, key=, everything=True"
            )
        what, value = chosen[0] if chosen else ("everything", "")
        if chosen:
            named(value, f"{what}=")
        if what == "subject":
            fact: Event | None = await cut_off(what, value, self._api_keys, now=self._clock.now())
        else:
            fact = event(what, value, now=self._clock.now()) if token is None else await self._stopping(token)
        done = await self._publish(fact)
        if what == "subject":
            await self._api_keys.settle(value)
        if what == "key":
            self._drop_key(value)
        return done

    async def subject_changed(
        self, subject: str, word: str, *, keep: str | None, roles: Iterable[str] | None, api_keys: bool
    ) -> Revocation:
        """As ``Watchword.subject_changed``: the row of the matrix, done."""
        row, now = situation(word, {"keep": keep, "roles": roles, "api_keys": api_keys}), self._clock.now()
        named(subject, "a subject")
        if row.by == ("roles",):
            return await (self._roles.changed(subject) if roles is None else self._roles.set(subject, roles))
        fact = await cut_off("subject" if api_keys else row.by[0], subject, self._api_keys, now=now)
        trail = [Audit(name="subject_changed", at=now, subject=subject, detail={"what": word, "by": fact.what})]
        spared = False
        with suppress(StoreConflictError):  # other writers kept winning: what matters is that the rest dies
            spared = keep is not None and await self._sessions.outlive(fact, keep, audit=trail)
        if not spared:
            await self._store.append(fact, audit=trail)
        await catch_up(self._store, self._view)
        await self._api_keys.settle(subject)
        return Revocation(seq=self._view.seq, acknowledged=("self",))

    async def _stopping(self, token: str) -> Event | None:
        fitting = [kind for kind in self._kinds if isinstance(token, str) and token.startswith(kind.kind.starts)]
        for kind in fitting[:-1]:
            with suppress(WrongTypeError):  # it begins as one of ours does, and is the other's
                return await kind.revocation_of(token)
        for kind in fitting[-1:]:
            return await kind.revocation_of(token)
        raise MalformedTokenError("no kind of token here begins like this one; a sealed one is stopped by sealed.void")

    async def _publish(self, fact: Event | None) -> Revocation:
        if fact is None:
            return Revocation(seq=await self._store.append(), acknowledged=("self",))
        about = {"what": fact.what, "value": fact.value}
        subject = fact.value if fact.what == "subject" else None
        seq = await self._store.append(fact, audit=[Audit(name="revoked", at=fact.at, subject=subject, detail=about)])
        await catch_up(self._store, self._view)
        return Revocation(seq=seq, acknowledged=("self",))


async def cut_off(sort: str, subject: str, api_keys: ApiKeys, *, now: int) -> Event:
    """A cut-off of a subject, remembered until the last that it stops has ended: an API key, where it ends those."""
    life = max(LONGEST_LIFE, await api_keys.remembered_for(subject)) if sort == "subject" else LONGEST_LIFE
    return event(sort, subject, now=now, life=life)
