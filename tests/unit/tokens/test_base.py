"""The table of kinds, and the small rules that every kind shares."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError
from watchword.revocation.view import View
from watchword.stores.base import Feed
from watchword.tokens.base import KINDS, Issued, first, life_of, named, plain_json, rev_of, shown, words

ACCESS = KINDS["access"]


def test_kinds_that_begin_alike_in_one_carrier_differ_in_typ() -> None:
    """Opaque kinds are told apart by how they begin; the others by a ``typ`` that is authenticated."""
    for one, other in combinations(KINDS.values(), 2):
        alike = any(a.startswith(b) or b.startswith(a) for a in one.starts for b in other.starts)
        if alike and "opaque" in one.formats + other.formats:
            raise AssertionError(f"{one.name} and {other.name} begin alike")
        assert one.typ is None or one.typ != other.typ
        if alike and set(one.carriers) & set(other.carriers):
            assert None not in (one.typ, other.typ)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_default_life_is_within_the_cap(kind: Any) -> None:
    assert timedelta(0) < kind.life <= kind.cap <= timedelta(days=365 if kind.name == "api_key" else 30)


def test_refresh_tokens_and_sessions_are_opaque_always() -> None:
    assert KINDS["refresh"].formats == KINDS["session"].formats == KINDS["opaque_access"].formats == ("opaque",)
    assert KINDS["access"].stored == "nothing"


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [(None, 900), (timedelta(seconds=1), 1), (timedelta(minutes=60), 3600), (timedelta(seconds=59.9), 59)],
)
def test_a_lifetime_within_the_cap(wanted: timedelta | None, seconds: int) -> None:
    assert life_of(ACCESS, wanted, ACCESS.life) == seconds


@pytest.mark.parametrize("wanted", [timedelta(0), timedelta(seconds=0.9), timedelta(seconds=-1), timedelta(hours=2)])
def test_a_lifetime_outside_it(wanted: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="lives up to"):
        life_of(ACCESS, wanted, ACCESS.life)


def test_the_cap_itself_is_allowed_and_one_second_more_is_not() -> None:
    assert life_of(ACCESS, ACCESS.cap, ACCESS.life) == ACCESS.cap.total_seconds()
    with pytest.raises(ConfigurationError):
        life_of(ACCESS, ACCESS.cap + timedelta(seconds=1), ACCESS.life)


def test_words_are_sorted_and_said_once() -> None:
    assert words(["b:read", "a", "b:read"], "scopes") == ["a", "b:read"]
    assert words((), "scopes") == []
    assert words(iter(["z!#'()*+-./<=>?@[]^_`{|}~"]), "scopes") == ["z!#'()*+-./<=>?@[]^_`{|}~"]


@pytest.mark.parametrize("bad", ["", "a b", 'a"b', "a\\b", "é", "a\n", "\x7f", "a\tb"])
def test_a_word_with_another_character_is_refused(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot stand in scopes"):
        words(["ok", bad], "scopes")


def test_one_text_is_not_a_list_of_words() -> None:
    with pytest.raises(ConfigurationError, match="not one text"):
        words("admin", "roles")


@pytest.mark.parametrize("good", ["u", "u" * 255, "日本", "a b", "{}"])
def test_a_name(good: str) -> None:
    assert named(good, "a subject") == good


@pytest.mark.parametrize("bad", ["", "u" * 256, "a\n", "\x00", "\ud800", "\u2028", None, 7, b"u", True])
def test_what_is_no_name(bad: object) -> None:
    with pytest.raises(ConfigurationError, match="a subject is text"):
        named(bad, "a subject")


PLAIN: dict[str, Any] = {
    "text": "é😀",
    "n": 1,
    "f": 1.5,
    "big": 2**63,
    "t": True,
    "null": None,
    "list": [1, [2, {"x": []}]],
    "o": {"": {}},
}


def test_plain_json_is_copied_all_the_way_down() -> None:
    copy = plain_json(PLAIN, "data", 1000)
    assert copy == PLAIN
    copy["list"][1][1]["x"].append(1)
    assert PLAIN["list"] == [1, [2, {"x": []}]]
    assert plain_json(None, "data", 0x10) == {} == plain_json({}, "data", 2)


@dataclass
class Thing:
    x: int = 1


@pytest.mark.parametrize(
    "bad",
    [
        {"a": datetime(2026, 1, 1, tzinfo=UTC)},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": [float("-inf")]},
        {(1, 2): "tuple"},
        {1: "number"},
        {None: 1},
        {b"a": 1},
        {"a": {"b": {1, 2}}},
        {"a": [{"b": frozenset("c")}]},
        {"a": (1, 2)},
        {"a": b"bytes"},
        {"a": bytearray(b"bytes")},
        {"a": UUID(int=1)},
        {"a": Decimal("1.5")},
        {"a": timedelta(1)},
        {"a": Thing()},
        {"a": object()},
        {"a": "\ud800"},
        {"\ud800": 1},
    ],
    ids=repr,
)
def test_what_json_cannot_hold_as_it_is(bad: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="session data must be plain JSON"):
        plain_json(bad, "session data", 1000)


def test_a_loop_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    with pytest.raises(ConfigurationError):
        plain_json(loop, "data", 1000)


def test_the_limit_counts_bytes_and_is_inclusive() -> None:
    assert plain_json({"a": "é"}, "data", 10) == {"a": "é"}
    with pytest.raises(ConfigurationError, match="takes 10 bytes; at most 9"):
        plain_json({"a": "é"}, "data", 9)


def test_rev_is_the_parents_where_there_is_one() -> None:
    view = View(clock=FrozenClock())
    view.hear(Feed("epoch", 7), asked_after=0, sent_at=0)
    assert rev_of(view, None) == "epoch.7"
    assert rev_of(view, "other.1") == "other.1"
    assert rev_of(None, None) is None
    assert rev_of(None, "other.1") == "other.1"


def test_one_audience_or_several() -> None:
    assert first("https://a.test") == ("https://a.test",)
    assert first(["a", "b"]) == ("a", "b")


def test_issued_hides_its_token() -> None:
    issued = Issued(token="the-secret", token_id="id-1", subject="u", expires_at=5)
    assert "the-secret" not in repr(issued) + str(issued) + f"{issued}" + f"{issued!r:>100}"
    assert "id-1" in repr(issued)
    with pytest.raises(AttributeError):
        issued.token = "other"  # type: ignore[misc]


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def test_json_is_eight_levels_deep_at_most() -> None:
    assert plain_json(nested(8), "data", 1000) == nested(8)
    assert plain_json({"[": "{" * 20}, "data", 1000) == {"[": "{" * 20}
    for levels in (9, 900, 5000):
        with pytest.raises(ConfigurationError, match="must be plain JSON"):
            plain_json(nested(levels), "data", 100_000)


@pytest.mark.parametrize("bad", ["abc", [1, 2], [("a", 1)], 5, b"{}", True], ids=repr)
def test_json_is_an_object(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be plain JSON: an object"):
        plain_json(bad, "data", 1000)


@pytest.mark.parametrize("bad", [[1, "a"], [None, "a"], [["a"]], [b"a"], 5, None, [{}]], ids=repr)
def test_words_of_another_sort(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="scopes"):
        words(bad, "scopes")


@pytest.mark.parametrize("bad", [5, b"x", ["x"]], ids=repr)
def test_a_label_is_text(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="is text"):
        shown(bad)
