"""The whole Watchword as a system: three nodes on one store, against a model of plain values (§5.2).

Nodes crash, pause, lose the store, disagree about the time and hear of revocations late; calls to the store fail before
or after they took effect; several requests run at once. What each change was, the model learns from the audit trail and
the feed, which it reads over a connection of its own (so every change has exactly one row, I24); what each answer may
be, it says itself:

- *must refuse*: it ended; or it was revoked, and the node has heard of that, or the revocation returned T ago (I4, I7);
- *must accept*: nothing is against it, and nothing is in the node's way;
- *either*: it was revoked less than T ago on another node, or the node cannot know.
"""

from __future__ import annotations

import logging
import os
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.properties.nodes import FAULTS, Fault, Node, NodeStore, run, together
from tests.services.postgres import Postgres
from tests.services.valkey import Server
from watchword.errors import (
    BindingError,
    ConfigurationError,
    NotYetValidError,
    TokenConsumedError,
    TokenError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenReusedError,
    TokenRevokedError,
    UnavailableError,
    UnknownKeyError,
    WatchwordError,
)
from watchword.keys.key import Key
from watchword.principal import Principal
from watchword.revocation.event import BY_NAME
from watchword.stores.base import Audit, Store, open_store
from watchword.tokens.base import Issued
from watchword.tokens.seen import Seen

T, GRACE, TOUCH, LEEWAY = 5, 10, 60, 10
IDLE, ABSOLUTE, ACCESS_LIFE, KEY_LIFE, LINK_LIFE = 600, 3600, 900, 7200, 900
FAMILY_LIFE = 30 * 86_400
SKEWS = [0, 0, 0, -60, -15, 15, 60]
STEPS = [0, 1, 1, T - 1, T, T + 1, GRACE - 1, GRACE, GRACE + 1, 59, 60, 61, ACCESS_LIFE, IDLE - 1, IDLE, ABSOLUTE]
KINDS = ["session", "refresh", "refresh_sealed", "api_key", "one_time", "one_time_slot", "one_time_used"]
GRANT = frozenset({"read", "write"})

WHO = st.integers(0, 2)
"""Which node; one that is paused passes the request on to the next that is not."""
SUBJECTS = st.sampled_from(["user-1", "user-2"])
CLIENTS = st.sampled_from(["web", "mobile"])
PURPOSES = st.sampled_from(["password-reset", "magic-link"])
SEEDS = st.integers(0, 1 << 16)
PLACES = st.integers(0, 1 << 12)


@dataclass(eq=False)
class Fact:
    """One event of the feed. ``returned``: real time when the verb returned that wrote it; None: it never did."""

    what: str
    value: str
    seq: int
    returned: float | None = None


@dataclass(eq=False)
class Thing:
    """A credential, or a line of them: ``names`` are what it can be revoked by, ``tokens`` all that it ever had.

    None in ``tokens`` is one that was made and that nobody was given: the answer was lost.
    """

    subject: str
    names: dict[str, str | None]
    rev: int = 0
    tokens: list[str | None] = field(default_factory=list)
    began: int = 0
    """By the clock of the node that wrote it, as all times of rows."""
    ends: int = 0
    dead: bool = False
    parent: Thing | None = None

    @property
    def newest(self) -> str | None:
        return self.tokens[-1]


@dataclass(eq=False)
class Session(Thing):
    uses: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Family(Thing):
    client: str = ""
    rotated: int = 0
    successors: dict[str, set[str]] = field(default_factory=dict)


@dataclass(eq=False)
class Access(Thing):
    kid: str = ""


@dataclass(eq=False)
class ApiKey(Thing):
    pass


@dataclass(eq=False)
class Link(Thing):
    purpose: str = ""
    used: bool = False
    effects: int = 0


