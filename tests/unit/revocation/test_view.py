"""The View: whatever order the answers come in, nothing revoked is called good past the lease."""

import gc
import sys
import threading
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import Any

import pytest
from msgspec.structs import replace

from watchword.clock import AHEAD, FrozenClock
from watchword.crypto.digest import new_id
from watchword.errors import ConfigurationError, StaleRevocationError, StoreUnavailableError, TokenRevokedError
from watchword.principal import Principal
from watchword.revocation import feed as feeds
from watchword.revocation.event import (
    BY_CUTOFF,
    BY_NAME,
    KEY_LIFE,
    LONGEST_LIFE,
    MARGIN,
    NOTICE,
    NOTICES,
    event,
    notice,
)
from watchword.revocation.feed import catch_up, catch_up_now
from watchword.revocation.view import SWEEP_EVERY, View
from watchword.stores.base import Event, Feed
from watchword.stores.memory import MemoryStore

NOW, SENT = 1_800_000_000, 1000.0
LATER = NOW + 30 * 86_400


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW, SENT)


@pytest.fixture
def view(clock: FrozenClock) -> View:
    """Fresh, and at the head of an empty feed."""
    made = View(clock=clock)
    assert made.hear(Feed("e", 0), asked_after=0, sent_at=SENT)
    return made


def dead(what: str, value: str, seq: int, until: int = LATER) -> Event:
    return Event(what=what, value=value, at=NOW, until=until, seq=seq)


def who(**changes: Any) -> Principal:
    held = {
        "subject": "u",
        "kind": "access",
        "token_id": "t",
        "issued_at": NOW,
        "expires_at": NOW + 900,
        "session_id": "s",
        "family_id": "f",
        "client_id": "c",
        "rev": "e.0",
    }
    return Principal(**{**held, **changes})


def refuses(view: View, caller: Principal | None = None, kid: str | None = None) -> bool:
    try:
        view.check(caller or who(), kid)
    except TokenRevokedError:
        return True
    return False


# the lease


def test_nothing_heard_is_nothing_good(clock: FrozenClock) -> None:
    view = View(clock=clock)
    assert not view.fresh()
    with pytest.raises(StaleRevocationError):
        view.check(who())


def test_the_lease_runs_from_the_question_not_from_the_answer(clock: FrozenClock) -> None:
    """Mutant M1: an answer that was four seconds on its way is good for one second more, not for five."""
    view = View(clock=clock)
    sent_at = clock.monotonic()
    clock.advance(4)
    assert view.hear(Feed("e", 0), asked_after=0, sent_at=sent_at)
    assert view.lease_until == sent_at + 5
    clock.advance(0.99)
    view.check(who())
    clock.advance(0.01)
    with pytest.raises(StaleRevocationError):
        view.check(who())


def test_an_answer_as_old_as_the_lease_gives_none(clock: FrozenClock) -> None:
    view = View(clock=clock)
    clock.advance(5)
    assert view.hear(Feed("e", 0), asked_after=0, sent_at=SENT)
    with pytest.raises(StaleRevocationError):
        view.check(who())


def test_the_lease_ends_at_its_instant(view: View, clock: FrozenClock) -> None:
    clock.advance(4.999)
    assert view.fresh()
    clock.advance(0.001)
    assert not view.fresh()


@pytest.mark.parametrize("seconds", [0.1, 1, 60])
def test_max_staleness_is_declared(clock: FrozenClock, seconds: float) -> None:
    view = View(clock=clock, max_staleness=timedelta(seconds=seconds))
    view.hear(Feed("e", 0), asked_after=0, sent_at=SENT)
    assert view.lease_until == SENT + seconds


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_bound_that_cannot_be_kept_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="max_staleness"):
        View(max_staleness=timedelta(seconds=seconds))


def test_the_wall_clock_has_no_part_in_the_lease(view: View, clock: FrozenClock) -> None:
    for wall in (NOW + 86_400, NOW - 86_400):
        clock.set_wall(wall)
        view.check(who())
    clock.advance(5)
    clock.set_wall(NOW)
    with pytest.raises(StaleRevocationError):
        view.check(who())


