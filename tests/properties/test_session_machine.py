"""Sessions as a state machine: times, rotation, replacement, restarts; no old token is ever good (I12, I13)."""

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
from watchword.tokens.base import Issued
from watchword.tokens.session_rows import TOUCH_EVERY
from watchword.tokens.sessions import Sessions

WHO = st.sampled_from(SUBJECTS)


class Told(Struct):
    session_id: str
    subject: str
    token: str
    old: list[str]
    idle: int
    absolute_at: int
    asked_at: int
    """When it was last seen by a request, whether or not that was written."""
    data: dict[str, int]
    dead: bool = False


class SessionsMachine(House):
    def build(self) -> None:
        hours = [timedelta(hours=n) for n in (1, 2, 12)]  # short lives, so that their ends are reached
        self.sessions = Sessions(self.store, view=self.view, idle=hours[0], absolute=hours[1], remember=hours[2])

    @initialize()
    def begin(self) -> None:
        self.told: list[Told] = []

    def surely_dead(self, one: Told) -> bool:
        now = self.clock.now()
        return one.dead or now >= one.absolute_at or now >= one.asked_at + one.idle

    def surely_alive(self, one: Told) -> bool:
        """``last_seen`` may lag by TOUCH_EVERY, so a session may end so much early, and never late."""
        return not self.surely_dead(one) and self.clock.now() < one.asked_at + one.idle - TOUCH_EVERY

    def draw(self, data: st.DataObject) -> Told | None:
        return data.draw(st.sampled_from(self.told)) if self.told else None

    def judge(self, found: Any, one: Told) -> bool:
        """Whether it was let in, which must be as it should."""
        refused = isinstance(found, type) and issubclass(found, TokenError)
        assert not (refused and self.surely_alive(one)), (found, one)
        assert refused or not self.surely_dead(one), (found, one)
        one.dead = one.dead or refused
        if not refused:
            one.asked_at = self.clock.now()
        return not refused

    @rule(subject=WHO, remember=st.booleans(), replaced=st.none() | st.integers(0, 5))
    def start(self, subject: str, remember: bool, replaced: int | None) -> None:
        before = self.told[replaced] if replaced is not None and replaced < len(self.told) else None
        now, replaces = self.clock.now(), None if before is None else before.session_id
        stood = len(self.ask(self.store.find("session", now=now, group=replaces))) if replaces else 0
        living = before is not None and stood and self.has_live_row(before)
        found = self.ask(self.sessions.start(subject, remember=remember, replaces=replaces))
        assert isinstance(found, Issued)
        if before is not None:
            before.dead = True
            self.changes += ["session_ended"] if living else []
        idle, absolute = (43_200, 43_200) if remember else (3600, 7200)
        fresh = Told(str(found.session_id), subject, found.token, [], idle, now + absolute, now, {})
        self.told.append(fresh)
        self.secrets.append(found.token)
        self.changes.append("session_started")

    def has_live_row(self, one: Told) -> bool:
        rows = self.ask(self.store.find("session", now=self.clock.now(), group=one.session_id))
        return any(row.data["state"] == "live" for row in rows)

    @rule(data=st.data())
    def authenticate(self, data: st.DataObject) -> None:
        if (one := self.draw(data)) is not None:
            found = self.ask(self.sessions.authenticate(one.token))
            if self.judge(found, one):
                assert isinstance(found, Principal)
                assert (found.subject, found.session_id, dict(found.claims)) == (one.subject, one.session_id, one.data)

    @rule(data=st.data())
    def rotate(self, data: st.DataObject) -> None:
        if (one := self.draw(data)) is not None:
            found = self.ask(self.sessions.rotate(one.token))
            if self.judge(found, one):
                one.old.append(one.token)
                one.token = found.token
                self.secrets.append(found.token)
                self.changes.append("session_rotated")

    @rule(data=st.data(), name=st.sampled_from("abc"), value=st.integers(0, 9))
    def update(self, data: st.DataObject, name: str, value: int) -> None:
        if (one := self.draw(data)) is not None:
            seen = one.asked_at
            if self.judge(self.ask(self.sessions.update(one.token, data={name: value})), one):
                one.data[name] = value
                one.asked_at = seen  # an update is no request

    @rule(data=st.data())
    def present_an_old_token(self, data: st.DataObject) -> None:
        """I12: who knew a token before the rotation has nothing afterwards, for ever."""
        for token in [token for one in self.told for token in one.old]:
            for verb in (self.sessions.authenticate, self.sessions.rotate, self.sessions.update):
                found = self.ask(verb(token))
                assert isinstance(found, type)
                assert issubclass(found, TokenError)

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        if (one := self.draw(data)) is not None:
            living = self.has_live_row(one)
            assert self.ask(self.sessions.end(one.session_id)) is living
            one.dead = True
            self.changes += ["session_ended"] if living else []

    @rule(subject=WHO)
    def list(self, subject: str) -> None:
        listed = {info.session_id for info in self.ask(self.sessions.list(subject))}
        for one in self.told:
            if one.subject == subject:
                assert not (one.session_id in listed and self.surely_dead(one)), one
                assert one.session_id in listed or not self.surely_alive(one), one
            else:
                assert one.session_id not in listed

    @rule()
    def two_hours_with_requests(self) -> None:
        for _ in range(4):
            self.clock.advance(timedelta(minutes=30))
            for one in self.told:
                self.judge(self.ask(self.sessions.authenticate(one.token)), one)

    @rule(seconds=st.sampled_from([3538, 3539, 3540, 3541]))
    def wait_nearly(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def cut_off(self, subject: str) -> None:
        for one in self.told:
            one.dead = one.dead or one.subject == subject


TestSessions = SessionsMachine.TestCase
TestSessions.settings = settings(max_examples=40, stateful_step_count=40, deadline=None, derandomize=True)
