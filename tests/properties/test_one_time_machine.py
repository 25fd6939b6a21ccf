"""One-time tokens as a state machine: a model says what becomes of every token at every moment (T42, I3, I8, I9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from msgspec import Struct

from tests.properties.house import SUBJECTS, House
from watchword.errors import (
    RateLimitedError,
    TokenConsumedError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
)
from watchword.principal import Principal
from watchword.tokens.base import Issued
from watchword.tokens.one_time import PURPOSES, OneTimeTokens

NAMES = st.sampled_from(list(PURPOSES))
WHO = st.sampled_from(SUBJECTS)
WEEK = 7 * 86_400


class Told(Struct):
    token: str
    subject: str
    purpose: str
    issued_at: int
    ends_at: int
    state: str = "live"
    cut: bool = False


class OneTime(House):
    tokens: OneTimeTokens

    def build(self) -> None:
        self.tokens = OneTimeTokens(self.store, view=self.view)

    @initialize()
    def begin(self) -> None:
        self.told: list[Told] = []
        self.effects: list[str] = []

    def current(self, subject: str, purpose: str) -> Told | None:
        mine = [one for one in self.told if (one.subject, one.purpose) == (subject, purpose)]
        return mine[-1] if mine else None

    def verdict(self, one: Told) -> type:
        now = self.clock.now()
        if one.state == "used":
            return TokenConsumedError
        if one.state == "void":
            return TokenRevokedError
        if now >= one.ends_at:
            return TokenExpiredError
        return TokenRevokedError if one.cut else Principal

    def meets(self, found: Any, one: Told) -> bool:
        """Long after its end a row is gone: then it may not be said any more why, but it is never good."""
        kind = found if isinstance(found, type) else type(found)
        wanted = self.verdict(one)
        if kind is wanted:
            return True
        late = self.clock.now() >= one.ends_at + 86_400
        return wanted is not Principal and late and kind in (TokenNotFoundError, TokenRevokedError)

    @rule(subject=WHO, purpose=NAMES)
    def issue(self, subject: str, purpose: str) -> None:
        now, before = self.clock.now(), self.current(subject, purpose)
        found = self.ask(self.tokens.issue(subject, purpose=purpose, data={"n": 1}))
        if before is not None and now - before.issued_at < 300:
            assert found is RateLimitedError
            return
        assert isinstance(found, Issued)
        if before is not None and before.state == "live":
            before.state = "void"
        self.told.append(Told(found.token, subject, purpose, now, found.expires_at))
        self.secrets.append(found.token)
        self.changes.append("one_time_issued")

    @rule(data=st.data(), fails=st.booleans())
    def redeem(self, data: st.DataObject, fails: bool) -> None:
        if not self.told:
            return
        one = data.draw(st.sampled_from(self.told))

        def effect(_: object) -> None:
            if fails:
                raise TokenNotFoundError("mine")
            self.effects.append(one.token)

        found = self.ask(self.tokens.redeem(one.token, purpose=one.purpose, effect=effect))
        if fails and self.verdict(one) is Principal:
            assert found is TokenNotFoundError
            return
        assert self.meets(found, one), (found, one)
        if isinstance(found, Principal):
            assert found.subject == one.subject
            one.state = "used"
            self.changes.append("one_time_redeemed")
        assert len(set(self.effects)) == len(self.effects), "I8"

    @rule(data=st.data(), purpose=NAMES)
    def present_elsewhere(self, data: st.DataObject, purpose: str) -> None:
        if not self.told:
            return
        one = data.draw(st.sampled_from(self.told))
        place = data.draw(st.integers(6, len(one.token) - 2))
        changed = one.token[:place] + ("A" if one.token[place] != "A" else "B") + one.token[place + 1 :]
        assert self.ask(self.tokens.redeem(changed, purpose=one.purpose)) is TokenNotFoundError
        if purpose != one.purpose:
            assert self.ask(self.tokens.redeem(one.token, purpose=purpose)) is TokenNotFoundError

    @rule(subject=WHO, purpose=NAMES)
    def void(self, subject: str, purpose: str) -> None:
        one = self.current(subject, purpose)
        ends = one is not None and one.state == "live" and self.clock.now() < one.ends_at
        assert self.ask(self.tokens.void(subject, purpose=purpose)) is ends
        if ends and one is not None:
            one.state = "void"
            self.changes.append("one_time_voided")

    @rule(subject=WHO, purpose=NAMES, seconds=st.sampled_from([1, 60, 86_400, WEEK]))
    def move(self, subject: str, purpose: str, seconds: int) -> None:
        one, now = self.current(subject, purpose), self.clock.now()
        moves = one is not None and one.state == "live" and now < one.ends_at
        lifetime = timedelta(seconds=seconds)
        assert self.ask(self.tokens.set_lifetime(subject, purpose=purpose, lifetime=lifetime)) is moves
        if moves and one is not None:
            one.ends_at = min(now + seconds, one.issued_at + WEEK)
            self.changes.append("one_time_changed")

    @rule()
    def look_at_all(self) -> None:
        """Looking uses nothing up, and at most one token of a subject and purpose is good."""
        good = []
        for one in self.told:
            found = self.ask(self.tokens.look(one.token, purpose=one.purpose))
            if self.verdict(one) is Principal:
                assert found.subject == one.subject
                good.append((one.subject, one.purpose))
            else:
                assert self.meets(found, one), (found, one)
        assert len(set(good)) == len(good)

    def cut_off(self, subject: str) -> None:
        for one in self.told:
            one.cut = one.cut or one.subject == subject


TestOneTime = OneTime.TestCase
TestOneTime.settings = settings(max_examples=40, stateful_step_count=40, deadline=None, derandomize=True)
