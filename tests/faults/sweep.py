"""F-50: call n of an operation to the store fails, for every n, every operation and every way in which a call can fail.

Whatever fails: nobody is granted what he was not, and what each credential opens is as before the operation or as after
it; of an operation of several transactions each part is. Nothing but a WatchwordError comes out, or the cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.properties.nodes import Quiet, run
from watchword import app
from watchword.clock import FrozenClock
from watchword.errors import StoreConflictError, StoreUnavailableError, UnavailableError, WatchwordError
from watchword.revocation.feed import catch_up

RESET = "password-reset"
KINDS: dict[str, tuple[bool, type[BaseException]]] = {
    "unavailable": (False, StoreUnavailableError),
    "answer lost": (True, StoreUnavailableError),
    "conflict": (False, StoreConflictError),
    "cancelled": (False, asyncio.CancelledError),
    "cancelled after": (True, asyncio.CancelledError),
}
"""name -> (whether the call took effect, what is raised)."""


class Failing:
    """A store whose call number ``at`` fails. It counts the calls of its verbs."""

    suspends = pulls_inline = pushes = False
    lasts = True
    keys_beside: Path | None = None

    def __init__(self, inner: Any) -> None:
        self.inner, self.calls, self.at, self.kind = inner, 0, -1, ""

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def fail(self, at: int, kind: str) -> None:
        self.calls, self.at, self.kind = 0, at, kind

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self.inner, name)
        if not asyncio.iscoroutinefunction(verb):
            return verb

        async def called(*positional: Any, **named: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            done, error = KINDS.get(self.kind, (False, StoreUnavailableError))
            if number == self.at and not done:
                raise error
            answer = await verb(*positional, **named)
            if number == self.at:
                raise error
            return answer

        return called


Held = dict[str, str]
"""What a subject holds: name -> token or id."""


async def hold(ww: Any, who: str) -> Held:
    """One of everything."""
    await ww.roles.set(who, ["user"])
    session = await ww.sessions.start(who, roles=["user"])
    other = await ww.sessions.start(who)
    first = await ww.refresh.issue(who, client_id="c", session_id=session.session_id, rev=session.rev)
    second = await ww.refresh.rotate(first.token)
    strict = await ww.refresh.issue(who, client_id="c")
    access = ww.access.issue(who, session_id=session.session_id, family_id=first.family_id, rev=session.rev)
    opaque = await ww.opaque_access.issue(who)
    key = await ww.api_keys.issue(who)
    await ww.api_keys.authenticate(key.token)
    link = await ww.one_time.issue(who, purpose=RESET)
    sealed = ww.sealed.seal({"n": 1}, purpose="payment", bound_to=who)
    ended, stopped, gone = await ww.sessions.start(who), await ww.api_keys.issue(who), await ww.opaque_access.issue(who)
    used = await ww.one_time.issue(who, purpose="magic-link")
    await ww.sessions.end(ended.token)
    await ww.api_keys.revoke(stopped.token)
    await ww.opaque_access.revoke(gone.token_id)
    await ww.one_time.redeem(used.token, purpose="magic-link")
    return {
        "ended": ended.token,
        "stopped": stopped.token,
        "gone": gone.token,
        "used": used.token,
        "who": who,
        "session": session.token,
        "session id": str(session.session_id),
        "other": other.token,
        "spent": first.token,
        "refresh": second.token,
        "family": str(first.family_id),
        "alone": strict.token,
        "access": access.token,
        "opaque": opaque.token,
        "opaque id": opaque.token_id,
        "key": key.token,
        "link": link.token,
        "sealed": sealed.token,
    }


Act = Callable[[Any, Held], Coroutine[Any, Any, Any]]


async def _late(ww: Any, held: Held) -> Any:
    """A minute later, so that it is touched."""
    ww.clock.advance(60)
    await catch_up(ww.store, ww.view)
    return await ww.sessions.authenticate(held["session"])


async def _reuse(ww: Any, held: Held) -> Any:
    ww.clock.advance(60)
    await catch_up(ww.store, ww.view)
    return await ww.refresh.rotate(held["spent"])


ACTS: dict[str, Act] = {
    "start a session": lambda ww, h: ww.sessions.start(h["who"]),
    "start one for another": lambda ww, h: ww.sessions.start(h["who"], replaces=h["other"]),
    "authenticate a session": lambda ww, h: ww.sessions.authenticate(h["session"]),
    "touch a session": _late,
    "update a session": lambda ww, h: ww.sessions.update(h["session"], data={"a": 1}),
    "rotate a session": lambda ww, h: ww.sessions.rotate(h["session"]),
    "list sessions": lambda ww, h: ww.sessions.list(h["who"]),
    "end a session": lambda ww, h: ww.sessions.end(h["session"]),
    "end all sessions": lambda ww, h: ww.sessions.end_all(h["who"]),
    "issue a family": lambda ww, h: ww.refresh.issue(h["who"], client_id="c"),
    "rotate a refresh token": lambda ww, h: ww.refresh.rotate(h["refresh"]),
    "rotate it again": lambda ww, h: ww.refresh.rotate(h["spent"]),
    "reuse one": _reuse,
    "list families": lambda ww, h: ww.refresh.list(h["who"]),
    "issue an opaque token": lambda ww, h: ww.opaque_access.issue(h["who"]),
    "introspect one": lambda ww, h: ww.opaque_access.introspect(h["opaque"]),
    "revoke one": lambda ww, h: ww.opaque_access.revoke(h["opaque id"]),
    "issue an API key": lambda ww, h: ww.api_keys.issue(h["who"]),
    "authenticate one": lambda ww, h: ww.api_keys.authenticate(h["key"]),
    "rotate an API key": lambda ww, h: ww.api_keys.rotate(h["key"]),
    "replace an API key": lambda ww, h: ww.api_keys.rotate(h["key"], overlap=timedelta(0)),
    "revoke an API key": lambda ww, h: ww.api_keys.revoke(h["key"]),
    "note last uses": lambda ww, h: ww.api_keys.flush(),
    "issue a link": lambda ww, h: ww.one_time.issue(h["who"], purpose=RESET),
    "redeem a link": lambda ww, h: ww.one_time.redeem(h["link"], purpose=RESET, effect=lambda _: None),
    "void a link": lambda ww, h: ww.one_time.void(h["who"], purpose=RESET),
    "shorten a link": lambda ww, h: ww.one_time.set_lifetime(h["who"], purpose=RESET, lifetime=timedelta(seconds=9)),
    "redeem a sealed token": lambda ww, h: ww.sealed.redeem(h["sealed"], purpose="payment", bound_to=h["who"]),
    "redeem it with an effect": lambda ww, h: ww.sealed.redeem(
        h["sealed"], purpose="payment", bound_to=h["who"], effect=lambda _: None
    ),
    "void a sealed token": lambda ww, h: ww.sealed.void(h["sealed"], purpose="payment", bound_to=h["who"]),
    "set roles": lambda ww, h: ww.roles.set(h["who"], ["admin"]),
    "show an ended session": lambda ww, h: ww.sessions.authenticate(h["ended"]),
    "show a revoked API key": lambda ww, h: ww.api_keys.authenticate(h["stopped"]),
    "show a revoked opaque token": lambda ww, h: ww.opaque_access.authenticate(h["gone"]),
    "redeem a used link": lambda ww, h: ww.one_time.redeem(h["used"], purpose="magic-link"),
    "list devices": lambda ww, h: ww.devices.list(h["who"]),
    "end all devices": lambda ww, h: ww.devices.end_all(h["who"]),
    "revoke a token": lambda ww, h: ww.revoke(token=h["access"]),
    "revoke a session": lambda ww, h: ww.revoke(session=h["session id"]),
    "revoke a family": lambda ww, h: ww.revoke(family=h["family"]),
    "revoke a subject": lambda ww, h: ww.revoke(subject=h["who"]),
}
LOOKS: dict[str, Act] = {
    "session": lambda ww, h: ww.sessions.authenticate(h["session"]),
    "other": lambda ww, h: ww.sessions.authenticate(h["other"]),
    "refresh": lambda ww, h: ww.refresh.authenticate(h["refresh"]),
    "alone": lambda ww, h: ww.refresh.authenticate(h["alone"]),
    "access": lambda ww, h: ww.access.authenticate(h["access"]),
    "opaque": lambda ww, h: ww.opaque_access.authenticate(h["opaque"]),
    "key": lambda ww, h: ww.api_keys.authenticate(h["key"]),
    "link": lambda ww, h: ww.one_time.look(h["link"], purpose=RESET),
}
"""What each credential opens, asked without changing anything."""
ROWS = ("session", "refresh", "opaque_access", "api_key", "one_time_slot", "sealed")
IN_PARTS = {
    "end all sessions",
    "end all devices",
    "revoke a subject",
    "set roles",
    "redeem it with an effect",
    "void a sealed token",
}
"""Of several transactions: what is left after a failure is as before in some, and as after in others."""


@dataclass
class Figures:
    """What a sweep found: points tried, and the faults of ours, each with its words."""

    points: int = 0
    failed: list[str] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)


class Place:
    """Two processes on one store: one that meets the faults, and one that looks at what is left."""

    def __init__(self, inner: Any, keys: Path) -> None:
        self.inner = inner
        self.clock = FrozenClock()
        self.names = self.head = 0
        self.store = Failing(inner)
        self.ww, self.onlooker = self._node(self.store, keys), self._node(Failing(inner), keys)

    def _node(self, store: Failing, keys: Path) -> Quiet:
        with patch.object(app, "open_store", lambda url, **more: store):
            ww = Quiet(
                "memory:",
                issuer="https://as.test",
                audience="https://api.test",
                keys=keys,
                clock=self.clock,
                one_time_every=timedelta(0),
            )
        run(ww.open())
        return ww

    def hold(self) -> Held:
        self.names += 1
        self.clock.advance(1)
        run(catch_up(self.ww.store, self.ww.view))
        held = dict(run(hold(self.ww, f"user-{self.names}")))
        self.head = run(self.inner.append())
        return held

    def act(self, act: Act, held: Held) -> Any:
        try:
            return run(act(self.ww, held))
        except (WatchwordError, asyncio.CancelledError) as error:
            return error

    def look(self, held: Held) -> dict[str, object]:
        """What the onlooker makes of each credential, and what there is: rows by state, the trail, the feed."""
        run(catch_up(self.onlooker.store, self.onlooker.view))
        for near in (self.onlooker.api_keys.near, self.onlooker.opaque_access.near):
            near._young, near._old = {}, {}
        seen: dict[str, object] = {name: self._seen(look, held) for name, look in LOOKS.items()}
        for kind in ROWS:
            rows = run(self.inner.find(kind, now=self.clock.now(), subject=held["who"]))
            seen[f"{kind} rows"] = sorted(row.data["state"] for row in rows)
        seen["trail"] = [row.name for row in run(self.inner.audited(subject=held["who"]))]
        seen["feed"] = run(self.inner.append()) - self.head
        return seen

    def _seen(self, look: Act, held: Held) -> str:
        try:
            run(look(self.onlooker, held))
        except WatchwordError as error:
            return type(error).__name__
        return "good"


def points(place: Place, name: str) -> Iterator[tuple[int, str, Held]]:
    """Every call of an operation, and every way in which it can fail, each for somebody new."""
    held = place.hold()
    place.store.fail(-1, "")
    place.act(ACTS[name], held)
    for number in range(place.store.calls):
        for kind in KINDS:
            yield number, kind, place.hold()


def sweep(place: Place, figures: Figures, names: Iterable[str] = tuple(ACTS)) -> Figures:
    """Go through all the points; what is not as it should be stands in ``failed``."""
    for name in names:
        held = place.hold()
        before = place.look(held)
        place.store.fail(-1, "")
        well = place.act(ACTS[name], held)
        assert not isinstance(well, UnavailableError), (name, well)
        refused = isinstance(well, BaseException)
        after = place.look(held)
        for number, kind, mine in points(place, name):
            figures.points += 1
            place.store.fail(number, kind)
            point = f"{name}, call {number}, {kind}"
            try:
                found = place.act(ACTS[name], mine)
            except Exception as error:  # noqa: BLE001 - it is what is looked for
                figures.failed.append(f"{point}: raised {error!r}")
                continue
            place.store.fail(-1, "")
            said = type(found).__name__ if isinstance(found, BaseException) else "answered"
            figures.errors[said] = figures.errors.get(said, 0) + 1
            left = place.look(mine)
            if said == "answered" and (refused or left != after):
                figures.failed.append(f"{point}: answered; {_apart(left, after)}")
            elif name not in IN_PARTS and left not in (before, after):
                figures.failed.append(f"{point}: {said}, and half done: {_apart(left, before)}; {_apart(left, after)}")
            for what in LOOKS:
                if left[what] not in (before[what], after[what]):
                    figures.failed.append(f"{point}: {what} is {left[what]}, as neither before nor after")
    return figures


def _apart(left: dict[str, object], other: dict[str, object]) -> str:
    return ", ".join(f"{what} {left[what]} not {other[what]}" for what in left if left[what] != other[what])
