"""Sessions, refresh families and access tokens against a model of plain dictionaries (I4m, I5, I5g, I6, I7, I12, I14).

One node, driven without a loop and without a follower: what a verb has not done when it returns, nobody does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.services.postgres import Postgres
from tests.services.valkey import Server
from watchword.app import Watchword, drive
from watchword.clock import FrozenClock
from watchword.errors import (
    BindingError,
    InsufficientScopeError,
    TokenError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenReusedError,
    TokenRevokedError,
    WatchwordError,
)
from watchword.revocation.feed import catch_up
from watchword.runtime.ticker import Chore

DAY = 86_400
GRACE, FAMILY_IDLE, FAMILY_LIFE = 10, 14 * DAY, 30 * DAY
IDLE, ABSOLUTE, TOUCH, ACCESS_LIFE = 1800, 4000, 60, 900
KEPT = DAY
"""A dead row explains itself for so long."""

SUBJECTS = st.sampled_from(["user-1", "user-2"])
CLIENTS = st.sampled_from(["web", "mobile"])
GRANT = frozenset({"a", "b"})
SHORT, LONG = [0, 1, 9, GRACE, GRACE + 1, TOUCH], [IDLE, ABSOLUTE, 12 * DAY, FAMILY_IDLE, FAMILY_LIFE]
STEPS = st.sampled_from(SHORT + SHORT + LONG)


@dataclass(eq=False)
class Session:
    id: str
    subject: str
    rev: int
    began: int
    last_seen: int
    tokens: list[str]
    """All it ever had; the last one may be live."""
    ended: bool = False


@dataclass(eq=False)
class Family:
    id: str
    subject: str
    client: str
    session: Session | None
    rev: int
    began: int
    rotated: int
    tokens: list[str]
    """By generation, from 1: ``tokens[0]`` is the first."""
    reused: bool = False


@dataclass(eq=False)
class Access:
    token: str
    id: str
    subject: str
    client: str
    session: str | None
    family: str | None
    rev: int
    ends: int


@dataclass
class Heard:
    """What has been revoked: names for ever, and cut-offs by the number of their event."""

    seq: int = 0
    named: set[tuple[str, str]] = field(default_factory=set)
    cut: dict[tuple[str, str], int] = field(default_factory=dict)

    def name(self, what: str, value: str) -> None:
        self.seq += 1
        self.named.add((what, value))

    def cut_off(self, what: str, value: str) -> None:
        self.seq += 1
        self.cut[what, value] = self.seq


class Quiet(Watchword):
    """Nothing runs beside the verbs."""

    def _duties(self) -> list[Chore]:
        return []


def outcome(verb: Callable[[], Any]) -> Any:
    """What a verb returns, or the class of the error it raises."""
    try:
        found = verb()
        return drive(found) if isinstance(found, Coroutine) else found
    except WatchwordError as error:
        return type(error)


def position(rev: str | None) -> int:
    return int(str(rev).rpartition(".")[2])


class Lifecycle(RuleBasedStateMachine):
    sessions = Bundle("sessions")
    families = Bundle("families")
    accesses = Bundle("accesses")
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = FrozenClock()
        self.heard = Heard()
        self.sessions_: list[Session] = []
        self.families_: list[Family] = []
        self.accesses_: list[Access] = []
        self.audited: list[str] = []
        self.ww = self.made()

    def made(self) -> Watchword:
        ww = Quiet(
            self.url.format(folder=self.folder.name),
            keys=Path(self.folder.name, "my.keys") if self.url.startswith(("postgresql", "redis")) else None,
            issuer="https://as.test",
            audience="https://api.test",
            clock=self.clock,
            session_absolute=timedelta(seconds=ABSOLUTE),
        )
        ww.open_blocking()
        return ww

    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)
        if not self.ww.store.pulls_inline:
            drive(catch_up(self.ww.store, self.ww.view))  # nobody follows here, and a check does not ask

    def teardown(self) -> None:
        names = [one.name for one in drive(self.ww.events(limit=10_000))]
        assert names == self.audited, "every change leaves exactly one row (I24)"
        self.ww.close_blocking()
        if self.url.startswith("sqlite"):
            self.no_secret_is_kept()
        self.folder.cleanup()

    def no_secret_is_kept(self) -> None:
        kept = b"".join(path.read_bytes() for path in Path(self.folder.name).glob("app.db*") if path.suffix != ".keys")
        for session in self.sessions_:
            for token in session.tokens:
                assert token.removeprefix("ww_ss_").encode() not in kept
        for family in self.families_:
            for token in family.tokens:
                assert token.split(".")[2].encode() not in kept

    # the model

    @property
    def now(self) -> int:
        return self.clock.now()

    def revoked(self, rev: int, names: dict[str, str | None]) -> bool:
        by_name = any((what, value) in self.heard.named for what, value in names.items())
        cuts = [self.heard.cut.get((what, str(value)), 0) for what, value in names.items() if value is not None]
        return by_name or max([*cuts, self.heard.cut.get(("everything", ""), 0)]) > rev

    def session_revoked(self, session: Session) -> bool:
        return self.revoked(session.rev, {"session": session.id, "subject": session.subject})

    def session_ends(self, session: Session) -> int:
        return min(session.last_seen + IDLE, session.began + ABSOLUTE)

    def session_verdict(self, session: Session, token: str) -> type[WatchwordError] | None:
        if self.now >= session.began + ABSOLUTE + KEPT:
            return TokenNotFoundError
        if session.ended or token != session.tokens[-1]:
            return TokenRevokedError
        if self.now >= self.session_ends(session):
            return TokenExpiredError
        return TokenRevokedError if self.session_revoked(session) else None

    def family_ends(self, family: Family) -> int:
        return min(family.began + FAMILY_LIFE, family.rotated + FAMILY_IDLE)

    def family_verdict(self, family: Family) -> type[WatchwordError] | None:
        if self.now >= family.began + FAMILY_LIFE + KEPT:
            return TokenNotFoundError
        if family.reused:
            return TokenRevokedError
        if self.now >= self.family_ends(family):
            return TokenExpiredError
        names = {
            "family": family.id,
            "session": family.session.id if family.session else None,
            "subject": family.subject,
            "client": family.client,
        }
        return TokenRevokedError if self.revoked(family.rev, names) else None

    def access_verdict(self, access: Access) -> type[WatchwordError] | None:
        if self.now >= access.ends:
            return TokenExpiredError
        names = {
            "token": access.id,
            "session": access.session,
            "family": access.family,
            "subject": access.subject,
            "client": access.client,
        }
        return TokenRevokedError if self.revoked(access.rev, names) else None

    # signing in, and everything that is made

    @initialize(target=families, subject=SUBJECTS, client=CLIENTS)
    def first_family(self, subject: str, client: str) -> Family:
        return self._family(subject, client, self._session(subject))

    @rule(target=sessions, subject=SUBJECTS)
    def sign_in(self, subject: str) -> Session:
        return self._session(subject)

    def _session(self, subject: str) -> Session:
        issued = drive(self.ww.sessions.start(subject))
        assert not any(issued.token in one.tokens or issued.session_id == one.id for one in self.sessions_), "I12"
        assert position(issued.rev) == self.heard.seq
        session = Session(str(issued.session_id), subject, self.heard.seq, self.now, self.now, [issued.token])
        self.sessions_.append(session)
        self.audited.append("session_started")
        assert issued.expires_at == self.session_ends(session)
        return session

    @rule(target=families, subject=SUBJECTS, client=CLIENTS)
    def issue_family(self, subject: str, client: str) -> Family:
        return self._family(subject, client, None)

    @rule(target=families, session=sessions, client=CLIENTS)
    def issue_family_of_session(self, session: Session, client: str) -> Family:
        """The session may be revoked or ended; its time is not over, or nobody would still hold its names."""
        if self.now >= session.began + ABSOLUTE:
            session = self._session(session.subject)
        return self._family(session.subject, client, session)

    def _family(self, subject: str, client: str, session: Session | None) -> Family:
        parent = f"{self.ww.view.epoch}.{session.rev}" if session else None
        issued = drive(
            self.ww.refresh.issue(
                subject, client_id=client, session_id=session.id if session else None, scopes=GRANT, rev=parent
            )
        )
        rev = session.rev if session else self.heard.seq
        assert position(issued.rev) == rev
        family = Family(str(issued.family_id), subject, client, session, rev, self.now, self.now, [issued.token])
        self.families_.append(family)
        self.audited.append("refresh_issued")
        assert issued.expires_at == self.family_ends(family)
        return family

    @rule(target=accesses, parent=sessions | families, form=st.sampled_from(["jwt", "paseto"]))
    def mint(self, parent: Session | Family, form: str) -> Access:
        """With the parent's rev. The parent may be revoked or ended: its heirs are as dead as it is."""
        if self.now >= parent.began + (ABSOLUTE if isinstance(parent, Session) else FAMILY_LIFE):
            parent = self._session(parent.subject)
        if isinstance(parent, Session):
            return self._access(parent.subject, "first-party", parent, None, parent.rev, form)
        return self._access(parent.subject, parent.client, parent.session, parent, parent.rev, form)

    def _access(
        self, subject: str, client: str, session: Session | None, family: Family | None, rev: int, form: str
    ) -> Access:
        ids = (session.id if session else None, family.id if family else None)
        issued = self.ww.access.issue(
            subject,
            client_id=client,
            session_id=ids[0],
            family_id=ids[1],
            format=form,
            rev=f"{self.ww.view.epoch}.{rev}",
        )
        made = Access(issued.token, issued.token_id, subject, client, *ids, rev, self.now + ACCESS_LIFE)
        self.accesses_.append(made)
        return made

    # using it

    @rule(
        family=families,
        times=st.integers(1, 3),
        scopes=st.sampled_from([None, frozenset("a"), GRANT]),
        wait=st.sampled_from([0, 0, GRACE, GRACE + 1]),
    )
    def use(self, family: Family, times: int, scopes: frozenset[str] | None, wait: int) -> None:
        """As an honest client does, now and then with an answer that is lost and asked for again."""
        family = self._alive(family)
        for _ in range(times):
            self._refresh(family, 1, "right", scopes)
        self.pass_time(wait)
        self._refresh(family, min(times, 2), "unsaid", None)

    @rule(family=families)
    def use_for_long(self, family: Family) -> None:
        """Before each idle time is over, until the family's own end."""
        family = self._alive(family)
        while self.family_verdict(family) is None and self.family_ends(family) - 1 > self.now:
            self.pass_time(self.family_ends(family) - 1 - self.now)
            self._refresh(family, 1, "right", None)

    @rule(
        family=families,
        back=st.sampled_from([1, 2, 2, 3, 3, 9]),
        client=st.sampled_from(["right", "right", "right", "unsaid", "wrong"]),
        scopes=st.sampled_from([None, None, GRANT, frozenset("a"), frozenset(), frozenset("abc")]),
    )
    def refresh(self, family: Family, back: int, client: str, scopes: frozenset[str] | None) -> None:
        self._refresh(self._alive(family) if back < 9 else family, back, client, scopes)

    def _alive(self, family: Family) -> Family:
        """The longest family that lives, a new one at need, so that not all time is spent on the dead."""
        live = [one for one in self.families_ if self.family_verdict(one) is None]
        longest = max(live, key=lambda one: len(one.tokens), default=None)
        return longest or self._family(family.subject, family.client, self._session(family.subject))

    def _refresh(self, family: Family, back: int, client: str, scopes: frozenset[str] | None) -> None:
        """Present any generation ever issued, ``back`` from the newest."""
        generation = max(len(family.tokens) - back, 0)
        claimed = {"right": family.client, "wrong": "somebody", "unsaid": None}[client]
        found = outcome(lambda: self.ww.refresh.rotate(family.tokens[generation], client_id=claimed, scopes=scopes))
        expected = self.family_verdict(family)
        if expected is None and client == "wrong":
            expected = BindingError
        if expected is None and scopes is not None and not scopes <= GRANT:
            expected = InsufficientScopeError
        newest = len(family.tokens) - 1
        if expected is not None:
            assert found is expected
        elif generation == newest:
            everything = [token for other in self.families_ for token in other.tokens]
            assert found.token not in everything, "I5: a new token"
            family.tokens.append(found.token)
            family.rotated = self.now
            self.audited.append("refresh_rotated")
            self._is_derived(found, family, scopes)
        elif generation == newest - 1 and self.now - family.rotated <= GRACE:
            assert found.token == family.tokens[newest], "I5, I5g: the same successor"
            self._is_derived(found, family, scopes)
        else:
            assert found is TokenReusedError, "I6"
            family.reused = True
            self.audited.append("refresh_reused")
            self.heard.name("family", family.id)
            if family.session is not None:
                self.heard.name("session", family.session.id)

    def _is_derived(self, issued: Any, family: Family, scopes: frozenset[str] | None) -> None:
        """I14: no more scopes, no later end, no younger position than the grant."""
        assert issued.scopes == (GRANT if scopes is None else scopes)
        assert issued.expires_at == self.family_ends(family) <= family.began + FAMILY_LIFE
        assert (issued.subject, issued.client_id, issued.family_id) == (family.subject, family.client, family.id)
        assert position(issued.rev) == family.rev

    @rule(session=sessions, back=st.sampled_from([1, 1, 1, 2, 3]), wait=st.sampled_from([0, TOUCH - 1, TOUCH]))
    def authenticate(self, session: Session, back: int, wait: int) -> None:
        self.pass_time(wait)
        self._authenticate(session, back)

    def _authenticate(self, session: Session, back: int) -> None:
        token = session.tokens[-min(back, len(session.tokens))]
        found = outcome(lambda: self.ww.sessions.authenticate(token))
        expected = self.session_verdict(session, token)
        if expected is not None:
            assert found is expected
            return
        assert (found.subject, found.session_id) == (session.subject, session.id)
        assert found.expires_at == self.session_ends(session) <= session.began + ABSOLUTE
        if self.now - session.last_seen >= TOUCH:
            session.last_seen = self.now

    @rule(session=sessions, back=st.sampled_from([1, 1, 2]))
    def rotate_session(self, session: Session, back: int) -> None:
        token = session.tokens[-min(back, len(session.tokens))]
        found = outcome(lambda: self.ww.sessions.rotate(token))
        expected = self.session_verdict(session, token)
        if expected is not None:
            assert found is expected
            return
        assert found.token not in [token for other in self.sessions_ for token in other.tokens]
        assert (found.session_id, position(found.rev)) == (session.id, session.rev)
        session.tokens.append(found.token)
        session.last_seen = self.now
        self.audited.append("session_rotated")
        self.heard.name("token", f"a token of {session.id}")

    # stopping it

    @rule(session=sessions)
    def end_session(self, session: Session) -> None:
        there = not session.ended and self.now < session.began + ABSOLUTE + KEPT
        assert drive(self.ww.sessions.end(session.id)) is there
        if there:
            self._ended(session)

    @rule(subject=SUBJECTS)
    def end_all(self, subject: str) -> None:
        mine = [one for one in self.sessions_ if one.subject == subject]
        live = [one for one in mine if self.session_verdict(one, one.tokens[-1]) is None]
        assert drive(self.ww.sessions.end_all(subject)) == len(live)
        for session in live:
            self._ended(session)

    def _ended(self, session: Session) -> None:
        session.ended = True
        self.heard.name("session", session.id)
        self.audited.append("session_ended")

    def _revoke(self, **keyword: Any) -> Any:
        found = outcome(lambda: self.ww.revoke(**keyword))
        assert not isinstance(found, type) or issubclass(found, TokenError)
        return found

    def _told(self, found: Any) -> None:
        assert found.seq == self.heard.seq
        self.audited.append("revoked")

    @rule(what=st.sampled_from(["subject", "subject", "client", "client", "everything"]), data=st.data())
    def revoke_many(self, what: str, data: st.DataObject) -> None:
        values = {"subject": SUBJECTS, "client": CLIENTS, "everything": st.just("")}
        value = data.draw(values[what])
        self.heard.cut_off(what, value)
        self._told(self._revoke(**{what: value or True}))

    @rule(found=sessions | families | accesses, by_name=st.booleans(), back=st.integers(1, 3))
    def revoke_one(self, found: Session | Family | Access, by_name: bool, back: int) -> None:
        if isinstance(found, Access):
            verdict = self.access_verdict(found)
            self._revoke_by_token(found.token, None if verdict is not TokenExpiredError else verdict, "token", found.id)
            return
        what = "session" if isinstance(found, Session) else "family"
        if by_name:
            self.heard.name(what, found.id)
            self._told(self._revoke(**{what: found.id}))
        elif isinstance(found, Session):
            self._revoke_by_token(found.tokens[-1], self.session_verdict(found, found.tokens[-1]), what, found.id)
        else:
            token = found.tokens[-min(back, len(found.tokens))]
            self._revoke_by_token(token, self.family_verdict(found), what, found.id)

    def _revoke_by_token(self, token: str, verdict: type[WatchwordError] | None, what: str, value: str) -> None:
        if verdict is None:
            self.heard.name(what, value)
            self._told(self._revoke(token=token))
        elif verdict is TokenNotFoundError:
            assert self._revoke(token=token) is TokenNotFoundError
        else:
            assert self._revoke(token=token).seq == self.heard.seq, "nothing to do"

    # the world

    @rule(seconds=STEPS)
    def advance(self, seconds: int) -> None:
        self.pass_time(seconds)

    @rule(found=sessions | families | accesses, early=st.integers(0, 1))
    def advance_to_the_end_of(self, found: Session | Family | Access, early: int) -> None:
        """To its very second, or the one before."""
        ends = (
            self.session_ends(found)
            if isinstance(found, Session)
            else self.family_ends(found)
            if isinstance(found, Family)
            else found.ends
        )
        self.pass_time(max(0, ends - early - self.now))

    @rule(session=sessions)
    def keep_alive(self, session: Session) -> None:
        """Used at the last moment of each idle time, until its absolute end."""
        while self.session_verdict(session, session.tokens[-1]) is None and self.session_ends(session) - 1 > self.now:
            self.pass_time(self.session_ends(session) - 1 - self.now)
            self._authenticate(session, 1)

    @rule()
    def sweep(self) -> None:
        drive(self.ww.store.purge(now=self.now))

    @precondition(lambda self: self.url != "memory:")
    @rule()
    def restart(self) -> None:
        """Close, and open what was written."""
        self.ww.close_blocking()
        self.ww = self.made()

    # what holds after every step

    @invariant()
    def nothing_comes_back_and_nothing_is_lost(self) -> None:
        for access in self.accesses_:
            for _ in range(2):  # the second time it may have been seen
                found = outcome(lambda access=access: self.ww.access.verify(access.token))  # type: ignore[misc]
                expected = self.access_verdict(access)
                assert found is expected if expected is not None else found.token_id == access.id
        for family in self.families_:
            expected = self.family_verdict(family)
            for token in {family.tokens[0], family.tokens[-1]}:
                found = outcome(lambda token=token: self.ww.refresh.family_of(token))  # type: ignore[misc]
                assert found is expected if expected is not None else found.family_id == family.id

    @invariant()
    def lists_agree(self) -> None:
        for subject in ("user-1", "user-2"):
            sessions = {one.session_id for one in drive(self.ww.sessions.list(subject))}
            assert sessions == {
                one.id
                for one in self.sessions_
                if one.subject == subject and self.session_verdict(one, one.tokens[-1]) is None
            }
            families = {one.family_id for one in drive(self.ww.refresh.list(subject))}
            assert families == {
                one.id for one in self.families_ if one.subject == subject and self.family_verdict(one) is None
            }


class InMemory(Lifecycle):
    url = "memory:"


class InSQLite(Lifecycle):
    url = "sqlite:///{folder}/app.db"


class InPostgres(Lifecycle):
    server: ClassVar[Postgres]

    def __init__(self) -> None:
        self.url = self.server.fresh()
        super().__init__()


class InValkey(Lifecycle):
    server: ClassVar[Server]

    def __init__(self) -> None:
        self.url = self.server.fresh()
        super().__init__()


CASES: dict[str, tuple[Any, int]] = {
    "memory": (InMemory, 150),
    "sqlite": (InSQLite, 60),
    "postgres": (InPostgres, 15),
    "valkey": (InValkey, 15),
}
"""The machine, and how many examples of it."""
SOAK = int(os.environ.get("WATCHWORD_SOAK", "1"))


@pytest.mark.parametrize("case", CASES)
def test_lifecycle(case: str, request: pytest.FixtureRequest) -> None:
    machine, examples = CASES[case]
    if case in ("postgres", "valkey"):
        machine.server = request.getfixturevalue(case)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples * SOAK,
            stateful_step_count=40,
            deadline=None,
            derandomize=SOAK == 1,
            suppress_health_check=list(HealthCheck),
        ),
    )
