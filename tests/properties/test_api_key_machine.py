"""API keys as a state machine: environments, overlaps, cut-offs, restarts, against a model (T42, I3, I4m, I14)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from msgspec import Struct

from tests.properties.house import SUBJECTS, House
from watchword.errors import (
    MalformedTokenError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenRevokedError,
    WrongAudienceError,
)
from watchword.principal import Principal
from watchword.tokens.api_keys import NEVER, ApiKeys
from watchword.tokens.base import Issued

WHO = st.sampled_from(SUBJECTS)
LIVES = st.sampled_from([None, 60, 3600, 90 * 86_400])
ENVIRONMENTS = st.sampled_from(["live", "test"])


class Told(Struct):
    token: str
    key_id: str
    subject: str
    environment: str
    life: int | None
    ends_at: int
    scopes: frozenset[str]
    rotated: bool = False
    ended: int | None = None
    cut: bool = False
    used_at: int | None = None


class Keys(House):
    def build(self) -> None:
        self.sides = {name: ApiKeys(self.store, view=self.view, environment=name) for name in ("live", "test")}
        self.keys = self.sides["live"]
        for one in getattr(self, "told", ()):
            one.used_at = None  # a restart loses what was not flushed

    @initialize()
    def begin(self) -> None:
        self.told: list[Told] = []

    def remember(self, found: Issued, like: Told, name: str) -> None:
        self.told.append(like)
        self.secrets.append(found.token)
        self.changes.append(name)

    def dead(self, one: Told) -> bool:
        return one.cut or one.ended is not None or self.clock.now() >= one.ends_at

    def refused(self, found: Any, one: Told) -> bool:
        """The row of a dead key goes after a day; a cut-off is remembered for longer."""
        return found in (TokenRevokedError, TokenExpiredError, TokenNotFoundError)

    @rule(subject=WHO, life=LIVES, environment=ENVIRONMENTS, scope=st.sampled_from(["a", "b"]))
    def issue(self, subject: str, life: int | None, environment: str, scope: str) -> None:
        lifetime, now = None if life is None else timedelta(seconds=life), self.clock.now()
        found = self.ask(self.keys.issue(subject, scopes=[scope], environment=environment, lifetime=lifetime))
        assert isinstance(found, Issued)
        ends = NEVER if life is None else now + life
        one = Told(found.token, found.token_id, subject, environment, life, ends, frozenset(scope))
        self.remember(found, one, "api_key_issued")

    @rule(data=st.data(), environment=ENVIRONMENTS)
    def authenticate(self, data: st.DataObject, environment: str) -> None:
        if not self.told:
            return
        one = data.draw(st.sampled_from(self.told))
        found = self.ask(self.sides[environment].authenticate(one.token))
        if environment != one.environment:
            assert found is WrongAudienceError
        elif self.dead(one):
            assert self.refused(found, one), (found, one)
        else:
            assert isinstance(found, Principal)
            assert (found.subject, found.token_id, found.scopes) == (one.subject, one.key_id, one.scopes)
            one.used_at = self.clock.now()

    @rule(data=st.data())
    def tamper(self, data: st.DataObject) -> None:
        if not self.told:
            return
        one = data.draw(st.sampled_from(self.told))
        place = data.draw(st.integers(8, len(one.token) - 1))
        changed = one.token[:place] + ("A" if one.token[place] != "A" else "z") + one.token[place + 1 :]
        assert self.ask(self.sides[one.environment].authenticate(changed)) is MalformedTokenError

    @rule(data=st.data(), overlap=st.sampled_from([0, 30, 86_400]), by_id=st.booleans())
    def rotate(self, data: st.DataObject, overlap: int, by_id: bool) -> None:
        if not self.told:
            return
        one, now = data.draw(st.sampled_from(self.told)), self.clock.now()
        name = one.key_id if by_id else one.token
        found = self.ask(self.keys.rotate(name, overlap=timedelta(seconds=overlap)))
        if self.dead(one) or one.rotated:
            assert self.refused(found, one), (found, one)
            return
        assert isinstance(found, Issued)
        assert found.scopes == one.scopes, "I14"
        one.rotated = True
        one.ends_at = min(one.ends_at, now + overlap)
        ends = NEVER if one.life is None else now + one.life
        fresh = Told(found.token, found.token_id, one.subject, one.environment, one.life, ends, one.scopes)
        self.remember(found, fresh, "api_key_rotated")

    @rule(data=st.data(), by_id=st.booleans())
    def revoke(self, data: st.DataObject, by_id: bool) -> None:
        if not self.told:
            return
        one = data.draw(st.sampled_from(self.told))
        ended = self.ask(self.keys.revoke(one.key_id if by_id else one.token))
        gone = one.ended is not None or self.clock.now() >= one.ends_at
        assert ended is not gone
        if not gone:
            one.ended = self.clock.now()
            self.changes.append("api_key_revoked")

    @rule()
    def flush(self) -> None:
        for keys in self.sides.values():
            self.ask(keys.flush())
        for one in self.told:
            if one.used_at is not None and not self.dead(one):
                (info,) = [info for info in self.ask(self.keys.list(one.subject)) if info.key_id == one.key_id]
                assert info.last_used_at == one.used_at

    @rule(subject=WHO)
    def list(self, subject: str) -> None:
        wanted = [one.key_id for one in self.told if one.subject == subject and not self.dead(one)]
        assert [info.key_id for info in self.ask(self.keys.list(subject))] == wanted

    def cut_off(self, subject: str) -> None:
        for one in self.told:
            one.cut = one.cut or one.subject == subject


TestKeys = Keys.TestCase
TestKeys.settings = settings(max_examples=40, stateful_step_count=40, deadline=None, derandomize=True)