def test_a_stale_view_pulls_where_it_can(view: View, clock: FrozenClock) -> None:
    asked = []

    def pull() -> None:
        asked.append(clock.monotonic())
        view.hear(Feed("e", 1, (dead("token", "t", 1),)), asked_after=0, sent_at=clock.monotonic())

    view.pull = pull
    view.check(who())
    assert asked == []
    clock.advance(5)
    assert refuses(view)
    assert asked == [SENT + 5]
    view.check(who(token_id="other"))
    assert asked == [SENT + 5]


def test_a_pull_that_brings_nothing_leaves_the_view_stale(view: View, clock: FrozenClock) -> None:
    clock.advance(5)
    view.pull = lambda: None
    with pytest.raises(StaleRevocationError, match="no word about revocations for 5 s"):
        view.check(who())

    def broken() -> None:
        raise StoreUnavailableError

    view.pull = broken
    with pytest.raises(StoreUnavailableError):
        view.check(who())


def test_what_is_revoked_stays_revoked_on_a_stale_view(view: View, clock: FrozenClock) -> None:
    view.hear(Feed("e", 1, (dead("token", "t", 1),)), asked_after=0, sent_at=SENT)
    clock.advance(5)
    with pytest.raises(StaleRevocationError):
        view.check(who())
    view.hear(Feed("e", 1), asked_after=1, sent_at=clock.monotonic())
    assert refuses(view)


def test_forget_forgets_the_lease_and_everything_heard(view: View) -> None:
    view.hear(Feed("e", 1, (dead("token", "t", 1),)), asked_after=0, sent_at=SENT)
    view.forget()
    assert (len(view), view.fresh(), view.epoch, view.seq) == (0, False, "", 0)
    assert not view.hear(Feed("e", 1), asked_after=1, sent_at=SENT), "it needs a snapshot"
    assert view.hear(Feed("e", 1, (dead("token", "t", 1),)), asked_after=0, sent_at=SENT)
    assert refuses(view)


# answers in any order


def test_an_old_answer_that_comes_late_takes_nothing_back(view: View, clock: FrozenClock) -> None:
    clock.advance(2)
    assert view.hear(Feed("e", 2, (dead("token", "a", 1), dead("token", "t", 2))), asked_after=0, sent_at=SENT + 2)
    for late in (Feed("e", 1, (dead("token", "a", 1),)), Feed("e", 0)):
        assert view.hear(late, asked_after=0, sent_at=SENT + 1)
        assert (view.seq, view.lease_until) == (2, SENT + 7)
        assert refuses(view)


def test_an_old_answer_of_another_life_that_comes_late_is_no_new_life(view: View, clock: FrozenClock) -> None:
    clock.advance(2)
    assert not view.hear(Feed("new", 1), asked_after=1, sent_at=SENT + 1)
    assert view.hear(Feed("new", 1, (dead("token", "t", 1),)), asked_after=0, sent_at=SENT + 2)
    assert view.hear(Feed("e", 9), asked_after=0, sent_at=SENT + 1)
    assert (view.epoch, view.seq) == ("new", 1)
    assert refuses(view)


def test_answers_to_questions_of_one_instant_add_up(view: View) -> None:
    for seq, value in ((2, "b"), (1, "a"), (3, "c")):
        assert view.hear(Feed("e", seq, (dead("token", value, seq),)), asked_after=0, sent_at=SENT)
    assert view.seq == 3
    assert all(refuses(view, who(token_id=value)) for value in "abc")


def test_hearing_the_same_twice_changes_nothing(view: View) -> None:
    answer = Feed("e", 2, (dead("token", "t", 1), dead("subject", "u", 2)))
    for _ in range(3):
        assert view.hear(answer, asked_after=0, sent_at=SENT)
        assert (len(view), view.seq) == (2, 2)


def test_a_new_epoch_asks_for_a_snapshot_first(view: View, clock: FrozenClock) -> None:
    view.hear(Feed("e", 3, (dead("token", "old", 3),)), asked_after=0, sent_at=SENT)
    clock.advance(1)
    assert not view.hear(Feed("new", 9, (dead("token", "t", 9),)), asked_after=3, sent_at=SENT + 1)
    assert view.lease_until == SENT + 5, "no lease from an answer that cannot be used"
    assert not refuses(view)
    assert refuses(view, who(token_id="old"))
    assert not view.hear(Feed("new", 9), asked_after=3, sent_at=SENT + 1), "still not"
    assert view.hear(Feed("new", 9, (dead("token", "t", 9), dead("token", "x", 4))), asked_after=0, sent_at=SENT + 1)
    assert (view.epoch, view.seq, len(view), view.lease_until) == ("new", 9, 3, SENT + 6)
    assert refuses(view)
    assert refuses(view, who(token_id="old")), "a store that came back without it revives nothing"


