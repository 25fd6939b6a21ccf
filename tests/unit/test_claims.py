"""ClaimsPolicy: whether claims are meant for us, now. Boundaries to the second, and nothing depends on their order."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchword.claims import MAX_CLAIMS, ClaimsPolicy, Profile, printable, seconds
from watchword.errors import (
    ClaimError,
    ConfigurationError,
    MissingClaimError,
    NotYetValidError,
    TokenExpiredError,
    WatchwordError,
    WrongAudienceError,
    WrongIssuerError,
)

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://as.test", "https://api.test"
NOT_TEXT: list[Any] = ["", "x" * 1025, "a\0", "a\n", "a\u202e", "\u2028", "\ud800", None, 1, True, [], {}]
NOT_WORDS: list[Any] = ["a", None, 1, {}, {"a": 1}, ("a",), [""], [1], [None], [["a"]], ["a\0"], ["a"] * 65]
GOOD: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW, "nbf": NOW}


CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def policy(**changes: Any) -> ClaimsPolicy:
    return ClaimsPolicy(**{"issuer": ISSUER, "audiences": frozenset({AUDIENCE}), **changes})


def outcome(claims: dict[str, Any], now: int = NOW, **changes: Any) -> tuple[type[WatchwordError], str, str] | None:
    try:
        policy(**changes).check(claims, now)
    except ClaimError as error:
        return type(error), error.claim, error.reason
    return None


def test_the_base_is_good() -> None:
    assert outcome(GOOD) is None


@pytest.mark.parametrize(
    ("now", "leeway", "error"),
    [
        (NOW + 299, 0, None),
        (NOW + 300, 0, TokenExpiredError),
        (NOW + 301, 0, TokenExpiredError),
        (NOW + 359, 60, None),
        (NOW + 360, 60, TokenExpiredError),
    ],
)
def test_exp_is_half_open(now: int, leeway: int, error: type[WatchwordError] | None) -> None:
    found = outcome(GOOD, now, exp_leeway=leeway)
    assert (found[:2] if found else None) == ((error, "exp") if error else None)


@pytest.mark.parametrize(("name", "reason"), [("nbf", "not_yet_valid"), ("iat", "issued_in_future")])
@pytest.mark.parametrize(
    ("ahead", "leeway", "good"),
    [(10, 10, True), (11, 10, False), (0, 0, True), (1, 0, False), (60, 60, True), (61, 60, False)],
)
def test_a_beginning_may_lie_a_leeway_ahead(name: str, reason: str, ahead: int, leeway: int, good: bool) -> None:
    found = outcome(GOOD | {name: NOW + ahead}, leeway=leeway)
    assert found == (None if good else (NotYetValidError, name, reason))


@pytest.mark.parametrize(("life", "good"), [(3600, True), (3601, False), (1, True)])
def test_a_life_has_a_cap(life: int, good: bool) -> None:
    found = outcome(GOOD | {"exp": NOW + life}, max_life=3600)
    assert found == (None if good else (ClaimError, "exp", "bad_claim"))
    assert outcome(GOOD | {"exp": NOW + life}) is None


def test_an_end_lies_after_the_beginning() -> None:
    for exp in (NOW + 5, NOW + 4):
        assert outcome(GOOD | {"exp": exp, "iat": NOW + 5}) == (ClaimError, "exp", "bad_claim")


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value", [None, True, False, "1800000300", 1.8e9, float("inf"), float("nan"), [], {}, -1, 0, 2**53]
)
def test_a_time_is_a_whole_number(name: str, value: Any) -> None:
    assert outcome(GOOD | {name: value}) == (ClaimError, name, "bad_claim")


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_time_that_is_not_required_may_be_missing(name: str) -> None:
    claims = {key: value for key, value in GOOD.items() if key != name}
    assert outcome(claims) is None
    assert seconds(claims, name) is None


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "sub"])
def test_a_required_claim_is_there(name: str) -> None:
    claims = {key: value for key, value in (GOOD | {"sub": "u"}).items() if key != name}
    assert outcome(claims, required=("iss", "aud", "exp", "sub")) == (MissingClaimError, name, "missing_claim")


@pytest.mark.parametrize(
    ("aud", "error"),
    [
        (AUDIENCE, None),
        ([AUDIENCE], None),
        (["https://other.test", AUDIENCE], None),
        ([AUDIENCE] * 16, None),
        ([AUDIENCE] * 17, ClaimError),
        ("https://other.test", WrongAudienceError),
        (["https://other.test"], WrongAudienceError),
        (AUDIENCE + "/", WrongAudienceError),
        (AUDIENCE[:-1], WrongAudienceError),
        (AUDIENCE.upper(), WrongAudienceError),
        *(
            (wrong, ClaimError)
            for wrong in ("", [], None, 1, {}, {AUDIENCE: 1}, [AUDIENCE, 1], [AUDIENCE, ""], [[AUDIENCE]])
        ),
    ],
)
def test_audience(aud: Any, error: type[WatchwordError] | None) -> None:
    found = outcome(GOOD | {"aud": aud})
    assert (found[:2] if found else None) == ((error, "aud") if error else None)


def test_two_audiences_of_ours() -> None:
    ours = frozenset({AUDIENCE, "https://two.test"})
    assert outcome(GOOD | {"aud": "https://two.test"}, audiences=ours) is None
    assert outcome(GOOD | {"aud": ["x", "https://two.test"]}, audiences=ours) is None


@pytest.mark.parametrize("iss", [ISSUER + "/", ISSUER[:-1], ISSUER.upper(), "https://evil.test/" + ISSUER, "x"])
def test_issuer(iss: str) -> None:
    assert outcome(GOOD | {"iss": iss}) == (WrongIssuerError, "iss", "wrong_issuer")


@pytest.mark.parametrize("iss", ["", None, 1, [ISSUER], {}, ISSUER + "\0", "x" * 1025])
def test_an_issuer_is_text(iss: Any) -> None:
    assert outcome(GOOD | {"iss": iss}) == (ClaimError, "iss", "bad_claim")


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("u", True),
        ("x" * 1024, True),
        ("\u00e9 \u4e2d \U0001f600", True),
        *((wrong, False) for wrong in NOT_TEXT),
    ],
)
def test_text_is_printable(value: Any, good: bool) -> None:
    assert printable(value) is good
    found = outcome(GOOD | {"sub": value}, text=("sub",))
    assert found == (None if good else (ClaimError, "sub", "bad_claim"))
    assert outcome(GOOD, text=("sub",)) is None


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ([], True),
        (["a"], True),
        (["a"] * 64, True),
        *((wrong, False) for wrong in NOT_WORDS),
    ],
)
def test_words_are_a_list_of_texts(value: Any, good: bool) -> None:
    found = outcome(GOOD | {"roles": value}, words=("roles",))
    assert found == (None if good else (ClaimError, "roles", "bad_claim"))


def test_claims_are_counted() -> None:
    assert outcome(GOOD | {str(n): 1 for n in range(MAX_CLAIMS - len(GOOD))}) is None
    assert outcome(GOOD | {str(n): 1 for n in range(MAX_CLAIMS - len(GOOD) + 1)}) == (ClaimError, "*", "bad_claim")


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": ""},
        {"audiences": frozenset()},
        {"audiences": frozenset({""})},
        {"audiences": frozenset({AUDIENCE, ""})},
        {"required": ("exp",)},
        {"required": ("iss", "exp")},
        {"required": ("aud", "exp")},
        {"leeway": 61},
        {"leeway": -1},
        {"exp_leeway": 61},
        {"exp_leeway": -1},
    ],
)
def test_a_policy_that_would_not_protect_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        policy(**changes)


def test_no_error_repeats_what_the_token_said() -> None:
    for name in ("iss", "aud", "exp", "nbf", "iat", "sub"):
        with pytest.raises(ClaimError) as caught:
            policy(text=("sub",)).check(GOOD | {name: "secret-value\0"}, NOW)
        assert "secret-value" not in f"{caught.value!s}{caught.value!r}"


@CALM
@given(st.permutations(list((GOOD | {"sub": "", "roles": 1}).items())))
def test_the_order_of_claims_decides_nothing(items: list[tuple[str, Any]]) -> None:
    assert outcome(dict(items), text=("sub",), words=("roles",)) == (ClaimError, "sub", "bad_claim")


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3))
    | st.just(AUDIENCE)
)


@CALM
@given(st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "x"]), VALUES), st.integers(0, 2**40))
def test_any_claims_are_good_or_a_claim_error(claims: dict[str, Any], now: int) -> None:
    """And good claims say what they must: nothing else gets through."""
    if outcome(claims, now, text=("sub",), words=("roles",)) is None:
        assert claims["iss"] == ISSUER
        assert claims["aud"] == AUDIENCE or AUDIENCE in claims["aud"]
        assert now < claims["exp"]
        assert claims.get("nbf", 0) <= now + 10


def test_a_type_may_be_written_in_full() -> None:
    """RFC 7515 §4.1.9: ``application/`` is taken as read, in a profile as in a header."""
    assert Profile(typ="application/Invoice+jwt", required=()).types == {"invoice+jwt"}
