"""Typed claims: any claims and any type end in a value or a ClaimError that names the claim, and never show a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from enum import Enum
from typing import Annotated, Any, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword import Principal, Watchword
from watchword.errors import ClaimError, ConfigurationError
from watchword.principal import typed


class Team(Enum):
    BLUE = "blue"


class Inner(msgspec.Struct):
    x: int


class Plain(msgspec.Struct):
    team: str
    level: int = 0
    inner: Inner | None = None
    many: list[Inner] = []
    by_name: dict[str, int] = {}
    by_number: dict[int, int] = {}
    color: Team = Team.BLUE
    short: Annotated[str, msgspec.Meta(max_length=3)] = ""


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename={"role": "https://app.example/role"}):
    role: str


class Tagged(msgspec.Struct, tag="mine"):
    ty: str = ""


class Dotted(msgspec.Struct, rename={"short": "app.example", "long": "app.example.role"}):
    short: Any = None
    long: int = 0


@dataclass
class Data:
    team: str
    level: int = 0


class Shape(TypedDict):
    team: str


@dataclass
class Picky:
    team: str
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        {"ValueError": _value, "KeyError": _key, "Zero": _zero}.get(self.team, _fine)(self.team)


def _value(text: str) -> None:
    raise ValueError(f"no {text}")


def _key(text: str) -> None:
    raise KeyError(text)


def _zero(text: str) -> None:
    raise ZeroDivisionError


def _fine(text: str) -> None:
    return None


@pytest.mark.parametrize(
    ("as_", "claims", "claim"),
    [
        (Plain, {}, "team"),
        (Plain, {"team": 5}, "team"),
        (Plain, {"team": None}, "team"),
        (Plain, {"team": "s3cret", "level": "s3cret"}, "level"),
        (Plain, {"team": "a", "inner": {}}, "inner"),
        (Plain, {"team": "a", "inner": {"x": "s3cret"}}, "inner"),
        (Plain, {"team": "a", "many": [{"x": 1}, {"x": []}]}, "many"),
        (Plain, {"team": "a", "by_name": {"s3cret": "s3cret"}}, "by_name"),
        (Plain, {"team": "a", "by_number": {"s3cret": 1}}, "by_number"),
        (Plain, {"team": "a", "color": "s3cret"}, "color"),
        (Plain, {"team": "a", "short": "s3cret"}, "short"),
        (Strict, {"https://app.example/role": 7}, "https://app.example/role"),
        (Strict, {"https://app.example/role": "a", "other": "s3cret"}, "other"),
        (Tagged, {"type": "s3cret"}, "*"),
        (Dotted, {"app.example.role": "s3cret"}, "app.example.role"),
        (Data, {}, "team"),
        (Data, {"team": "a", "level": 1.5}, "level"),
        (Shape, {"team": []}, "team"),
        (Shape, {}, "team"),
        (Picky, {"team": "ValueError"}, "*"),
        (Picky, {"team": "KeyError"}, "*"),
        (Picky, {"team": "Zero"}, "*"),
        (Plain, {"team": object()}, "*"),
    ],
)
def test_what_does_not_fit_is_named(as_: type[Any], claims: Mapping[str, Any], claim: str) -> None:
    with pytest.raises(ClaimError, match=as_.__name__) as caught:
        typed(claims, as_)
    assert caught.value.claim == claim
    assert "s3cret" not in str(caught.value)


class Many(msgspec.Struct, array_like=True):
    team: str


class Anything:
    pass


@pytest.mark.parametrize(
    "as_", [int, str, dict, list, Any, None, 7, "Plain", [], {}, Plain | None, Plain | Data, Anything, Many, Team]
)
def test_a_type_of_another_sort_is_a_mistake_in_the_program(as_: Any) -> None:
    with pytest.raises(ConfigurationError, match="claims cannot become"):
        typed({"team": "a"}, as_)


def test_a_name_that_leads_nowhere_is_one_too() -> None:
    lost = make_dataclass("Lost", [("team", "NobodyKnows")])
    with pytest.raises(ConfigurationError):
        typed({"team": "a"}, lost)


SIMPLE: dict[Any, Any] = {
    int: st.integers(-5, 5),
    str: st.text(max_size=3),
    bool: st.booleans(),
    float: st.floats(0, 1),
    list[int]: st.lists(st.integers(), max_size=2),
    dict[str, str]: st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2),
    Inner: st.builds(lambda x: {"x": x}, st.integers(-5, 5)),
    Team: st.just("blue"),
    Any: st.none() | st.text(max_size=3),
}
NAMES = ["a", "b", "ab", "team", "type", "x1"]
FIELDS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(list(SIMPLE)), min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def made(sort: str, fields: Mapping[str, Any], strict: bool) -> type[Any]:
    rows = list(fields.items())
    if sort == "struct":
        return msgspec.defstruct("Made", rows, forbid_unknown_fields=strict)
    if sort == "dataclass":
        return make_dataclass("Made", rows)
    return TypedDict("Made", dict(rows))  # type: ignore[operator,no-any-return]


SORTS = st.sampled_from(["struct", "dataclass", "typed dict"])


@given(SORTS, FIELDS, st.booleans(), st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), JSON))
def test_any_claims_as_any_type(sort: str, fields: dict[str, Any], strict: bool, claims: dict[str, Any]) -> None:
    as_ = made(sort, fields, strict)
    error = misfit(claims, as_)
    if error is None:
        return
    assert error.claim in {*fields, *claims, "*"}
    assert len(str(error)) < 300
    if error.claim in fields and error.claim in claims:  # it is this one: alone it does not fit either
        alone = made(sort, {error.claim: fields[error.claim]}, strict)
        assert misfit({error.claim: claims[error.claim]}, alone) is not None


def misfit(claims: Mapping[str, Any], as_: type[Any]) -> ClaimError | None:
    try:
        typed(claims, as_)
    except ClaimError as error:
        return error
    return None


@given(SORTS, FIELDS, st.data())
def test_what_fits_comes_through(sort: str, fields: dict[str, Any], data: st.DataObject) -> None:
    claims = {name: data.draw(SIMPLE[kind]) for name, kind in fields.items()}
    value = typed(claims, made(sort, fields, strict=True))
    for name, kind in fields.items():
        got = value[name] if sort == "typed dict" else getattr(value, name)
        assert msgspec.to_builtins(got) == claims[name] or kind is float


def test_what_comes_out_is_nobody_elses() -> None:
    class Loose(msgspec.Struct):
        prefs: dict[str, Any]

    held: dict[str, Any] = {"prefs": {"admin": False}}
    who = Principal(subject="u", kind="access", token_id="t", issued_at=1, expires_at=2, raw_claims=held)
    who.claims_as(Loose).prefs["admin"] = True
    assert held == {"prefs": {"admin": False}}
    assert who.claims_as(Loose).prefs == {"admin": False}


async def test_the_data_of_a_session() -> None:
    async with Watchword("memory:", issuer="https://a.example", audience="https://b.example") as ww:
        token = (await ww.sessions.start("ada", data={"team": "blue", "level": 3})).token
        assert await ww.sessions.authenticate(token, as_=Data) == Data("blue", 3)
        assert (await ww.sessions.authenticate(token)).claims_as(Plain) == Plain("blue", 3)
        await ww.sessions.update(token, data={"level": "high"})
        with pytest.raises(ClaimError) as caught:
            await ww.sessions.authenticate(token, as_=Data)
        assert caught.value.claim == "level"
        await ww.sessions.authenticate(token)  # the session itself is good
