"""A compact feed says what the long one said: a view that follows it judges the same, from wherever it reads on."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from watchword import FrozenClock, View
from watchword.app import drive
from watchword.clock import AHEAD
from watchword.errors import TokenRevokedError
from watchword.principal import Principal
from watchword.revocation.event import BY_CUTOFF, BY_NAME
from watchword.revocation.feed import catch_up_now
from watchword.stores.base import Event, Feed
from watchword.stores.memory import MemoryStore

NOW = 1_800_000_000
NAMES = ("a", "b", "c")


def judged(view: View, who: Principal, kid: str) -> str:
    try:
        changed = view.roles_changed(who)
        view.check(who, kid)
    except TokenRevokedError:
        return "dead"
    return f"alive, roles {changed}"


class House:
    """One store, the long feed beside it, and credentials that carry the position at which they were born."""

    def __init__(self) -> None:
        self.clock = FrozenClock(NOW)
        self.store = MemoryStore()
        self.store.open_blocking()
        self.facts: dict[tuple[str, str], Event] = {}
        """The newest number and the latest end of each name; nothing is ever taken away."""
        self.born: list[tuple[Principal, str]] = []
        self.followers = [View(clock=self.clock), View(clock=self.clock)]

    def rev(self) -> str:
        feed = self.store.tail_now(0, now=self.clock.now())
        return f"{feed.epoch}.{feed.head}"

    def issue(self, kind: str, subject: str, client: str, key: str, roles: bool, parent: int) -> None:
        """With a parent, of its session and family and of its position."""
        number, own = len(self.born), not (parent and self.born)
        family = f"f{number}" if own else self.born[parent % len(self.born)][0].family_id
        session = f"s{number}" if own else self.born[parent % len(self.born)][0].session_id
        rev = self.rev() if own else self.born[parent % len(self.born)][0].rev
        who = Principal(
            subject=subject,
            kind=kind,
            token_id=f"t{number}",
            issued_at=0,
            expires_at=NOW * 2,
            session_id=session,
            family_id=family,
            client_id=client,
            roles=frozenset({"admin"} if roles else ()),
            rev=rev,
        )
        self.born.append((who, key))

    def revoke(self, what: str, which: int, name: str, life: int) -> None:
        ids = {"token": "token_id", "session": "session_id", "family": "family_id"}
        if what in ids:
            if not self.born:
                return
            value = str(getattr(self.born[which % len(self.born)][0], ids[what]))
        else:
            value = "" if what == "everything" else name
        until = self.clock.now() + life
        seq = drive(self.store.append(Event(what=what, value=value, at=0, until=until)))
        before = self.facts.get((what, value))
        latest = max(until, before.until if before else 0)
        self.facts[what, value] = Event(what=what, value=value, at=0, until=latest, seq=seq)

    def follow(self, number: int) -> None:
        catch_up_now(self.store, self.followers[number])

    def compare(self) -> None:
        """Who reads all of it now judges as one who knows every fact; who reads on misses none.

        One who reads on may refuse for another minute what a fact that has ended stopped: so long it may be kept.
        """
        ideal, snapshot = View(clock=self.clock), View(clock=self.clock)
        now = snapshot.forgets
        whole = self.store.tail_now(0, now=now)
        live = tuple(sorted((one for one in self.facts.values() if one.until > now), key=lambda one: one.seq))
        ideal.hear(Feed(whole.epoch, whole.head, live), asked_after=0, sent_at=self.clock.monotonic())
        catch_up_now(self.store, snapshot)
        self.follow(0)
        for who, key in self.born:
            right = judged(ideal, who, key)
            assert judged(snapshot, who, key) == right, who
            assert judged(self.followers[0], who, key) in (right, "dead") or right == "alive, roles None", who


STEPS = st.one_of(
    st.tuples(
        st.just("issue"),
        st.sampled_from(["access", "session", "refresh", "api_key"]),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.booleans(),
        st.integers(0, 5),
    ),
    st.tuples(
        st.just("revoke"),
        st.sampled_from([*BY_NAME, *BY_CUTOFF]),
        st.integers(0, 9),
        st.sampled_from(NAMES),
        st.sampled_from([1, 20, 3000, 6000]),
    ),
    st.tuples(st.just("purge")),
    st.tuples(st.just("follow"), st.just(1)),
    st.tuples(st.just("wait"), st.sampled_from([1, 61, 1800, 3600])),
)


@settings(max_examples=300)
@given(steps=st.lists(STEPS, max_size=30))
def test_a_view_of_the_compact_feed_judges_as_one_of_the_whole(steps: list[tuple[Any, ...]]) -> None:
    house = House()
    for verb, *words in steps:
        if verb == "purge":
            drive(house.store.purge(now=house.clock.now() - AHEAD))
        elif verb == "wait":
            house.clock.advance(words[0])
        else:
            getattr(house, verb)(*words)
        house.compare()
    house.follow(1)  # it has read now and then, and not since
    for who, key in house.born:
        snapshot = View(clock=house.clock)
        catch_up_now(house.store, snapshot)
        assert judged(snapshot, who, key) != "dead" or judged(house.followers[1], who, key) == "dead", who


def test_the_feed_is_as_long_as_there_are_names() -> None:
    house = House()
    for n in range(2000):
        house.revoke("subject", 0, NAMES[n % 3], 100)
    assert len(house.store.tail_now(0, now=NOW).events) == 3
    house.revoke("everything", 0, "", 100)
    assert drive(house.store.purge(now=NOW)) == 3
    assert house.store.tail_now(0, now=NOW).head == 2001