def test_a_feed_that_went_back_asks_for_a_snapshot_first(view: View, clock: FrozenClock) -> None:
    view.hear(Feed("e", 9, (dead("token", "t", 9),)), asked_after=0, sent_at=SENT)
    clock.advance(1)
    assert not view.hear(Feed("e", 4), asked_after=9, sent_at=SENT + 1)
    assert view.lease_until == SENT + 5
    assert refuses(view)
    assert view.hear(Feed("e", 4, (dead("token", "other", 4),)), asked_after=0, sent_at=SENT + 1)
    assert view.seq == 4
    assert refuses(view, who(token_id="other"))


def test_an_answer_that_begins_behind_what_was_heard_leaves_no_gap(view: View, clock: FrozenClock) -> None:
    """Two ask while the feed begins anew: one from the old life, when the other has the first part of the new."""
    view.hear(Feed("e", 500), asked_after=0, sent_at=SENT)
    assert not view.hear(Feed("f", 600), asked_after=500, sent_at=SENT + 1)
    assert view.hear(Feed("f", 100), asked_after=0, sent_at=SENT + 2, complete=False)
    clock.advance(3)
    assert not view.hear(Feed("f", 600), asked_after=500, sent_at=SENT + 3)
    assert (view.rev, view.fresh()) == ("f.100", False)
    assert view.hear(Feed("f", 600, [dead("session", "s", 300)]), asked_after=0, sent_at=SENT + 3)
    assert view.fresh()
    with pytest.raises(TokenRevokedError):
        view.check(who(session_id="s", rev="f.600"))


def test_the_first_answer_is_a_snapshot(clock: FrozenClock) -> None:
    view = View(clock=clock)
    assert not view.hear(Feed("", 0), asked_after=3, sent_at=SENT)
    assert not view.hear(Feed("e", 5), asked_after=3, sent_at=SENT)
    assert not view.fresh()


# pages


def test_only_the_last_page_renews_the_lease(view: View, clock: FrozenClock) -> None:
    clock.advance(1)
    assert view.hear(Feed("e", 1, (dead("token", "t", 1),)), asked_after=0, sent_at=SENT + 1, complete=False)
    assert (view.seq, view.lease_until) == (1, SENT + 5)
    assert refuses(view), "but what was heard counts at once"
    assert view.hear(Feed("e", 2, (dead("token", "b", 2),)), asked_after=1, sent_at=SENT + 1, complete=True)
    assert (view.seq, view.lease_until) == (2, SENT + 6)


def test_the_pages_of_a_snapshot_add_up(clock: FrozenClock) -> None:
    view = View(clock=clock)
    assert view.hear(Feed("e", 1, (dead("token", "a", 1),)), asked_after=0, sent_at=SENT, complete=False)
    assert not view.fresh()
    assert view.hear(Feed("e", 2, (dead("token", "b", 2),)), asked_after=1, sent_at=SENT, complete=True)
    assert view.fresh()
    assert refuses(view, who(token_id="a"))
    assert refuses(view, who(token_id="b"))


class SlowStore(MemoryStore):
    """Its answers take so many seconds; it gives two events at a time."""

    took = 0.0
    questions: list[int]
    clock: FrozenClock

    def __init__(self, clock: FrozenClock, inline: bool) -> None:
        super().__init__()
        self.clock, self.pulls_inline, self.questions = clock, inline, []

    def tail_now(self, after: int, *, now: int) -> Feed:
        assert self.pulls_inline
        return self._slow(after, now)

    async def tail(self, after: int, *, now: int, limit: int = 10_000) -> Feed:
        assert not self.pulls_inline
        assert limit == feeds.PAGE
        return self._slow(after, now)

    def _slow(self, after: int, now: int) -> Feed:
        self.questions.append(after)
        answer = self._feed(after, now, feeds.PAGE)
        self.clock.advance(self.took)
        return answer


@pytest.mark.parametrize("inline", [True, False], ids=["now", "awaited"])
async def test_a_slow_answer_is_as_old_as_its_question(clock: FrozenClock, inline: bool) -> None:
    store, view = SlowStore(clock, inline), View(clock=clock)
    store.open_blocking()
    store.took = 4
    await catch_up(store, view)
    assert clock.monotonic() == SENT + 4
    assert view.lease_until == SENT + 5


