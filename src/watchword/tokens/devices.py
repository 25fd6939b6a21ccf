"""devices: where a subject is signed in, sessions and refresh families together, for the page that ends them."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from ..clock import Clock, SystemClock
from ..encoding import neighbourhood
from ..revocation.event import event
from ..revocation.feed import catch_up
from ..revocation.view import View
from ..stores.base import Audit, Store


class Device(Struct, frozen=True, kw_only=True):
    """One place where a subject is signed in: a session with the refresh families that hang on it, or a family alone.

    ``handle`` names it and opens nothing. Times are seconds since 1970.
    """

    handle: str
    """A ``session_id`` or a ``family_id``."""
    kind: Literal["session", "refresh"]
    label: str | None
    created_at: int
    last_seen: int
    """A session writes it once a minute, a family when it is rotated."""
    expires_at: int
    """When it ends if nothing more is heard of it."""
    address: str | None
    """The network that the address of the sign-in is in: /24, or /56 of IPv6."""
    client_id: str | None
    current: bool


class _Sessions(Protocol):
    async def list(self, subject: str) -> Sequence[Any]: ...

    async def end(self, session_id: str) -> bool: ...


class _Families(Protocol):
    async def list(self, subject: str) -> Sequence[Any]: ...


class Devices:
    """The list of devices; it keeps nothing of its own: ``Devices(store, sessions, refresh)``."""

    def __init__(
        self,
        store: Store,
        sessions: _Sessions,
        refresh: _Families,
        *,
        view: View | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._refresh = refresh
        self._view = view
        self._clock = clock or (view.clock if view is not None else SystemClock())

    async def list(self, subject: str, *, current: str | None = None) -> list[Device]:
        """Where ``subject`` is signed in, oldest first. ``current``: ``session_id`` or ``family_id`` of who asks."""
        sessions, families = await self._sessions.list(subject), await self._refresh.list(subject)
        own = {info.session_id for info in sessions}
        found = [_family(one, current) for one in families if one.session_id not in own]
        for info in sessions:
            found.append(_session(info, [one for one in families if one.session_id == info.session_id], current))
        return sorted(found, key=lambda device: device.created_at)

    async def end(self, subject: str, handle: str) -> bool:
        """Sign one device of ``subject`` out, with all of its tokens. False for a handle that is not the subject's."""
        for device in await self.list(subject):
            if device.handle == handle:
                return await self._end(subject, device)
        return False

    async def end_all(self, subject: str, *, keep: str | None = None) -> int:
        """Sign all devices of ``subject`` out, but for the one that ``keep`` names; returns how many."""
        others = [device for device in await self.list(subject, current=keep) if not device.current]
        return sum([await self._end(subject, device) for device in others])

    async def _end(self, subject: str, device: Device) -> bool:
        if device.kind == "session":
            return await self._sessions.end(device.handle)
        now, detail = self._clock.now(), {"what": "family", "value": device.handle}
        audit = [Audit(name="revoked", at=now, subject=subject, detail=detail)]
        await self._store.append(event("family", device.handle, now=now), audit=audit)
        if self._view is not None:
            await catch_up(self._store, self._view)
        return True


def _session(info: Any, families: builtins.list[Any], current: str | None) -> Device:
    return Device(
        handle=info.session_id,
        kind="session",
        label=info.device,
        created_at=info.created_at,
        last_seen=max([info.last_seen, *(one.rotated_at for one in families)]),
        expires_at=info.expires_at,
        address=neighbourhood(info.ip),
        client_id=None,
        current=current is not None and current in {info.session_id, *(one.family_id for one in families)},
    )


def _family(info: Any, current: str | None) -> Device:
    return Device(
        handle=info.family_id,
        kind="refresh",
        label=info.device,
        created_at=info.created_at,
        last_seen=info.rotated_at,
        expires_at=info.expires_at,
        address=neighbourhood(info.ip),
        client_id=info.client_id,
        current=current == info.family_id,
    )