class System(RuleBasedStateMachine):
    sessions = Bundle("sessions")
    families = Bundle("families")
    accesses = Bundle("accesses")
    api_keys = Bundle("api_keys")
    links = Bundle("links")
    staged = Bundle("staged")

    inline: ClassVar[bool] = False
    histogram: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.real = 0.0
        self.facts: list[Fact] = []
        self.rows = self.head = 0
        self.sessions_: list[Session] = []
        self.families_: list[Family] = []
        self.accesses_: list[Access] = []
        self.api_keys_: list[ApiKey] = []
        self.links_: list[Link] = []
        self.secrets: dict[str, None] = {}
        """Every token, in the order of their making."""
        self.refused: set[tuple[str, int]] = set()
        """(node, thing) that a node has called revoked: it stays so there (I4m)."""
        self.skewed = False
        self.killed: set[str] = set()
        self.hurried: set[str] = set()
        """Keys that sign without a lead: who has not read the file yet refuses what they signed."""
        self.texts: list[str] = []
        """What was said in logs and errors."""
        self.listener = Listener(self.texts)
        logging.getLogger("watchword").addHandler(self.listener)
        made = self.stores()
        self.observer = made()
        self.observer.open_blocking()
        self.nodes = [self.node(f"node-{number}", made) for number in range(3)]

    def node(self, name: str, made: Callable[[], Store]) -> Node:
        return Node(
            name,
            NodeStore(made, inline=self.inline, real=lambda: self.real),
            issuer="https://as.test",
            audience="https://api.test",
            keys=Path(self.folder.name, "my.keys"),
            session_idle=timedelta(seconds=IDLE),
            session_absolute=timedelta(seconds=ABSOLUTE),
            access_lifetime=timedelta(seconds=ACCESS_LIFE),
            one_time_every=timedelta(0),
        )

    def stores(self) -> Callable[[], Store]:
        """What opens the example's store, for one more process."""
        raise NotImplementedError

    # asking, and learning what has happened

    def at(self, who: int) -> Node:
        """A node that runs."""
        awake = [node for node in self.nodes if not node.paused]
        if not awake:
            self.resume(who)
            return self.nodes[who]
        return awake[who % len(awake)]

    def ask(self, node: Node, coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, list[Audit]]:
        """The answer or the error of a verb, and the rows that it left."""
        fresh, node.store.failed = self.inline or node.ww.view.fresh(), False
        (found,) = together(0, [coroutine])
        node.store.fault = None
        if isinstance(found, UnavailableError):
            assert node.store.failed or not fresh, (found, "nothing was in the way")
        return found, self.learn(found)

    def learn(self, *found: Any) -> list[Audit]:
        for one in found:
            if isinstance(one, WatchwordError):
                self.texts += [str(one), repr(one), repr(one.__context__)]
                self.alike_outside(one)
        feed = self.observed(self.observer.tail(self.head, now=-1))
        numbers = [one.seq for one in feed.events]
        assert numbers == sorted(set(numbers) & set(range(self.head + 1, feed.head + 1))), "in order"
        self.head = feed.head
        told = None if any(isinstance(one, UnavailableError) for one in found) else self.real
        self.facts += [Fact(one.what, one.value, one.seq, told) for one in feed.events]
        rows: list[Audit] = self.observed(self.observer.audited(after=self.rows, limit=1000))
        for row in rows:
            assert row.seq > self.rows
            self.rows = row.seq
            self.happened(row)
        return rows

    def alike_outside(self, error: WatchwordError) -> None:
        """I17: every refusal of a token looks the same from outside."""
        if isinstance(error, TokenError):
            assert (error.status, error.public) == (401, "invalid_token")

    def observed(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return run(coroutine)

    def happened(self, row: Audit) -> None:
        """What a row of the trail says about the model, whether or not the caller was told."""
        detail = row.detail
        if row.name == "session_started":
            names = {"session": detail["session_id"], "subject": row.subject}
            self.sessions_.append(Session(str(row.subject), names, tokens=[None], began=row.at))
        elif row.name == "refresh_issued":
            names = {"family": detail["family_id"], "client": detail["client_id"], "subject": row.subject}
            made = Family(str(row.subject), names, tokens=[None], began=row.at, rotated=row.at)
            made.client = detail["client_id"]
            self.families_.append(made)
        elif row.name == "api_key_issued":
            names = {"token": detail["key_id"], "subject": row.subject}
            self.api_keys_.append(ApiKey(str(row.subject), names, tokens=[None], began=row.at, ends=row.at + KEY_LIFE))
        elif row.name == "one_time_issued":
            for older in self.links_:
                older.dead |= (older.subject, older.purpose) == (row.subject, detail["purpose"]) and not older.used
            names = {"token": detail["token_id"], "subject": row.subject}
            link = Link(str(row.subject), names, tokens=[None], began=row.at, ends=row.at + LINK_LIFE)
            link.purpose = detail["purpose"]
            self.links_.append(link)
        else:
            self.changed(row)

    def changed(self, row: Audit) -> None:
        detail = row.detail
        if row.name == "session_rotated":
            self.named(self.sessions_, "session", detail["session_id"]).tokens.append(None)
        elif row.name == "session_ended":
            self.named(self.sessions_, "session", detail["session_id"]).dead = True
        elif row.name == "refresh_rotated":
            family = self.named(self.families_, "family", detail["family_id"])
            family.tokens.append(None)
            family.rotated = row.at
        elif row.name == "refresh_reused":
            self.named(self.families_, "family", detail["family_id"]).dead = True
        elif row.name == "api_key_revoked":
            self.named(self.api_keys_, "token", detail["key_id"]).dead = True
        elif row.name == "one_time_redeemed":
            link = self.named(self.links_, "token", detail["token_id"])
            assert not link.used, "I8"
            assert not link.dead, "I8"
            link.used = True
        else:
            assert row.name == "revoked", row.name

    def named(self, things: Iterable[Any], what: str, value: str) -> Any:
        (found,) = [one for one in things if one.names[what] == value]
        return found

    def hand_out(self, thing: Thing, issued: Issued) -> None:
        assert issued.token not in self.secrets, "I12: a token that somebody has seen"
        self.secrets[issued.token] = None
        thing.tokens[-1] = issued.token
        thing.rev = int(str(issued.rev).rpartition(".")[2])
        assert thing.rev <= self.head

    # what an answer may be

    def against(self, thing: Thing) -> list[Fact]:
        """The revocations that stop it, wherever they have been heard."""
        return [
            fact
            for fact in self.facts
            if (thing.names.get(fact.what) == fact.value if fact.what != "everything" else True)
            and (fact.what in BY_NAME or fact.seq > thing.rev)
        ]

    def must_refuse(self, node: Node, thing: Thing) -> bool:
        heard = node.ww.view.seq
        facts = self.against(thing)
        due = any(fact.returned is not None and self.real >= fact.returned + T for fact in facts)
        return due or any(fact.seq <= heard for fact in facts) or (node.name, id(thing)) in self.refused

    def judge(self, node: Node, thing: Thing, found: Any, *, refuse: bool, accept: bool, before: bool) -> bool:
        """Whether ``found`` is a yes, and a right answer. ``before``: ``must_refuse`` when the request began."""
        yes = not isinstance(found, WatchwordError)
        self.histogram[f"{type(thing).__name__} {'accepted' if yes else type(found).__name__}"] += 1
        if isinstance(found, TokenRevokedError) and self.against(thing):
            self.refused.add((node.name, id(thing)))
        if yes:
            assert not before, "I4, I4m, I7: it was revoked"
            assert not refuse, "it had ended"
        elif not isinstance(found, UnavailableError):
            assert isinstance(found, TokenError), found
            assert not accept or self.against(thing), (found, "nothing was against it")
        return yes

    # signing in, and everything that is made

    @initialize(target=families)
    def one_to_begin_with(self) -> Any:
        session = self.start(self.nodes[0], "user-1")
        return self.family(self.nodes[0], session, "web")

    @rule(target=sessions, who=WHO, subject=SUBJECTS)
    def login(self, who: int, subject: str) -> Any:
        session = self.start(self.at(who), subject)
        return multiple() if session is None else session

    def start(self, node: Node, subject: str, replaces: str | None = None) -> Session | None:
        issued, rows = self.ask(node, node.ww.sessions.start(subject, replaces=replaces))
        if not isinstance(issued, Issued):
            assert isinstance(issued, UnavailableError)
            return None
        assert rows[-1].name in ("session_started", "session_ended")
        session = self.sessions_[-1]
        assert session.names["session"] == issued.session_id
        self.hand_out(session, issued)
        return session

    @rule(target=sessions, who=WHO, session=sessions, back=st.integers(1, 2))
    def login_again(self, who: int, session: Session, back: int) -> Any:
        """In a browser that had a session, or was given somebody's: its token opens nothing afterwards (I12)."""
        before = session.tokens[-min(back, len(session.tokens))]
        fresh = self.start(self.at(who), session.subject, replaces=before)
        return multiple() if fresh is None else fresh

    @rule(target=families, who=WHO, session=sessions, client=CLIENTS)
    def issue_family(self, who: int, session: Session, client: str) -> Any:
        family = self.family(self.at(who), session, client)
        return multiple() if family is None else family

    def family(self, node: Node, session: Session | None, client: str) -> Family | None:
        assert session is not None
        rev = f"{node.ww.view.epoch}.{session.rev}"
        issued, _ = self.ask(
            node,
            node.ww.refresh.issue(
                session.subject, client_id=client, session_id=session.names["session"], scopes=GRANT, rev=rev
            ),
        )
        if not isinstance(issued, Issued):
            assert isinstance(issued, UnavailableError)
            return None
        family = self.families_[-1]
        self.hand_out(family, issued)
        family.parent, family.ends = session, family.began + FAMILY_LIFE
        family.names["session"] = session.names["session"]
        assert family.rev == session.rev, "I14"
        return family

    @rule(target=accesses, who=WHO, parent=sessions | families, form=st.sampled_from(["jwt", "paseto"]))
    def issue_at(self, who: int, parent: Session | Family, form: str) -> Access:
        """With the parent's position in the feed, so that what reaches the parent reaches this one."""
        return self.access(self.at(who), parent, form)

    def access(self, node: Node, parent: Session | Family, form: str) -> Access:
        issued = node.ww.access.issue(
            parent.subject,
            client_id=parent.client if isinstance(parent, Family) else "first-party",
            session_id=parent.names.get("session"),
            family_id=parent.names.get("family"),
            rev=f"{node.ww.view.epoch}.{parent.rev}",
            format=form,
        )
        names = parent.names | {"token": issued.token_id, "client": issued.client_id}
        access = Access(parent.subject, names, tokens=[None], began=node.clock.now(), ends=issued.expires_at)
        access.names["key"] = access.kid = self.signer(node, form)
        self.hand_out(access, issued)
        self.accesses_.append(access)
        return access

    def signer(self, node: Node, form: str) -> str:
        return node.ww.ring.active("sign", format=form).kid

    @rule(target=api_keys, who=WHO, subject=SUBJECTS)
    def issue_api_key(self, who: int, subject: str) -> Any:
        node = self.at(who)
        issued, _ = self.ask(node, node.ww.api_keys.issue(subject, lifetime=timedelta(seconds=KEY_LIFE)))
        if not isinstance(issued, Issued):
            assert isinstance(issued, UnavailableError)
            return multiple()
        self.hand_out(self.api_keys_[-1], issued)
        return self.api_keys_[-1]

    @rule(target=links, who=WHO, subject=SUBJECTS, purpose=PURPOSES)
    def issue_link(self, who: int, subject: str, purpose: str) -> Any:
        node = self.at(who)
        life = timedelta(seconds=LINK_LIFE)
        issued, _ = self.ask(node, node.ww.one_time.issue(subject, purpose=purpose, lifetime=life))
        if not isinstance(issued, Issued):
            assert isinstance(issued, UnavailableError)
            return multiple()
        self.hand_out(self.links_[-1], issued)
        return self.links_[-1]

    # using it

    @rule(who=WHO, session=sessions, back=st.sampled_from([1, 1, 1, 2]))
    def authenticate(self, who: int, session: Session, back: int) -> None:
        node, token = self.at(who), session.tokens[-min(back, len(session.tokens))]
        if token is not None:
            self.check_session(node, session, token)

    def check_session(self, node: Node, session: Session, token: str) -> None:
        before, now = self.must_refuse(node, session), node.clock.now()
        row = self.row_of(session)
        stands = session.newest == token and not session.dead
        seen = row["last_seen"] if row is not None and stands else 0
        found, rows = self.ask(node, node.ww.sessions.authenticate(token))
        assert not rows
        in_time = now < min(session.began + ABSOLUTE, seen + IDLE)
        late = now >= session.began + ABSOLUTE or now >= max([session.began, *session.uses]) + IDLE
        if self.judge(node, session, found, refuse=late or not stands, accept=stands and in_time, before=before):
            assert (found.subject, found.session_id) == (session.subject, session.names["session"])
            assert now < found.expires_at <= session.began + ABSOLUTE, "I13"
        if not isinstance(found, TokenError):
            session.uses.append(now)  # a touch may have been written although the answer was lost

    def row_of(self, session: Session) -> dict[str, Any] | None:
        rows = self.observed(self.observer.find("session", now=-1, group=session.names["session"]))
        live = [dict(one.data) for one in rows if one.data["state"] == "live"]
        assert len(live) <= 1, "two live rows of one session"
        return live[0] if live else None

    @rule(who=WHO, session=sessions, back=st.sampled_from([1, 1, 1, 2]))
    def step_up(self, who: int, session: Session, back: int) -> None:
        """Rotate at a change of privilege: the token known before it opens nothing after it (I12)."""
        node, token = self.at(who), session.tokens[-min(back, len(session.tokens))]
        if token is None:
            return
        before, stands = self.must_refuse(node, session), session.newest == token and not session.dead
        found, rows = self.ask(node, node.ww.sessions.rotate(token))
        if self.judge(node, session, found, refuse=not stands, accept=False, before=before):
            assert [row.name for row in rows] == ["session_rotated"]
            assert found.session_id == session.names["session"]
            rev = session.rev
            self.hand_out(session, found)
            assert session.rev == rev, "I14"
        if rows:
            session.uses.append(rows[-1].at)

    @rule(
        who=WHO,
        family=families,
        back=st.sampled_from([1, 1, 1, 1, 2, 2, 3]),
        client=st.sampled_from(["right", "right", "right", "wrong"]),
        scopes=st.sampled_from([None, frozenset({"read"})]),
    )
    def refresh(self, who: int, family: Family, back: int, client: str, scopes: frozenset[str] | None) -> None:
        """Any generation, at any node."""
        family = self.alive(self.at(who), family)
        place = max(len(family.tokens) - back, 0)
        self.rotate(self.at(who), family, place, client, scopes)

    @rule(
        whos=st.lists(WHO, min_size=1, max_size=3),
        family=families,
        back=st.integers(1, 4),
        wait=st.sampled_from([0, 0, 0, GRACE, GRACE + 1]),
    )
    def use(self, whos: list[int], family: Family, back: int, wait: int) -> None:
        """As an honest client does; and then some older one comes again."""
        family = self.alive(self.at(whos[0]), family)
        for who in whos:
            self.rotate(self.at(who), family, len(family.tokens) - 1, "right", None)
        self.pass_time(wait)
        self.rotate(self.at(whos[0]), family, max(len(family.tokens) - back, 0), "right", None)

    def alive(self, node: Node, family: Family) -> Family:
        """The longest family that lives, or else a new one, so that not all time is spent on the dead."""
        live = [one for one in self.families_ if not one.dead and not self.against(one) and one.newest is not None]
        if live:
            return max(live, key=lambda one: len(one.tokens))
        session = self.start(node, family.subject)
        return family if session is None else self.family(node, session, family.client) or family

    def rotate(self, node: Node, family: Family, place: int, client: str, scopes: frozenset[str] | None) -> None:
        token = family.tokens[place]
        if token is None:
            return
        before, dead, newest = self.must_refuse(node, family), family.dead, len(family.tokens) - 1
        waited = node.clock.now() - family.rotated
        current, again = place == newest, place == newest - 1 and waited <= GRACE
        claimed = family.client if client == "right" else "stranger"
        found, rows = self.ask(node, node.ww.refresh.rotate(token, client_id=claimed, scopes=scopes))
        names = [row.name for row in rows]
        if isinstance(found, TokenReusedError):
            assert names == ["refresh_reused"]
            assert family.dead, "I6"
            assert not current
            assert not again or self.skewed, "I5g: the grace is for the predecessor"
            assert client == "right"
        elif isinstance(found, BindingError):
            assert client == "wrong"
            assert not rows, "I9: nothing is changed"
        elif client == "wrong":
            assert isinstance(found, TokenRevokedError | UnavailableError), found
        right = current or again
        if self.judge(node, family, found, refuse=dead or not right, accept=right and client == "right", before=before):
            assert names == (["refresh_rotated"] if current else [])
            self.successor(family, token, found, scopes)

    def successor(self, family: Family, token: str, found: Issued, scopes: frozenset[str] | None) -> None:
        """I5: one for each token, ever. I14: no more than the grant, and no younger."""
        known = family.successors.setdefault(token, set())
        known.add(found.token)
        assert len(known) == 1, "I5: two successors of one token"
        place = family.tokens.index(token)
        if family.tokens[place + 1] is None:
            assert found.token not in self.secrets, "I5"
            family.tokens[place + 1] = found.token
            self.secrets[found.token] = None
        assert family.tokens[place + 1] == found.token
        assert found.scopes == (GRANT if scopes is None else scopes)
        assert found.scopes <= GRANT
        assert found.expires_at <= family.ends
        assert int(str(found.rev).rpartition(".")[2]) == family.rev
        assert (found.subject, found.client_id) == (family.subject, family.client)
        assert (found.family_id, found.session_id) == (family.names["family"], family.names["session"])

    @rule(family=families, number=st.integers(2, 5), back=st.sampled_from([1, 1, 2]), seed=SEEDS, who=WHO)
    def refresh_parallel(self, family: Family, number: int, back: int, seed: int, who: int) -> None:
        """One token, at several nodes at once."""
        self.race(family, ["rotate"] * number, back, seed, who)

    @rule(
        family=families,
        jobs=st.lists(
            st.sampled_from(["rotate", "rotate", "family", "subject", "logout", "follow"]), min_size=2, max_size=4
        ),
        back=st.sampled_from([1, 1, 2]),
        seed=SEEDS,
        who=WHO,
    )
    def race(self, family: Family, jobs: list[str], back: int, seed: int, who: int) -> None:
        """Rotations, revocations and sign-outs in any order: what has returned holds, whoever was under way (I7)."""
        family = self.alive(self.at(who), family)
        token = family.tokens[max(len(family.tokens) - back, 0)]
        if token is None:
            return
        asked = [(self.at(who + number), job) for number, job in enumerate(jobs)]
        before = [self.must_refuse(node, family) for node, _ in asked]
        fresh = [self.inline or (node.ww.view.fresh() and not node.store.cut_off) for node, _ in asked]
        was, was_dead = len(family.tokens), family.dead
        waits = [node.clock.now() - family.rotated for node, _ in asked]
        right = token == family.newest or (token == family.tokens[was - 2] and min(waits) <= GRACE)
        results = together(seed, [self.job(node, job, family, token) for node, job in asked])
        for node, _ in asked:
            node.store.fault = None
        rows = self.learn(*results)
        names = [row.name for row in rows]
        assert names.count("refresh_rotated") <= 1, "I5"
        assert len(family.tokens) - was <= 1
        for found, (node, job), dead, good in zip(results, asked, before, fresh, strict=True):
            if job != "rotate":
                assert found is None or isinstance(found, bool | UnavailableError) or found.seq
                if isinstance(found, UnavailableError):
                    assert not good or node.store.failed
            elif isinstance(found, Issued):
                assert right
                assert not dead, "I7"
                self.successor(family, token, found, None)
            else:
                assert isinstance(found, TokenError | UnavailableError), found
        if "refresh_reused" in names:
            assert family.dead
            assert not (token == family.tokens[was - 1] and set(waits) <= set(range(GRACE + 1)) and not self.skewed)
        well = all(fresh) and not self.skewed and not any(node.store.failed for node, _ in asked)
        if well and right and set(jobs) == {"rotate"} and not self.against(family) and not was_dead:
            assert all(isinstance(one, Issued) for one in results), results

    async def job(self, node: Node, job: str, family: Family, token: str) -> Any:
        if job == "rotate":
            return await node.ww.refresh.rotate(token)
        if job == "family":
            return await node.ww.revoke(family=family.names["family"])
        if job == "subject":
            return await node.ww.revoke(subject=family.subject)
        if job == "logout":
            return await node.ww.sessions.end(str(family.names["session"]))
        return await node.follower.tick()

    @rule(who=WHO, key=api_keys)
    def use_api_key(self, who: int, key: ApiKey) -> None:
        self.check_api_key(self.at(who), key)

    def check_api_key(self, node: Node, key: ApiKey) -> None:
        before, now = self.must_refuse(node, key), node.clock.now()
        found, rows = self.ask(node, node.ww.api_keys.authenticate(key.newest))
        assert not rows
        late = now >= key.ends
        if self.judge(node, key, found, refuse=late, accept=not late and not key.dead, before=before):
            assert (found.subject, found.token_id) == (key.subject, key.names["token"])

    @rule(who=WHO, link=links)
    def consume(self, who: int, link: Link) -> None:
        node, token = self.at(who), link.newest
        assert token is not None
        before, now, good = self.must_refuse(node, link), node.clock.now(), not (link.used or link.dead)
        was = link.used
        found, rows = self.ask(node, self.redeemed(node, link, token))
        late = now >= link.ends
        if self.judge(node, link, found, refuse=late or not good, accept=good and not late, before=before):
            assert [row.name for row in rows] == ["one_time_redeemed"]
        elif was and not isinstance(found, UnavailableError):
            assert isinstance(found, TokenConsumedError | TokenNotFoundError), found
        assert link.effects == link.used, "I8: the use and its effect are one"

    async def redeemed(self, node: Node, link: Link, token: str) -> Principal:
        def effect(_: object) -> None:
            link.effects += 1

        return await node.ww.one_time.redeem(token, purpose=link.purpose, effect=effect)

    @rule(link=links, number=st.integers(2, 5), seed=SEEDS, who=WHO)
    def consume_parallel(self, link: Link, number: int, seed: int, who: int) -> None:
        nodes = [self.at(who + one) for one in range(number)]
        was, before = link.used, all(self.must_refuse(node, link) for node in nodes)
        results = together(seed, [self.redeemed(node, link, str(link.newest)) for node in nodes])
        for node in nodes:
            node.store.fault = None
        self.learn(*results)
        won = [one for one in results if isinstance(one, Principal)]
        assert len(won) <= (0 if was or before else 1), "I8"
        assert link.effects == link.used, "I8"
        assert all(isinstance(one, Principal | TokenError | UnavailableError) for one in results)

    # stopping it

    def revoked(self, node: Node, coroutine: Coroutine[Any, Any, Any], *names: str) -> Any:
        """When it has returned, the node that ran it obeys it (I4: there, T is 0)."""
        found, rows = self.ask(node, coroutine)
        if rows and not isinstance(found, WatchwordError):
            assert node.ww.view.seq >= getattr(found, "seq", 0)
            if names:
                assert [row.name for row in rows][: len(names)] == list(names)
        return found

    @rule(who=WHO, session=sessions, by_token=st.booleans())
    def logout(self, who: int, session: Session, by_token: bool) -> None:
        node, was = self.at(who), session.dead
        named = session.newest if by_token and session.newest is not None else str(session.names["session"])
        found, rows = self.ask(node, node.ww.sessions.end(named))
        assert (
            found is False or isinstance(found, UnavailableError) or ([row.name for row in rows] == ["session_ended"])
        )
        assert not (was and found is True)
        if found is True:
            assert node.ww.view.seq == self.head

    @rule(who=WHO, subject=SUBJECTS, sure=st.integers(0, 2))
    def disable_user(self, who: int, subject: str, sure: int) -> None:
        node = self.at(who)
        if sure:
            return  # seldom: it leaves little to look at
        self.revoked(node, node.ww.revoke(subject=subject), "revoked")

    @rule(
        who=WHO,
        what=st.sampled_from(["session", "family", "session", "family", "client", "everything"]),
        family=families,
    )
    def revoke(self, who: int, what: str, family: Family) -> None:
        node = self.at(who)
        value: Any = True if what == "everything" else family.names[what]
        self.revoked(node, node.ww.revoke(**{what: value}), "revoked")

    @rule(who=WHO, thing=accesses | families | api_keys)
    def revoke_token(self, who: int, thing: Thing) -> None:
        node = self.at(who)
        if thing.newest is None:
            return
        found = self.revoked(node, node.ww.revoke(token=thing.newest))
        if not isinstance(found, WatchwordError):
            now = node.clock.now()
            assert self.must_refuse(node, thing) or thing.dead or now >= thing.ends, "it is stopped"
        elif not isinstance(found, UnavailableError):
            killed = isinstance(found, TokenRevokedError) and thing.names.get("key") in self.killed
            assert killed or isinstance(found, UnknownKeyError | NotYetValidError), found

    @rule(who=WHO, key=api_keys)
    def revoke_api_key(self, who: int, key: ApiKey) -> None:
        node, was = self.at(who), key.dead
        found = self.revoked(node, node.ww.api_keys.revoke(str(key.names["token"])))
        if found is True:
            assert key.dead
            assert not was

    # keys

    @rule(target=staged, who=WHO, algorithm=st.sampled_from(["ES256", "v4.public"]))
    def stage_key(self, who: int, algorithm: str) -> str:
        node, key = self.at(who), Key.generate(algorithm)
        node.read_keys()
        node.ww.ring.announce(key)
        self.save_keys(node)
        return key.kid

    def save_keys(self, node: Node) -> None:
        assert node.ww.key_file is not None
        node.ww.ring.save(node.ww.key_file)

    @rule(who=WHO, kid=consumes(staged), wait=st.sampled_from([0, 0, 1]), family=families)
    def activate_key(self, who: int, kid: str, wait: int, family: Family) -> None:
        """After its lead; every process that runs has read the file by then. Tokens of both keys are good (I11)."""
        node = self.at(who)
        node.read_keys()
        slot = node.ww.ring.find(kid)
        assert slot is not None, "the file keeps what was announced"
        left = slot.announced_at + node.ww.ring.policy.lead - node.clock.now()
        self.pass_time(max(left, 0) + wait)
        node.read_keys()
        form = "jwt" if slot.key.algorithm.format == "jwt" else "paseto"
        self.access(node, family, form)
        with suppress(ConfigurationError):  # it has had its turn: it was there when another one was killed
            node.ww.ring.activate(kid)
            self.save_keys(node)
        self.access(node, family, form)

    @rule(who=WHO, form=st.sampled_from(["jwt", "paseto"]), sure=st.integers(0, 2))
    def kill_key(self, who: int, form: str, sure: int) -> None:
        """An emergency: another one signs at once, and what the old one signed is revoked."""
        node = self.at(who)
        if sure:
            return  # seldom, as above
        node.read_keys()
        kid = self.signer(node, form)
        self.killed.add(kid)
        self.revoked(node, node.ww.revoke(key=kid), "revoked")
        node.read_keys()
        self.hurried.add(self.signer(node, form))

    # the world

    @rule(seconds=st.sampled_from(STEPS), hear=st.sampled_from(["all", "all", "all", "some", "none"]), seed=SEEDS)
    def advance(self, seconds: int, hear: str, seed: int) -> None:
        self.pass_time(seconds, hear, seed)

    def pass_time(self, seconds: int, hear: str = "all", seed: int = 0) -> None:
        self.real += seconds
        for number, node in enumerate(self.nodes):
            node.clock.advance(seconds)
            if not node.paused:
                if seconds:
                    node.read_keys()
                if hear == "all" or (hear == "some" and seed >> number & 1):
                    node.follow()

    @rule(who=WHO, steps=st.integers(1, 4))
    def follow_a_little(self, who: int, steps: int) -> None:
        """A question is sent, or answered, or the answer heard; the rest comes later, or never."""
        self.at(who).follow(steps)

    @rule(who=WHO, seconds=st.sampled_from(SKEWS))
    def skew(self, who: int, seconds: int) -> None:
        """This node's wall clock is so far off; its boot time is not."""
        self.skewed |= bool(seconds)
        self.nodes[who].clock.set_wall(1_800_000_000 + self.real + seconds)

    @rule(who=WHO)
    def pause(self, who: int) -> None:
        self.nodes[who].paused = True

    @rule(who=WHO)
    def resume(self, who: int) -> None:
        """Its keys are older than they may be; the first tick of all reads them."""
        self.nodes[who].paused = False
        self.nodes[who].read_keys()

    @rule(who=WHO)
    def restart(self, who: int) -> None:
        node = self.nodes[who]
        node.store.cut_off, node.store.fault = False, None
        node.crash()
        node.begin()

    @rule(who=WHO)
    def drop_cache(self, who: int) -> None:
        """All that was derived is gone, and the view takes nothing but a snapshot."""
        ww = self.nodes[who].ww
        for near in (ww.api_keys.near, ww.opaque_access.near):
            near._young, near._old = {}, {}
        ww.access._seen = Seen()
        ww.view._told_to_restart = True

    @rule(who=WHO, fault=st.sampled_from(FAULTS), calls=st.integers(0, 3))
    def fail_next_store_call(self, who: int, fault: Fault, calls: int) -> None:
        """Or the one after so many that go well."""
        self.at(who).store.fault = calls, fault

    @rule(who=WHO)
    def partition(self, who: int) -> None:
        self.nodes[who].store.cut_off = True

    @rule()
    def heal(self) -> None:
        for who, node in enumerate(self.nodes):
            node.store.cut_off = False
            self.resume(who)

    @rule(who=WHO)
    def sweep(self, who: int) -> None:
        node = self.at(who)
        if not node.store.cut_off and node.store.fault is None:
            run(node.store.purge(now=node.clock.now()))

    # the attacker, who has seen every token

    def snapshot(self) -> tuple[Any, ...]:
        records = [self.observed(self.observer.find(kind, now=-1, limit=100_000)) for kind in KINDS]
        return records, self.rows, self.head

    @rule(data=st.data(), who=WHO)
    def attacker_replay(self, data: st.DataObject, who: int) -> None:
        """Any token, at any verb that is not its own: refused, and nothing has changed (I9)."""
        things = [*self.sessions_, *self.families_, *self.accesses_, *self.api_keys_, *self.links_]
        thing = data.draw(st.sampled_from(things))
        token = data.draw(st.sampled_from([one for one in thing.tokens if one is not None] or [""]))
        verb = data.draw(st.sampled_from([one for one in VERBS if VERBS[one] is not type(thing)]))
        self.refused_unchanged(self.at(who), verb, token)
        if isinstance(thing, Link):
            other = {"password-reset": "magic-link", "magic-link": "password-reset"}[thing.purpose]
            self.refused_unchanged(self.at(who), "redeem", token, other)

    @rule(data=st.data(), who=WHO)
    def mutate_token(self, data: st.DataObject, who: int) -> None:
        """Changed, cut, spliced, written otherwise: nothing but the very text is a token of ours (I1, I2)."""
        tokens = list(self.secrets)
        token, other = data.draw(st.sampled_from(tokens)), data.draw(st.sampled_from(tokens))
        place = data.draw(PLACES) % len(token)
        swapped = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        last = token[:-1] + chr(ord(token[-1]) + 1)  # another spelling of the same bits, where there are some to spare
        ways = [swapped, last, token[:place], token + "=", token + "A", token[:place] + other[place:]]
        ways += [token.swapcase(), quote(token, safe="") + "%00", " " + token, token.replace(".", "..")]
        way, verb = data.draw(st.sampled_from(range(len(ways)))), data.draw(st.sampled_from(list(VERBS)))
        if ways[way] not in self.secrets:
            self.refused_unchanged(self.at(who), verb, ways[way])

    def refused_unchanged(self, node: Node, verb: str, token: str, purpose: str = "password-reset") -> None:
        before = self.snapshot()
        found, _ = self.ask(node, self.present(node, verb, token, purpose))
        assert isinstance(found, TokenError | UnavailableError), (verb, found)
        assert self.snapshot() == before, "I9"

    async def present(self, node: Node, verb: str, token: str, purpose: str) -> Any:
        ww = node.ww
        if verb == "verify":
            return ww.access.verify(token)
        if verb == "redeem":
            return await ww.one_time.redeem(token, purpose=purpose)
        if verb == "rotate":
            return await ww.refresh.rotate(token)
        kind: Any = {"session": ww.sessions, "api_key": ww.api_keys, "opaque": ww.opaque_access}[verb]
        return await kind.authenticate(token)

    # what holds after every step

    @invariant()
    def no_revoked_token_is_accepted_late(self) -> None:
        """I4, I4m, I3, I11: every access token, on every node that runs."""
        for node in self.nodes:
            if not node.paused:
                for access in self.accesses_:
                    self.check_access(node, access)

    def check_access(self, node: Node, access: Access) -> None:
        before, now, token = self.must_refuse(node, access), node.clock.now(), str(access.newest)
        fault, node.store.fault, node.store.failed = node.store.fault, None, False
        found: Any
        try:
            found = node.ww.access.verify(token)
        except WatchwordError as error:
            found = error
            self.alike_outside(error)
        node.store.fault = fault
        early, late = now < access.began - LEEWAY, now >= access.ends
        lease = self.real < node.store.answered_at + T
        if isinstance(found, UnavailableError):
            assert node.store.cut_off if self.inline else not node.ww.view.fresh()
        knows = access.kid not in self.hurried or node.ww.ring.find(access.kid) is not None
        accept = knows and not (early or late) and access.kid not in self.killed and not self.skewed
        if self.judge(node, access, found, refuse=late or not lease, accept=accept, before=before):
            assert (found.subject, found.token_id) == (access.subject, access.names["token"]), "I1"
            assert now < found.expires_at
            assert found.rev == f"{node.ww.view.epoch}.{access.rev}"
        elif late and not isinstance(found, UnavailableError):
            assert isinstance(found, TokenExpiredError | TokenRevokedError | UnknownKeyError | NotYetValidError)

    # the end

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.heal()
                for who in range(3):
                    self.skew(who, 0)
                    self.nodes[who].store.fault = None
                    self.nodes[who].follow()
                self.pass_time(1)
                self.all_agree()
                self.nothing_secret_was_kept()
        finally:
            logging.getLogger("watchword").removeHandler(self.listener)
            for node in self.nodes:
                node.crash()
            self.observer.close_blocking()
            self.folder.cleanup()

    def all_agree(self) -> None:
        """Healed, every node says the same of every credential."""
        for node in self.nodes:
            assert node.ww.view.seq == self.head
            for session in self.sessions_:
                for token in session.tokens[-2:]:
                    if token is not None:
                        self.check_session(node, session, token)
            for key in self.api_keys_:
                if key.newest is not None:
                    self.check_api_key(node, key)
            for access in self.accesses_:
                self.check_access(node, access)
            for subject in ("user-1", "user-2"):
                listed, _ = self.ask(node, node.ww.refresh.list(subject))
                live = {
                    one.names["family"]
                    for one in self.families_
                    if one.subject == subject and not one.dead and not self.against(one)
                }
                assert {one.family_id for one in listed} == live

    def nothing_secret_was_kept(self) -> None:
        """I16: no token, and no secret of one, in the store, the logs or the errors."""
        kept = repr(self.snapshot()[0]) + "".join(self.texts)
        kept += repr(self.observed(self.observer.tail(0, now=-1)))
        kept += repr(self.observed(self.observer.audited(limit=100_000)))
        raw = b"".join(file.read_bytes() for file in Path(self.folder.name).glob("app.db*"))
        for token in self.secrets:
            secret = token.split(".")[2] if token.startswith("ww_rt_") else token.removeprefix("sk_live_")[6:]
            for form in (secret, b64encode(secret.encode()).decode(), secret.encode().hex(), quote(secret)):
                assert form not in kept, "I16"
                assert form.encode() not in raw, "I16"


VERBS: dict[str, type[Thing]] = {
    "verify": Access,
    "redeem": Link,
    "rotate": Family,
    "session": Session,
    "api_key": ApiKey,
    "opaque": Thing,
}
"""Verb -> whose tokens it is for."""


class Listener(logging.Handler):
    def __init__(self, texts: list[str]) -> None:
        super().__init__()
        self.texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class InMemory(System):
    def stores(self) -> Callable[[], Store]:
        store = open_store("memory:")
        return lambda: store


class InSQLite(System):
    """A check that finds its lease at an end asks at once, as over this store in earnest."""

    inline = True

    def stores(self) -> Callable[[], Store]:
        url = f"sqlite:///{self.folder.name}/app.db"
        return lambda: open_store(url)


class InPostgres(System):
    server: ClassVar[Postgres]

    def stores(self) -> Callable[[], Store]:
        url = self.server.fresh()
        return lambda: open_store(url)


class InValkey(System):
    server: ClassVar[Server]

    def stores(self) -> Callable[[], Store]:
        url = self.server.fresh()
        return lambda: open_store(url)


CASES: dict[str, tuple[Any, int]] = {
    "memory": (InMemory, 200),
    "sqlite": (InSQLite, 200),
    "postgres": (InPostgres, 40),
    "valkey": (InValkey, 40),
}
"""The machine, and how many examples of it."""
SOAK = int(os.environ.get("WATCHWORD_SOAK", "1"))


@pytest.mark.parametrize("case", CASES)
def test_the_system(case: str, request: pytest.FixtureRequest) -> None:
    machine, examples = CASES[case]
    if case in ("postgres", "valkey"):
        machine.server = request.getfixturevalue(case)
    System.histogram.clear()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples * SOAK,
            stateful_step_count=60 if SOAK == 1 else 120,
            deadline=None,
            derandomize=SOAK == 1,
            suppress_health_check=list(HealthCheck),
        ),
    )
