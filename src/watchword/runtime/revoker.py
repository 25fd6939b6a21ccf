"""The revoker: one fact, written with its place in the feed, and heard here before the caller goes on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ..errors import ConfigurationError, MalformedTokenError, WrongTypeError
from ..revocation.event import LONGEST_LIFE, Revocation, event
from ..revocation.feed import catch_up
from ..revocation.view import View
from ..stores.base import Audit, Event, Store
from ..tokens.api_keys import ApiKeys
from ..tokens.base import Authenticates, named


class Revoker:
    """Stops tokens of ``kinds``, and all that a session, family, subject, client, key or everything stands for."""

    def __init__(self, store: Store, view: View, kinds: Sequence[Authenticates], api_keys: ApiKeys) -> None:
        self._store, self._view, self._clock = store, view, view.clock
        self._kinds, self._api_keys = kinds, api_keys

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
            return await self._subject(value)
        fact = event(what, value, now=self._clock.now()) if token is None else await self._stopping(token)
        return await self._publish(fact)

    async def _stopping(self, token: str) -> Event | None:
        fitting = [kind for kind in self._kinds if isinstance(token, str) and token.startswith(kind.kind.starts)]
        for kind in fitting[:-1]:
            with suppress(WrongTypeError):  # it begins as one of ours does, and is the other's
                return await kind.revocation_of(token)
        for kind in fitting[-1:]:
            return await kind.revocation_of(token)
        raise MalformedTokenError("no kind of token here begins like this one; a sealed one is stopped by sealed.void")

    async def _subject(self, subject: str) -> Revocation:
        """A cut-off is remembered until the last API key of the subject has ended, and ends their rows as well."""
        life = max(LONGEST_LIFE, await self._api_keys.remembered_for(subject))
        done = await self._publish(event("subject", subject, now=self._clock.now(), life=life))
        await self._api_keys.settle(subject)
        return done

    async def _publish(self, fact: Event | None) -> Revocation:
        if fact is None:
            return Revocation(seq=await self._store.append(), acknowledged=("self",))
        about = {"what": fact.what, "value": fact.value}
        subject = fact.value if fact.what == "subject" else None
        seq = await self._store.append(fact, audit=[Audit(name="revoked", at=fact.at, subject=subject, detail=about)])
        await catch_up(self._store, self._view)
        return Revocation(seq=seq, acknowledged=("self",))
