"""The watcher of open websockets: one for each Auth and event loop, woken by the view and by the next thing to end.

A handshake is authenticated once, and the socket may live for hours. The watcher ends it when its credential ends:

- what the view hears is held against all open sockets in one pass, in memory;
- at the time when a credential ends, it is presented again: a session may have been used meanwhile, and goes on;
- without a lease (it ran out, and cannot be renewed) a socket goes the way of a request to its route.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import AbstractEventLoop, Task, TimerHandle
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ..app import Watchword
from ..authn.authenticator import Authenticator
from ..errors import (
    StaleRevocationError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
    WatchwordError,
)
from ..principal import Principal
from ..revocation.event import is_notice
from ..revocation.stale import asked
from ..stores.base import Event
from ..tokens.base import KINDS

if TYPE_CHECKING:
    from .sockets import Socket

log = logging.getLogger("watchword.integrations")

LOOK_AGAIN = 5.0
"""Seconds between two looks at what no view here speaks of: a caller of another issuer, or any where nothing is kept
(``max_staleness`` 0)."""
LEAST = 1.0
"""Seconds until the next look at a credential that is good although its time has come: within a leeway."""
AT_ONCE = 100
"""Credentials that are presented again at the same time, at most."""
_ROLES = "the roles of the subject have changed; connect again"
_SHORTEST, _LONGEST = 0.01, 3600.0


class Watchers:
    """Those of one Auth, by event loop. There is one while sockets are open there, and none otherwise."""

    def __init__(self, ww: Watchword, authenticator: Authenticator) -> None:
        self._ww, self._authenticator = ww, authenticator
        self._by_loop: dict[AbstractEventLoop, Watcher] = {}

    def here(self) -> Watcher:
        """The watcher of the running loop."""
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            found = self._by_loop[loop] = Watcher(self._ww, self._authenticator, loop)
        return found

    def position(self) -> tuple[str, int]:
        """How far the view has heard."""
        return self._ww.view.epoch, self._ww.view.seq

    def drop(self, socket: Socket) -> None:
        """It is watched no longer; with the last socket the watcher goes."""
        loop = asyncio.get_running_loop()
        watcher = self._by_loop.get(loop)
        if watcher is not None and watcher.drop(socket):
            del self._by_loop[loop]

    def __len__(self) -> int:
        return len(self._by_loop)


class Watcher:
    """All open sockets of one loop."""

    def __init__(self, ww: Watchword, authenticator: Authenticator, loop: AbstractEventLoop) -> None:
        self._ww, self._view, self._clock = ww, ww.view, ww.view.clock
        self._authenticator, self._loop = authenticator, loop
        self._open: dict[Socket, None] = {}
        self._timer: TimerHandle | None = None
        self._next = float("inf")
        """When the first credential is to be presented again."""
        self._vouched = float("-inf")
        """The end of the last lease that was seen; until then what was heard under it is good."""
        self._woken = self._keys = self._late = False
        """A pass is due; a key was revoked, or may have been; the last pass had no lease, and is due again with one."""
        self._tasks: set[Task[None]] = set()
        self._view.listen(self._heard)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, socket: Socket) -> None:
        """From now on. What was heard while its caller was being judged may have come too late for that."""
        self._open[socket] = None
        self._plan(socket)
        self._fresh()
        if socket.heard != (now := (self._view.epoch, self._view.seq)) and not socket.asked:
            self._begin([socket])
        socket.heard = now
        self._arm()

    def drop(self, socket: Socket) -> bool:
        """Whether it was the last."""
        self._open.pop(socket, None)
        if self._open:
            return False
        self._view.mute(self._heard)
        if self._timer is not None:
            self._timer.cancel()
        return True

    def _heard(self, events: Sequence[Event], anew: bool) -> None:
        """From the view, in any thread."""
        if anew or any(not is_notice(one.what) for one in events):
            self._keys = self._keys or anew or any(one.what == "key" for one in events)
            if not self._woken:
                self._woken = True
                with suppress(RuntimeError):  # the loop is closed, and its sockets with it
                    self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        """One pass over all sockets."""
        self._woken = False  # first: what is heard from here on in another thread calls for the next pass
        keys, self._keys = self._keys, False
        fresh, at, due = self._fresh(), self._clock.monotonic(), []
        self._keys, self._late, self._next = self._keys or (keys and not fresh), not fresh, float("inf")
        for one in tuple(self._open):
            try:
                stands = self._stands(one, fresh, at)
            except WatchwordError as error:
                self._end(one, error)
                continue
            if one.asked:
                continue
            if not stands or at >= one.look_at or (keys and fresh and _is_signed(one.who)):
                due.append(one)
            else:
                self._next = min(self._next, one.look_at)
        if due:
            self._begin(due)
        self._arm()

    def _stands(self, one: Socket, fresh: bool, at: float) -> bool:
        """By what is known here; False: it has to be presented again.

        Raises: TokenRevokedError, StaleRevocationError.
        """
        who, view = one.who, self._view
        if who is None or who.issuer is not None:
            return True  # of another issuer: it is presented again and again
        view.hold_to_known(who, None)
        if fresh and who.kind == "session" and view.roles_changed(who) is not None:
            raise TokenRevokedError(_ROLES)
        if fresh or at < self._vouched:
            return True
        if one.word == "open" and KINDS[who.kind].opens and at < self._vouched + view.open_for:
            return True
        if not view.asks(one.word):  # refused here, so that thousands do not each try a store that is silent
            raise StaleRevocationError(f"no word about revocations for {view.max_staleness:g} s: the socket is closed")
        return one.look_at <= at + self._pause

    @property
    def _pause(self) -> float:
        return self._view.max_staleness or LOOK_AGAIN

    def _begin(self, due: Sequence[Socket]) -> None:
        for one in due:
            one.asked = True
        task = self._loop.create_task(self._present_all(due), name="watchword-sockets")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _present_all(self, due: Sequence[Socket]) -> None:
        for first in range(0, len(due), AT_ONCE):
            await asyncio.gather(*map(self._present, due[first : first + AT_ONCE]))
        self._arm()

    async def _present(self, one: Socket) -> None:
        try:
            one.who = await self._again(one)
        except WatchwordError as error:
            self._end(one, error)
        except Exception:  # whatever it was, nobody knows now whether the socket may go on
            log.exception("an open websocket could not be judged")
            self._end(one, StaleRevocationError("nobody could say whether this websocket may go on"))
        else:
            one.asked = False
            self._plan(one, LEAST)

    async def _again(self, one: Socket) -> Principal:
        """As a request would, but a session is not kept alive by a socket that is open."""
        who = one.who
        if who is None or who.kind != "session":
            found = await self._authenticator.authenticate(one.connection, on_stale=one.word)
            if found is None:
                raise TokenNotFoundError("the handshake presented nothing")
            return found
        judge = await asked(self._view, who, on_stale=one.word)
        if judge is not None:
            judge.check(who)
            if judge.roles_changed(who) is not None:
                raise TokenRevokedError(_ROLES)
        if self._clock.now() < who.expires_at:
            return who
        for info in await self._ww.sessions.list(who.subject):
            if info.session_id == who.session_id:
                return replace(who, expires_at=info.expires_at)
        raise TokenExpiredError("the session has ended by time; sign in again", claim="exp")

    def _plan(self, one: Socket, least: float = 0.0) -> None:
        """When to look at it again."""
        who, at = one.who, self._clock.monotonic()
        if who is None:
            return
        left = max(who.expires_at - self._clock.now(), least)
        if who.issuer is not None:
            left = min(left, LOOK_AGAIN)
        elif self._view.asks(one.word):
            left = min(left, self._pause)
        one.look_at = at + left
        self._next = min(self._next, one.look_at)

    def _end(self, one: Socket, error: WatchwordError) -> None:
        log.info("an open websocket is closed: %s: %s", error.reason, error)
        self._open.pop(one, None)
        one.end(error)

    def _fresh(self) -> bool:
        """Whether there is a lease, pulled inline where that is possible."""
        with suppress(WatchwordError):
            self._view.ensure_fresh()
        if self._view.fresh():
            self._vouched = self._view.lease_until
            return True
        return False

    def _arm(self) -> None:
        """One timer: for the next credential, or the end of the lease, or of an open window, whichever is first."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._open:
            at = self._clock.monotonic()
            ends = (end for end in (self._vouched, self._vouched + self._view.open_for) if end > at)
            delay = min((self._next, *ends)) - at
            self._timer = self._loop.call_later(min(max(delay, _SHORTEST), _LONGEST), self._on_time)

    def _on_time(self) -> None:
        """Nothing to do where the lease was renewed meanwhile and nobody's time has come."""
        self._timer = None
        if self._fresh() and not self._late and self._clock.monotonic() < self._next:
            self._arm()
        else:
            self._look()


def _is_signed(who: Principal | None) -> bool:
    """Whether a key vouches for it, so that it ends with the key."""
    return who is not None and KINDS[who.kind].use is not None
