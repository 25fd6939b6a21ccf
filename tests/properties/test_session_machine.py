"""Sessions as a state machine over two processes on one store, each with its records near (I4, I12, I13).

Times, rotation, replacement, restarts; no old token is ever good. What one process writes, the other may not know until
it hears the feed, and for ``BOUND`` at most; what it reads from the store it knows at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from msgspec import Struct

from tests.properties.house import SUBJECTS, House
from watchword.errors import TokenError
from watchword.principal import Principal
from watchword.revocation.feed import catch_up_now
from watchword.revocation.view import View
from watchword.tokens.base import Issued
from watchword.tokens.session_rows import TOUCH_EVERY
from watchword.tokens.sessions import Sessions

WHO = st.sampled_from(SUBJECTS)
NODE = st.sampled_from([0, 1])
CHANGE = st.sampled_from(["rotate", "update", "end"])
BOUND = 90
"""So long that the steps of the house end within it: a copy is still kept when its end is due."""


class Change(Struct):
    """What the other process may not have heard of."""

    by: int
    at: float
    in_the_row: bool = True


class Told(Struct):
    session_id: str
    subject: str
    token: str
    old: list[str]
    idle: int
    absolute_at: int
    asked_at: int
    """When it was last seen by a request, whether or not that was written."""
    data: list[dict[str, int]]
    """All that it has been; the last is what it is."""
    dead: bool = False
    changes: list[Change] = []


class SessionsMachine(House):
    def build(self) -> None:
        hours = [timedelta(hours=n) for n in (1, 2, 12)]  # short lives, so that their ends are reached
        second = View(clock=self.clock)
        second.pull = lambda: catch_up_now(self.store, second)
        self.views = [self.view, second]
        for view in self.views:
            view.max_staleness = BOUND
            catch_up_now(self.store, view)
        self.nodes = [
            Sessions(self.store, view=view, idle=hours[0], absolute=hours[1], remember=hours[2]) for view in self.views
        ]
        for one in getattr(self, "told", []):
            one.changes = []

    @initialize()
    def begin(self) -> None:
        self.told: list[Told] = []

    def changed(self, one: Told, node: int, *, in_the_row: bool = True) -> None:
        one.changes.append(Change(node, self.clock.monotonic(), in_the_row))

    def may_lag(self, one: Told, node: int, *, current: bool = False) -> bool:
        """Whether this process may not know; ``current``: it reads the row."""
        now = self.clock.monotonic()
        return any(
            change.by != node and now < change.at + BOUND and not (current and change.in_the_row)
            for change in one.changes
        )

    def surely_dead(self, one: Told, node: int, *, current: bool = False) -> bool:
        now = self.clock.now()
        ended = now >= one.absolute_at or now >= one.asked_at + one.idle
        return ended or (one.dead and not self.may_lag(one, node, current=current))

    def surely_alive(self, one: Told) -> bool:
        """``last_seen`` may lag by TOUCH_EVERY, so a session may end so much early, and never late."""
        now = self.clock.now()
        return not one.dead and now < one.absolute_at and now < one.asked_at + one.idle - TOUCH_EVERY

    def draw(self, data: st.DataObject) -> Told | None:
        return data.draw(st.sampled_from(self.told)) if self.told else None

    def judge(self, found: Any, one: Told, node: int, *, current: bool = False) -> bool:
        """Whether it was let in, which must be as it should."""
        refused = isinstance(found, type) and issubclass(found, TokenError)
        assert not (refused and self.surely_alive(one)), (found, one)
        assert refused or not self.surely_dead(one, node, current=current), (found, one)
        one.dead = one.dead or refused
        if not refused and not one.dead:
            one.asked_at = self.clock.now()
        return not refused

    @rule(subject=WHO, remember=st.booleans(), replaced=st.none() | st.integers(0, 5), node=NODE)
    def start(self, subject: str, remember: bool, replaced: int | None, node: int) -> None:
        catch_up_now(self.store, self.views[node])  # or a cut-off that it has not heard of would end the new one, too
        before = self.told[replaced] if replaced is not None and replaced < len(self.told) else None
        now, replaces = self.clock.now(), None if before is None else before.session_id
        stood = len(self.ask(self.store.find("session", now=now, group=replaces))) if replaces else 0
        living = before is not None and stood and self.has_live_row(before)
        found = self.ask(self.nodes[node].start(subject, remember=remember, replaces=replaces))
        assert isinstance(found, Issued)
        if before is not None:
            before.dead = True
            self.changed(before, node)
            self.changes += ["session_ended"] if living else []
        idle, absolute = (43_200, 43_200) if remember else (3600, 7200)
        fresh = Told(str(found.session_id), subject, found.token, [], idle, now + absolute, now, [{}])
        self.told.append(fresh)
        self.secrets.append(found.token)
        self.changes.append("session_started")

    def has_live_row(self, one: Told) -> bool:
        rows = self.ask(self.store.find("session", now=self.clock.now(), group=one.session_id))
        return any(row.data["state"] == "live" for row in rows)

    @rule(data=st.data(), node=NODE, current=st.booleans())
    def authenticate(self, data: st.DataObject, node: int, current: bool) -> None:
        if (one := self.draw(data)) is not None:
            self.present(one, node, current=current)

    @rule(node=NODE)
    def everybody_asks(self, node: int) -> None:
        for one in self.told:
            self.present(one, node, current=False)

    def present(self, one: Told, node: int, *, current: bool) -> None:
        found = self.ask(self.nodes[node].authenticate(one.token, current=current))
        if self.judge(found, one, node, current=current):
            assert isinstance(found, Principal)
            assert (found.subject, found.session_id) == (one.subject, one.session_id)
            lags = self.may_lag(one, node, current=current)
            assert dict(found.claims) in (one.data if lags else one.data[-1:])

    @rule(data=st.data(), node=NODE, change=CHANGE)
    def change(self, data: st.DataObject, node: int, change: str) -> None:
        if (one := self.draw(data)) is not None:
            getattr(self, f"do_{change}")(one, node)

    @rule(data=st.data(), node=NODE, change=CHANGE, heard=st.booleans(), seconds=st.sampled_from([0, 1, 59, 60, 90]))
    def change_what_is_kept_there(self, data: st.DataObject, node: int, change: str, heard: bool, seconds: int) -> None:
        if (one := self.draw(data)) is not None:
            there = 1 - node
            self.present(one, there, current=False)
            getattr(self, f"do_{change}")(one, node)
            self.clock.advance(seconds)
            if heard:
                self.hear(there)
            self.present_an_old_token(there)
            self.present(one, there, current=False)

    def do_rotate(self, one: Told, node: int) -> None:
        found = self.ask(self.nodes[node].rotate(one.token))
        if self.judge(found, one, node, current=True):
            one.old.append(one.token)
            one.token = found.token
            self.changed(one, node)
            self.secrets.append(found.token)
            self.changes.append("session_rotated")

    def do_update(self, one: Told, node: int) -> None:
        seen, number = one.asked_at, len(one.data)
        if self.judge(self.ask(self.nodes[node].update(one.token, data={"n": number})), one, node, current=True):
            one.data.append({"n": number})
            one.asked_at = seen  # an update is no request
            self.changed(one, node)

    def do_end(self, one: Told, node: int) -> None:
        living = self.has_live_row(one)
        assert self.ask(self.nodes[node].end(one.session_id)) is living
        one.dead = True
        self.changed(one, node)
        self.changes += ["session_ended"] if living else []

    @rule(node=NODE)
    def present_an_old_token(self, node: int) -> None:
        """I12: who knew a token before the rotation has nothing afterwards, for ever."""
        sessions = self.nodes[node]
        for one in self.told:
            verbs = [sessions.rotate, sessions.update]
            if not self.may_lag(one, node):
                verbs.append(sessions.authenticate)
            for token in one.old:
                for verb in verbs:
                    found = self.ask(verb(token))  # type: ignore[operator]
                    assert isinstance(found, type)
                    assert issubclass(found, TokenError)

    @rule(subject=WHO, node=NODE)
    def list(self, subject: str, node: int) -> None:
        listed = {info.session_id for info in self.ask(self.nodes[node].list(subject))}
        for one in self.told:
            if one.subject == subject:
                assert not (one.session_id in listed and self.surely_dead(one, node, current=True)), one
                assert one.session_id in listed or not self.surely_alive(one), one
            else:
                assert one.session_id not in listed

    @rule(node=NODE)
    def hear(self, node: int) -> None:
        catch_up_now(self.store, self.views[node])
        for one in self.told:
            one.changes = [change for change in one.changes if change.by == node]

    @rule()
    def two_hours_with_requests(self) -> None:
        for node in (0, 1, 1, 0):
            self.clock.advance(timedelta(minutes=30))
            for one in self.told:
                self.judge(self.ask(self.nodes[node].authenticate(one.token)), one, node)

    @rule(seconds=st.sampled_from([3538, 3539, 3540, 3541]))
    def wait_nearly(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def cut_off(self, subject: str) -> None:
        for one in self.told:
            if one.subject == subject and not one.dead:
                one.dead = True
                self.changed(one, 0, in_the_row=False)


TestSessions = SessionsMachine.TestCase
TestSessions.settings = settings(max_examples=100, stateful_step_count=40, deadline=None, derandomize=True)