@pytest.mark.parametrize("inline", [True, False], ids=["now", "awaited"])
async def test_catching_up_asks_page_after_page(
    clock: FrozenClock, inline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PAGE", 2)
    store, view = SlowStore(clock, inline), View(clock=clock)
    store.open_blocking()
    await store.append(*(event("token", name, now=NOW) for name in "abcde"))
    await catch_up(store, view)
    assert store.questions == [0, 2, 4]
    assert view.seq == 5
    assert all(refuses(view, who(token_id=name)) for name in "abcde")
    await catch_up(store, view)
    assert store.questions == [0, 2, 4, 5]
    store.close_blocking()
    store.open_blocking()
    await store.append(event("token", "z", now=NOW))
    await catch_up(store, view)
    assert store.questions[4:] == [5, 0], "a new epoch: from the beginning"
    assert refuses(view, who(token_id="z"))
    assert refuses(view, who(token_id="a")), "what this process has called revoked stays so"


async def test_a_revocation_between_two_questions_is_heard_with_the_second(clock: FrozenClock) -> None:
    store, view = MemoryStore(), View(clock=clock)
    store.open_blocking()
    catch_up_now(store, view)
    await store.append(event("subject", "u", now=NOW))
    assert not refuses(view, who(rev=view.rev))
    before = view.rev
    catch_up_now(store, view)
    assert refuses(view, who(rev=before))
    assert not refuses(view, who(rev=view.rev))


# what is revoked


@pytest.mark.parametrize("what", BY_NAME)
def test_a_name_is_dead_from_now_on_whatever_its_age(view: View, what: str) -> None:
    view.hear(Feed("e", 5, (dead(what, "x", 5),)), asked_after=0, sent_at=SENT)
    names = {"token": "token_id", "session": "session_id", "family": "family_id"}
    for rev in ("e.0", "e.5", "e.9", "other.9", None, ""):
        if what == "key":
            assert refuses(view, who(rev=rev), "x")
            assert not refuses(view, who(rev=rev), "y")
            assert not refuses(view, who(rev=rev))
        else:
            assert refuses(view, who(rev=rev, **{names[what]: "x"}))
            assert not refuses(view, who(rev=rev))
    others = {"session_id": "x", "family_id": "x", "token_id": "x", "subject": "x", "client_id": "x"}
    others.pop(names.get(what, ""), None)
    assert not refuses(view, who(**others), None if what == "key" else "x")


@pytest.mark.parametrize("what", BY_CUTOFF)
@pytest.mark.parametrize(
    ("rev", "lives"),
    [
        ("e.7", False),
        ("e.8", True),
        ("e.9", True),
        ("e.10", True),
        ("e.0", False),
        ("e.99999999999999999999", True),
        ("e." + "9" * 5000, True),
        ("e." + "0" * 5000 + "9", False),
        ("other.9", False),
        ("E.9", False),
        (None, False),
        ("", False),
        ("9", False),
        ("e", False),
        ("e.", False),
        ("e.-9", False),
        ("e.+9", False),
        ("e. 9", False),
        ("e.9 ", False),
        ("e.٩", False),
        ("e.9.9", False),
        (".9", False),
        ("e.0x9", False),
        ("e.²", False),
    ],
)
def test_a_cut_off_goes_by_rev(view: View, what: str, rev: str | None, lives: bool) -> None:
    """Equal lives: it was issued when the event had been applied. Lower, foreign and unreadable ones die."""
    value = {"client": "c", "everything": ""}.get(what, "u")
    view.hear(Feed("e", 8, (dead(what, value, 8),)), asked_after=0, sent_at=SENT)
    assert refuses(view, who(rev=rev)) is not lives


def test_a_cut_off_is_for_its_own_alone(view: View) -> None:
    events = (dead("subject", "someone", 1), dead("client", "something", 2))
    view.hear(Feed("e", 2, events), asked_after=0, sent_at=SENT)
    assert not refuses(view)
    assert not refuses(view, who(subject="something", client_id="someone"))
    assert refuses(view, who(subject="someone"))
    assert refuses(view, who(client_id="something"))
    assert not refuses(view, who(client_id=None))


def test_the_latest_cut_off_counts_and_the_longest_memory(clock: FrozenClock) -> None:
    for order in ((0, 1), (1, 0)):
        view = View(clock=clock)
        events = (dead("subject", "u", 3, NOW + 500), dead("subject", "u", 9, NOW + 100))
        view.hear(Feed("e", 9, tuple(events[place] for place in order)), asked_after=0, sent_at=SENT)
        assert refuses(view, who(rev="e.8"))
        assert not refuses(view, who(rev="e.9"))
        clock.advance(200)
        view.hear(Feed("e", 9), asked_after=9, sent_at=clock.monotonic())
        assert refuses(view, who(rev="e.8"))
        clock.advance(-200)


def test_a_revocation_of_a_later_version_cuts_everything_off(view: View, caplog: pytest.LogCaptureFixture) -> None:
    """What an old process in a rolling upgrade cannot judge, it refuses; what comes after, it takes."""
    for seq in (1, 2):
        view.hear(Feed("e", seq, (dead("tenant", "t", seq),)), asked_after=seq - 1, sent_at=SENT)
        assert (len(view), view.seq) == (1, seq)
        assert refuses(view, who(rev=f"e.{seq - 1}"))
        assert not refuses(view, who(rev=f"e.{seq}"))
    assert [one.levelname for one in caplog.records] == ["ERROR"] * 2
    assert "'tenant'" in caplog.text


def test_it_is_remembered_as_long_as_it_says(view: View, clock: FrozenClock) -> None:
    view.hear(Feed("e", 1, (dead("tenant", "t", 1, NOW + 3 * SWEEP_EVERY),)), asked_after=0, sent_at=SENT)
    clock.advance(3 * SWEEP_EVERY + AHEAD)
    view.hear(Feed("e", 1), asked_after=1, sent_at=clock.monotonic())
    assert len(view) == 0
    assert not refuses(view)


@pytest.mark.parametrize("what", [*NOTICES, f"{NOTICE}of-a-later-version"])
def test_a_notice_revokes_nothing_and_is_passed_on(view: View, what: str, caplog: pytest.LogCaptureFixture) -> None:
    one = notice(what, "x", now=NOW)
    told: list[Event] = []

    def listener(events: Sequence[Event], anew: bool) -> None:
        assert not anew
        told.extend(events)

    view.hear(Feed("e", 1, (replace(one, seq=1),)), asked_after=0, sent_at=SENT)
    view.listen(listener)
    view.hear(Feed("e", 2, (replace(one, seq=2), dead("token", "other", 2))), asked_after=1, sent_at=SENT)
    assert [(event.what, event.value, event.seq) for event in told] == [(what, "x", 2), ("token", "other", 2)]
    assert (len(view), view.seq) == (1, 2)
    assert not refuses(view)
    assert caplog.records == []
    view.mute(listener)
    view.hear(Feed("e", 3, (replace(one, seq=3),)), asked_after=2, sent_at=SENT)
    assert len(told) == 2


def test_who_listens_hears_when_all_is_let_go_of(view: View) -> None:
    told: list[tuple[int, bool]] = []
    view.hear(Feed("e", 1), asked_after=0, sent_at=SENT)
    view.listen(lambda events, anew: told.append((len(events), anew)))
    view.hear(Feed("e", 1), asked_after=1, sent_at=SENT)  # nothing new
    view.hear(Feed("f", 1, (dead("token", "other", 1),)), asked_after=0, sent_at=SENT)
    view.forget()
    assert told == [(1, True), (0, True)]


@pytest.mark.parametrize("what", [*BY_NAME, *BY_CUTOFF, "notices", "Acknowledge", ""])
def test_a_revocation_cannot_be_written_as_a_notice(what: str) -> None:
    with pytest.raises(ConfigurationError, match="no notice"):
        notice(what, "x", now=NOW)


@pytest.mark.parametrize("what", NOTICES)
def test_a_notice_cannot_be_written_as_a_revocation(what: str) -> None:
    with pytest.raises(ConfigurationError, match="can be revoked"):
        event(what, "x", now=NOW)


def test_what_a_cut_off_reaches(view: View) -> None:
    """Sort of cut-off -> the kinds of the subject that outlive it, without roles and with."""
    kinds = ("session", "refresh", "access", "opaque_access", "api_key", "service", "one_time", "sealed")
    outlive = {
        "subject": (set[str](), set[str]()),
        "signed_in": ({"api_key", "service"}, {"api_key", "service"}),
        "roles": ({"session", "refresh", "api_key", "service", "one_time", "sealed"}, {"session", "refresh"}),
        "client": (set(), set()),
        "everything": (set(), set()),
    }
    assert set(outlive) == set(BY_CUTOFF)
    for what, sets in outlive.items():
        heard = View(clock=view.clock)
        heard.hear(
            Feed("e", 1, (dead(what, {"client": "c", "everything": ""}.get(what, "u"), 1),)),
            asked_after=0,
            sent_at=SENT,
        )
        for roles, expected in zip((frozenset[str](), frozenset({"r"})), sets, strict=True):
            assert {kind for kind in kinds if not refuses(heard, who(kind=kind, roles=roles))} == expected, what


def test_the_cut_offs_of_one_subject_share_an_entry_and_not_a_number(view: View) -> None:
    events = (dead("roles", "u", 3), dead("subject", "u", 5), dead("signed_in", "u", 8))
    for seq, one in enumerate(events):
        view.hear(Feed("e", one.seq, (one,)), asked_after=0 if not seq else events[seq - 1].seq, sent_at=SENT)
    assert len(view) == 1
    for kind, dies_before in (("access", 8), ("api_key", 5), ("session", 8)):
        assert refuses(view, who(kind=kind, rev=f"e.{dies_before - 1}"))
        assert not refuses(view, who(kind=kind, rev=f"e.{dies_before}"))
    assert view.roles_changed(who(kind="session", rev="e.2")) == "e.3"
    assert view.roles_changed(who(kind="session", rev="e.3")) is None


def test_of_changed_roles_a_stale_view_knows_nothing(view: View, clock: FrozenClock) -> None:
    assert view.roles_changed(who(kind="session", rev="e.0")) is None
    clock.advance(5)
    with pytest.raises(StaleRevocationError):
        view.roles_changed(who(kind="session", rev="e.0"))


def test_numbers_beyond_any_clock(view: View) -> None:
    huge = 2**62
    view.hear(Feed("e", huge, (dead("subject", "u", huge, 2**47),)), asked_after=0, sent_at=SENT)
    assert refuses(view, who(rev=f"e.{huge - 1}"))
    assert not refuses(view, who(rev=f"e.{huge}"))
    assert view.rev == f"e.{huge}"


# memory


@pytest.mark.parametrize("what", [*BY_NAME, *BY_CUTOFF])
def test_an_entry_dies_with_the_last_token_it_could_stop(view: View, clock: FrozenClock, what: str) -> None:
    """And an hour later, so that a wall clock that was ahead for a while has made nothing forgotten."""
    until = NOW + 3 * SWEEP_EVERY - AHEAD
    view.hear(Feed("e", 1, (dead(what, "x", 1, until),)), asked_after=0, sent_at=SENT)
    clock.advance(3 * SWEEP_EVERY - 1)
    view.hear(Feed("e", 1), asked_after=1, sent_at=clock.monotonic())
    assert len(view) == 1
    clock.advance(SWEEP_EVERY)
    view.hear(Feed("e", 1), asked_after=1, sent_at=clock.monotonic())
    assert len(view) == 0
    assert not refuses(view, who(token_id="x", session_id="x", family_id="x", subject="x", client_id="x"), "x")


def test_it_dies_at_its_second(view: View, clock: FrozenClock) -> None:
    ends = NOW + SWEEP_EVERY - AHEAD
    events = (dead("token", "t", 1, ends), dead("subject", "u", 2, ends + 1))
    view.hear(Feed("e", 2, events), asked_after=0, sent_at=SENT)
    clock.advance(SWEEP_EVERY)
    view.hear(Feed("e", 2), asked_after=2, sent_at=clock.monotonic())
    assert len(view) == 1
    assert refuses(view)


def test_it_sweeps_once_a_minute(view: View, clock: FrozenClock) -> None:
    view.hear(Feed("e", 1, (dead("token", "t", 1, NOW + 1 - AHEAD),)), asked_after=0, sent_at=SENT)
    clock.advance(SWEEP_EVERY - 1)
    view.hear(Feed("e", 1), asked_after=1, sent_at=clock.monotonic())
    assert len(view) == 1
    clock.advance(1)
    view.hear(Feed("e", 1), asked_after=1, sent_at=clock.monotonic())
    assert len(view) == 0


def test_an_event_outlives_every_token_it_could_stop() -> None:
    assert event("subject", "u", now=NOW).until == NOW + LONGEST_LIFE + MARGIN
    assert event("token", "t", now=NOW, life=900).until == NOW + 900 + MARGIN
    assert event("key", "k", now=NOW).until == NOW + KEY_LIFE + MARGIN
    assert MARGIN >= 2 * 60
    with pytest.raises(ConfigurationError, match="nothing called 'user' can be revoked"):
        event("user", "u", now=NOW)


@pytest.mark.parametrize("what", ["token", "session", "subject", "signed_in", "roles"])
def test_entries_take_at_most_200_bytes_each(clock: FrozenClock, what: str) -> None:
    number, page = 25_000, 5_000  # a little more than where a dictionary grows, so it is as wasteful as it can be
    view = View(clock=clock)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for start in range(0, number, page):
        events = tuple(dead(what, new_id(), start + n + 1, LATER + start + n) for n in range(page))
        last = start + page == number
        view.hear(Feed("e", start + page, events), asked_after=start, sent_at=SENT, complete=last)
    del events
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(view) == number
    assert used / number <= 200


def test_a_repr_says_how_it_is(view: View, clock: FrozenClock) -> None:
    assert repr(view) == "View(rev='e.0', entries=0, fresh)"
    clock.advance(5)
    assert repr(view) == "View(rev='e.0', entries=0, stale)"


# threads


class WatchedLock(AbstractContextManager[None]):
    """A lock that knows whether it is held."""

    def __init__(self) -> None:
        self.lock, self.held, self.times = threading.Lock(), False, 0

    def __enter__(self) -> None:
        self.lock.acquire()
        self.held, self.times = True, self.times + 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.held = False
        self.lock.release()


def test_an_answer_is_taken_in_under_the_lock_and_checks_never_wait_for_it() -> None:
    lock = WatchedLock()

    class Watching(FrozenClock):
        def now(self) -> int:
            assert lock.held, "the sweep asks for the time"
            return super().now()

    clock = Watching(NOW, SENT)
    view = View(clock=clock, lock=lock)
    for seq in range(1, 4):
        view.hear(Feed("e", seq, (dead("token", "t", seq),)), asked_after=seq - 1 if seq > 1 else 0, sent_at=SENT)
    assert lock.times == 3
    assert refuses(view)
    with lock:
        assert refuses(view)
    assert lock.times == 4


@pytest.fixture
def restless_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless_threads")
def test_two_threads_that_hear_at_once_lose_nothing(clock: FrozenClock) -> None:
    """Each round both threads write an event and hear; each is due for a sweep, which makes new dictionaries."""
    rounds, threads = 1000, 2
    store, view = MemoryStore(), View(clock=clock, lock=threading.Lock())
    store.open_blocking()
    catch_up_now(store, view)
    failures: list[BaseException] = []

    def between() -> None:
        clock.advance(SWEEP_EVERY)

    barrier = threading.Barrier(threads, action=between)

    def work(name: int) -> None:
        try:
            for number in range(rounds):
                barrier.wait()
                one = event(BY_NAME[number % 3], f"{name}-{number}", now=NOW, life=10**9)
                with pytest.raises(StopIteration):
                    store.append(one).send(None)
                catch_up_now(store, view)
                value = {("token_id", "session_id", "family_id")[number % 3]: f"{name}-{number}"}
                assert refuses(view, who(**value))
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)
            barrier.abort()

    workers = [threading.Thread(target=work, args=(name,)) for name in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert len(view) == view.seq == rounds * threads
    assert view.lease_until == clock.monotonic() + 5


def test_half_a_snapshot_has_no_lease(view: View) -> None:
    """What the old lease vouched for is gone, and what is to come in its place is not all there."""
    view.hear(Feed("e", 3, (dead("token", "old", 3),)), asked_after=0, sent_at=SENT)
    assert not view.hear(Feed("new", 9), asked_after=3, sent_at=SENT)
    view.hear(Feed("new", 4, (dead("token", "t", 4),)), asked_after=0, sent_at=SENT, complete=False)
    assert not view.fresh()
    view.hear(Feed("new", 9, (dead("token", "old", 9),)), asked_after=4, sent_at=SENT)
    assert view.fresh()
    assert refuses(view, who(token_id="old"))
