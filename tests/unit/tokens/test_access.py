"""Access tokens: JWT and PASETO are equals, every verdict is the same cold and seen before, and nothing leaks."""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import asdict

from watchword import AccessTokens, KeyRing, Principal, Watchword
from watchword.clock import FrozenClock
from watchword.encoding import b64url, json_object, unb64url
from watchword.errors import (
    AlgorithmError,
    BindingError,
    ClaimError,
    ConfigurationError,
    KeyUseError,
    MalformedTokenError,
    NotYetValidError,
    SignatureError,
    StaleRevocationError,
    TokenExpiredError,
    TokenRevokedError,
    UnknownKeyError,
    WatchwordError,
    WrongAudienceError,
    WrongIssuerError,
    WrongTypeError,
)
from watchword.formats import jwt, paseto
from watchword.keys.key import Key
from watchword.keys.ring import Slot
from watchword.revocation.view import View
from watchword.stores.base import Event, Feed

NOW = 1_800_000_000
ISSUER, API = "https://as.test", "https://api.test"
FORMATS = ("jwt", "paseto")
OURS = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "typ"]
OURS += ["sid", "fam", "scope", "roles", "rev", "cnf", "fpt"]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def ring(clock: FrozenClock) -> KeyRing:
    return KeyRing.generate("ES256", "v4.public", clock=clock)


@pytest.fixture
def access(ring: KeyRing) -> AccessTokens:
    return AccessTokens(ring, issuer=ISSUER, audience=API)


@pytest.fixture
async def ww(clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with Watchword("memory:", issuer=ISSUER, audience=API, clock=clock) as opened:
        yield opened


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def signed(ring: KeyRing, form: str, claims: dict[str, Any]) -> str:
    """A token of our own key with any claims whatever, which ``issue`` would not write."""
    made: Any = jwt.Jwt(ring, "at+jwt") if form == "jwt" else paseto.PasetoPublic(ring, "at+jwt")
    return str(made.issue(claims))


def claims_of(access: AccessTokens) -> dict[str, Any]:
    return dict(access.verify(access.issue("u").token).raw_claims)


# what is issued


async def test_jwt_and_paseto_say_the_same(ww: Watchword) -> None:
    more: dict[str, Any] = {
        "scopes": ["b", "a"],
        "client_id": "mobile",
        "session_id": "s-1",
        "family_id": "f-1",
        "roles": ["admin", "user"],
        "claims": {"team": "blue", "nested": {"list": [1, {"x": None}]}, "auth_time": 5},
        "lifetime": timedelta(minutes=5),
    }
    seen = {}
    for form in FORMATS:
        issued = ww.access.issue("user-7", format=form, **more)
        who = ww.access.verify(issued.token)
        assert who.token_id == issued.token_id == who.claims["jti"]
        assert (issued.subject, issued.expires_at, issued.scopes, issued.roles) == (
            who.subject,
            who.expires_at,
            who.scopes,
            who.roles,
        )
        assert (issued.client_id, issued.session_id, issued.family_id, issued.rev) == (
            who.client_id,
            who.session_id,
            who.family_id,
            who.rev,
        )
        fields = asdict(who)
        fields["raw_claims"] = {name: value for name, value in who.raw_claims.items() if name != "jti"}
        del fields["token_id"]
        seen[form] = fields
    assert seen["jwt"] == seen["paseto"]
    assert seen["jwt"]["raw_claims"] == {
        "iss": ISSUER,
        "sub": "user-7",
        "aud": API,
        "exp": NOW + 300,
        "iat": NOW,
        "nbf": NOW,
        "client_id": "mobile",
        "team": "blue",
        "nested": {"list": [1, {"x": None}]},
        "auth_time": 5,
        "scope": "a b",
        "roles": ["admin", "user"],
        "sid": "s-1",
        "fam": "f-1",
        "rev": ww.view.rev,
    }
    assert (seen["jwt"]["kind"], seen["jwt"]["auth_time"], seen["jwt"]["issued_at"]) == ("access", 5, NOW)


def test_what_is_empty_is_not_written(access: AccessTokens, form: str) -> None:
    claims = access.verify(access.issue("u", format=form).token).claims
    assert set(claims) == {"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id"}
    assert claims["client_id"] == "first-party"


def test_times_on_the_wire(access: AccessTokens) -> None:
    body = access.issue("u", format="jwt").token.split(".")[1]
    assert json_object(unb64url(body.encode()))["exp"] == NOW + 900
    body = access.issue("u", format="paseto").token.split(".")[2]
    assert json_object(unb64url(body.encode())[:-64])["exp"] == "2027-01-15T08:15:00Z"


def test_the_rings_first_signing_key_decides_the_format(clock: FrozenClock) -> None:
    for algorithms, start in ((("v4.public", "ES256"), "v4.public."), (("ES256", "v4.public"), "eyJ")):
        ring = KeyRing.generate(*algorithms, clock=clock)
        token = AccessTokens(ring, issuer=ISSUER, audience=API).issue("u").token
        assert token.startswith(start)


def test_a_jti_has_128_bits_and_is_never_said_twice(access: AccessTokens) -> None:
    ids = [access.issue("u").token_id for _ in range(200)]
    assert len(set(ids)) == 200
    assert {len(unb64url(one.encode())) for one in ids} == {16}


@pytest.mark.parametrize("name", OURS)
def test_own_claims_never_take_our_names(access: AccessTokens, name: str, form: str) -> None:
    with pytest.raises(ConfigurationError, match=f"set by watchword: {name}$"):
        access.issue("u", format=form, claims={name: "x", "ok": 1})


@pytest.mark.parametrize(
    "more",
    [
        {"claims": {"a": float("nan")}},
        {"claims": {"a": {1, 2}}},
        {"claims": {1: 2}},
        {"claims": {"a": "x" * 5000}},
        {"scopes": "orders:read"},
        {"scopes": ["a b"]},
        {"roles": ["a\n"]},
        {"client_id": ""},
        {"client_id": "c" * 256},
        {"audience": ""},
        {"audience": ["ok", ""]},
        {"format": "opaque"},
        {"format": "JWT"},
        {"lifetime": timedelta(0)},
        {"lifetime": timedelta(seconds=-1)},
        {"lifetime": timedelta(seconds=3601)},
        {"scopes": [f"scope:{number}" for number in range(1000)]},
    ],
    ids=lambda more: repr(more)[:40],
)
def test_what_cannot_stand_in_a_token(access: AccessTokens, form: str, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        access.issue("u", **{"format": form, **more})


@pytest.mark.parametrize("subject", ["", "u" * 256, "a\n", None, 7])
def test_a_subject_that_is_no_name(access: AccessTokens, subject: Any) -> None:
    with pytest.raises(ConfigurationError, match="a subject"):
        access.issue(subject)


DEEP: dict[str, Any] = {"1": {"2": {"3": {"4": {"5": {"6": {"7": {"8": {}}}}}}}}}


@pytest.mark.parametrize(
    "more",
    [
        {"claims": {"deep": DEEP}},
        {"claims": {f"claim-{number}": 1 for number in range(60)}},
        {"claims": {"auth_time": "5"}},
        {"roles": [f"role-{number}" for number in range(65)]},
        {"session_id": "a\n"},
        {"family_id": "f" * 1025},
        {"rev": "a\n"},
    ],
    ids=lambda more: repr(more)[:40],
)
def test_what_is_issued_verifies_or_is_refused_at_once(access: AccessTokens, form: str, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        access.issue("u", **{"format": form, **more})


def test_a_ring_without_the_formats_key(clock: FrozenClock) -> None:
    only = AccessTokens(KeyRing.generate("ES256", clock=clock), issuer=ISSUER, audience=API)
    with pytest.raises(ConfigurationError, match="no active key for 'paseto'"):
        only.issue("u", format="paseto")


# lifetimes


def test_an_hour_is_the_cap_and_more_than_a_quarter_is_logged(
    access: AccessTokens, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "watchword"):
        access.issue("u", lifetime=timedelta(minutes=15))
        assert caplog.records == []
        issued = access.issue("u", client_id="slow", lifetime=timedelta(minutes=60))
    assert issued.expires_at == NOW + 3600
    (record,) = caplog.records
    assert "slow" in record.getMessage()
    assert issued.token not in record.getMessage()
    assert access.verify(issued.token).expires_at == NOW + 3600


def test_a_default_lifetime_of_ones_own(ring: KeyRing) -> None:
    short = AccessTokens(ring, issuer=ISSUER, audience=API, lifetime=timedelta(minutes=1))
    assert short.issue("u").expires_at == NOW + 60
    for lifetime in (timedelta(0), timedelta(minutes=61)):
        with pytest.raises(ConfigurationError, match="lives up to"):
            AccessTokens(ring, issuer=ISSUER, audience=API, lifetime=lifetime)


@pytest.mark.parametrize("leeway", [timedelta(seconds=61), timedelta(seconds=-1)])
def test_leeway_has_a_cap(ring: KeyRing, leeway: timedelta) -> None:
    for name in ("leeway", "exp_leeway"):
        with pytest.raises(ConfigurationError, match="leeway is 0 to 60"):
            AccessTokens(ring, issuer=ISSUER, audience=API, **{name: leeway})  # type: ignore[arg-type]


def test_a_signed_token_that_lives_too_long_is_refused(access: AccessTokens, ring: KeyRing, form: str) -> None:
    claims = claims_of(access)
    access.verify(signed(ring, form, claims | {"exp": NOW + 3600}))
    with pytest.raises(ClaimError):
        access.verify(signed(ring, form, claims | {"exp": NOW + 3601}))


# the window


@pytest.mark.parametrize("seen", [False, True], ids=["cold", "seen"])
def test_it_expires_at_its_second(ring: KeyRing, clock: FrozenClock, form: str, seen: bool) -> None:
    access = AccessTokens(ring, issuer=ISSUER, audience=API)
    tokens = [access.issue("u", format=form).token for _ in range(2)]
    for token in tokens if seen else ():
        access.verify(token)
    clock.advance(899)
    access.verify(tokens[0])
    clock.advance(1)
    for token in tokens:
        for _ in range(2):
            with pytest.raises(TokenExpiredError):
                access.verify(token)


@pytest.mark.parametrize("seen", [False, True], ids=["cold", "seen"])
def test_leeway_on_expiry_is_an_option(ring: KeyRing, clock: FrozenClock, form: str, seen: bool) -> None:
    access = AccessTokens(ring, issuer=ISSUER, audience=API, exp_leeway=timedelta(seconds=60))
    token = access.issue("u", format=form).token
    if seen:
        access.verify(token)
    clock.advance(959)
    access.verify(token)
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        access.verify(token)


def test_a_token_from_the_future_has_ten_seconds(access: AccessTokens, clock: FrozenClock, form: str) -> None:
    token = access.issue("u", format=form).token
    clock.set_wall(NOW - 11)
    with pytest.raises(NotYetValidError):
        access.verify(token)
    clock.set_wall(NOW - 10)
    access.verify(token)


@pytest.mark.parametrize("seconds", [0, 60])
def test_other_leeway_for_the_future(ring: KeyRing, clock: FrozenClock, form: str, seconds: int) -> None:
    access = AccessTokens(ring, issuer=ISSUER, audience=API, leeway=timedelta(seconds=seconds))
    token = access.issue("u", format=form).token
    clock.set_wall(NOW - seconds - 1)
    with pytest.raises(NotYetValidError):
        access.verify(token)
    clock.set_wall(NOW - seconds)
    access.verify(token)


# for whom


def test_several_audiences(ring: KeyRing) -> None:
    both = AccessTokens(ring, issuer=ISSUER, audience=["https://a.test", "https://b.test"])
    one = AccessTokens(ring, issuer=ISSUER, audience="https://b.test")
    token = both.issue("u").token
    assert both.verify(token).claims["aud"] == "https://a.test"
    with pytest.raises(WrongAudienceError):
        one.verify(token)
    token = both.issue("u", audience="https://b.test").token
    assert one.verify(token).claims["aud"] == both.verify(token).claims["aud"] == "https://b.test"
    token = both.issue("u", audience=["https://c.test", "https://b.test"]).token
    assert one.verify(token).claims["aud"] == ("https://c.test", "https://b.test")
    token = both.issue("u", audience=["https://c.test", "https://d.test"]).token
    with pytest.raises(WrongAudienceError):
        both.verify(token)


def test_a_paseto_has_one_audience(access: AccessTokens, ring: KeyRing) -> None:
    with pytest.raises(ConfigurationError, match="one audience"):
        access.issue("u", format="paseto", audience=["https://a.test", "https://b.test"])
    assert access.verify(access.issue("u", format="paseto", audience=[API]).token).claims["aud"] == API


def test_another_issuer_or_audience(ring: KeyRing, access: AccessTokens, form: str) -> None:
    foreign = AccessTokens(ring, issuer="https://evil.test", audience=API).issue("u", format=form).token
    with pytest.raises(WrongIssuerError):
        access.verify(foreign)
    foreign = AccessTokens(ring, issuer=ISSUER, audience="https://evil.test").issue("u", format=form).token
    with pytest.raises(WrongAudienceError):
        access.verify(foreign)


@pytest.mark.parametrize("audience", ["", [], ["ok", ""]])
def test_a_verifier_knows_its_audience_and_issuer(ring: KeyRing, audience: Any) -> None:
    with pytest.raises(ConfigurationError):
        AccessTokens(ring, issuer=ISSUER, audience=audience)
    with pytest.raises(ConfigurationError):
        AccessTokens(ring, issuer="", audience=API)


# what is no access token


@pytest.mark.parametrize(
    "untrusted",
    [
        *("", "x", " eyJ", "eyJ", "eyJ..", "eyJ.eyJ.x", "eyJé.a.b", "eyJ" + "A" * 9000, "Bearer eyJ", "\ud800"),
        *("v4.public.", "v4.public.AA", "v4.local.AA", "v3.public.AA", "ww_ss_" + "A" * 43),
        *(b"eyJ.a.b", b"\xff", None, 7, ["eyJ"]),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_is_not_written_like_one(access: AccessTokens, untrusted: Any) -> None:
    for _ in range(2):
        with pytest.raises(MalformedTokenError):
            access.verify(untrusted)


async def test_other_kinds_of_our_own(ww: Watchword) -> None:
    session, refresh = await ww.sessions.start("u"), await ww.refresh.issue("u", client_id="c")
    access = ww.access.issue("u").token
    for token in (session.token, refresh.token):
        with pytest.raises(MalformedTokenError):
            ww.access.verify(token)
    for token in (access, refresh.token):
        with pytest.raises(MalformedTokenError):
            await ww.sessions.authenticate(token)
    for token in (access, session.token):
        with pytest.raises(MalformedTokenError):
            await ww.refresh.rotate(token)


def test_another_type_of_the_same_key(access: AccessTokens, ring: KeyRing) -> None:
    claims = claims_of(access)
    for made in (jwt.Jwt(ring, "service+jwt"), jwt.Jwt(ring, "JWT"), paseto.PasetoPublic(ring, "service+jwt")):
        with pytest.raises(WrongTypeError):
            access.verify(made.issue(claims))


def test_another_ring(access: AccessTokens, clock: FrozenClock, form: str) -> None:
    other = AccessTokens(KeyRing.generate("ES256", "v4.public", clock=clock), issuer=ISSUER, audience=API)
    with pytest.raises(UnknownKeyError):
        access.verify(other.issue("u", format=form).token)


def test_another_key_under_our_kid(access: AccessTokens, ring: KeyRing, clock: FrozenClock) -> None:
    kid = ring.active("sign", format="jwt").kid
    fake = KeyRing.of(Key.generate("ES256", kid=kid), clock=clock)
    with pytest.raises(SignatureError):
        access.verify(AccessTokens(fake, issuer=ISSUER, audience=API).issue("u").token)
    fake = KeyRing.of(Key.generate("Ed25519", kid=kid), clock=clock)
    with pytest.raises(AlgorithmError):
        access.verify(AccessTokens(fake, issuer=ISSUER, audience=API).issue("u").token)


def test_every_character_counts(access: AccessTokens, form: str) -> None:
    token = access.issue("u", format=form).token
    access.verify(token)
    for place in range(len(token)):
        mutant = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(WatchwordError):
            access.verify(mutant)


@pytest.mark.parametrize(
    "change",
    [
        {"scope": 5},
        {"scope": ["a"]},
        {"scope": "a\nb"},
        {"roles": "admin"},
        {"roles": [1]},
        {"auth_time": "5"},
        {"auth_time": True},
        {"sid": 5},
        {"fam": ""},
        {"rev": None},
        {"sub": ""},
        {"sub": None},
        {"jti": 5},
        {"client_id": ["c"]},
        {"exp": "soon"},
        {"iat": 1.5},
        {"nbf": True},
        {"aud": 5},
        {"aud": {}},
    ],
    ids=repr,
)
def test_a_good_signature_over_a_bad_claim(access: AccessTokens, ring: KeyRing, change: dict[str, Any]) -> None:
    with pytest.raises(ClaimError):
        access.verify(signed(ring, "jwt", claims_of(access) | change))


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"])
def test_a_claim_that_is_missing(access: AccessTokens, ring: KeyRing, form: str, name: str) -> None:
    claims = claims_of(access)
    del claims[name]
    with pytest.raises(ClaimError):
        access.verify(signed(ring, form, claims))


BINDINGS: list[Any] = [{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}, {"jkt": "x"}, {}, None, "x", [], 1]
BINDINGS += [{"jkt": None}, {"jkt": 7}, BINDINGS[0] | {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}]


@pytest.mark.parametrize("cnf", BINDINGS, ids=repr)
async def test_a_bound_token_needs_its_proof(access: AccessTokens, ring: KeyRing, form: str, cnf: Any) -> None:
    token = signed(ring, form, claims_of(access) | {"cnf": cnf})
    for _ in range(2):
        with pytest.raises(BindingError):
            access.verify(token)
        with pytest.raises(BindingError):
            await access.authenticate(token)
        with pytest.raises(BindingError):
            access.verify(token, as_=dict)


async def test_what_a_bound_token_says_before_its_proof(access: AccessTokens, ring: KeyRing, form: str) -> None:
    token = signed(ring, form, claims_of(access) | {"cnf": BINDINGS[0]})
    for _ in range(2):
        assert (await access.unproven(token)).jkt == BINDINGS[0]["jkt"]
    for cnf in BINDINGS[1:]:
        with pytest.raises(BindingError):
            await access.unproven(signed(ring, form, claims_of(access) | {"cnf": cnf}))


@pytest.mark.parametrize("fpt", [7, "", None, {"a": 1}])
def test_a_fingerprint_is_text(access: AccessTokens, ring: KeyRing, form: str, fpt: Any) -> None:
    with pytest.raises(ClaimError):
        access.verify(signed(ring, form, claims_of(access) | {"fpt": fpt}))
    assert access.verify(signed(ring, form, claims_of(access) | {"fpt": "abc"})).fpt == "abc"


async def test_binding_at_issue(access: AccessTokens, form: str) -> None:
    key = Key.generate("ES256")
    for bind in (key, key.public(), key.thumbprint()):
        issued = access.issue("user-7", bind=bind, format=form)
        who = await access.unproven(issued.token)
        assert (issued.jkt, who.jkt, who.claims["cnf"]) == (key.thumbprint(), key.thumbprint(), {"jkt": who.jkt})
    issued = access.issue("user-7", fpt="salt.agent-x", auth_time=5, format=form)
    who = access.verify(issued.token)
    assert (issued.jkt, issued.fpt, who.fpt, who.jkt) == (None, "salt.agent-x", "salt.agent-x", None)
    assert (issued.auth_time, who.auth_time) == (5, 5)


@pytest.mark.parametrize("bind", ["", "x", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J", 7, b"x" * 43, "\u00e9" * 43])
def test_what_no_token_can_be_bound_to(access: AccessTokens, bind: Any) -> None:
    with pytest.raises(ConfigurationError):
        access.issue("user-7", bind=bind)
    with pytest.raises(KeyUseError):
        access.issue("user-7", bind=Key.generate("HS256"))


def test_where_only_bound_tokens_are_taken(access: AccessTokens, ring: KeyRing, form: str) -> None:
    strict = AccessTokens(ring, issuer=ISSUER, audience=API, bound=True, cap=timedelta(minutes=5))
    with pytest.raises(ConfigurationError, match="bound"):
        strict.issue("user-7", format=form)
    with pytest.raises(BindingError):
        strict.verify(access.issue("user-7", format=form, lifetime=timedelta(minutes=5)).token)
    issued = strict.issue("user-7", format=form, fpt="x")
    assert (strict.verify(issued.token).fpt, issued.expires_at - NOW) == ("x", 300)
    with pytest.raises(ConfigurationError, match="live up to 300 s"):
        strict.issue("user-7", fpt="x", lifetime=timedelta(seconds=301))
    with pytest.raises(ClaimError):
        strict.verify(access.issue("user-7", format=form, fpt="x", lifetime=timedelta(seconds=301)).token)


# typed claims


@dataclass
class Mine:
    sub: str
    team: str
    level: int = 0


class Typed(Struct):
    sub: str
    team: str
    level: int = 0


def test_claims_as_ones_own_type(access: AccessTokens, form: str) -> None:
    token = access.issue("u", format=form, claims={"team": "blue", "level": 3}).token
    for _ in range(2):
        assert access.verify(token, as_=Mine) == Mine("u", "blue", 3)
        assert access.verify(token, as_=Typed) == Typed("u", "blue", 3)
    assert isinstance(access.verify(token), Principal)


def test_claims_that_do_not_fit_the_type(access: AccessTokens, form: str) -> None:
    wrong: dict[str, tuple[dict[str, Any], ...]] = {
        "team": ({}, {"team": 5}),
        "level": ({"team": "secret-team", "level": "secret-team"},),
    }
    for name, claims in ((name, claims) for name, rows in wrong.items() for claims in rows):
        token = access.issue("u", format=form, claims=claims).token
        for wanted in (Mine, Typed):
            with pytest.raises(ClaimError, match=f"do not fit {wanted.__name__}") as caught:
                access.verify(token, as_=wanted)
            assert caught.value.claim == name
            assert "secret-team" not in str(caught.value)


def test_a_bad_token_is_refused_before_its_claims_are_read(access: AccessTokens, clock: FrozenClock) -> None:
    token = access.issue("u", claims={"team": "blue"}).token
    clock.advance(900)
    with pytest.raises(TokenExpiredError):
        access.verify(token, as_=Mine)


def test_typed_claims_are_ones_own(access: AccessTokens) -> None:
    @dataclass
    class Loose:
        prefs: Any

    token = access.issue("u", claims={"prefs": {"admin": False}}).token
    access.verify(token, as_=Loose).prefs["admin"] = True
    assert access.verify(token).claims["prefs"] == {"admin": False}
    assert access.verify(token, as_=Loose) == Loose({"admin": False})


# the Principal


def test_a_principal_is_read_only_all_the_way_down(access: AccessTokens, form: str) -> None:
    token = access.issue("u", format=form, roles=["r"], scopes=["s"], claims={"o": {"list": [{"x": 1}]}}).token
    who: Any = access.verify(token)
    for name in ("subject", "scopes", "roles", "token_id", "session_id", "expires_at", "raw_claims"):
        with pytest.raises(AttributeError):
            setattr(who, name, "other")
    attempts: list[Callable[[], Any]] = [
        lambda: who.claims.__setitem__("sub", "root"),
        lambda: who.claims["o"].__setitem__("x", 1),
        lambda: who.claims["o"]["list"].append(1),
        lambda: who.claims["o"]["list"][0].__setitem__("x", 2),
        lambda: who.claims.clear(),
        lambda: who.scopes.add("admin"),
        lambda: who.roles.add("admin"),
    ]
    for attempt in attempts:
        with pytest.raises((AttributeError, TypeError)):
            attempt()
    assert isinstance(who.claims, MappingProxyType)
    assert access.verify(token).claims["o"] == {"list": ({"x": 1},)}


def test_nothing_that_is_shown_says_the_token(access: AccessTokens, ring: KeyRing, clock: FrozenClock) -> None:
    tokens = [access.issue("user-7", format=form, claims={"team": "secret-team"}) for form in FORMATS]
    shown = [repr(access)]
    for issued in tokens:
        who = access.verify(issued.token)
        shown += [repr(issued), str(issued), repr(who), str(who), f"{who!r}"]
    foreign = AccessTokens(ring, issuer="https://other.test", audience="https://other.test")

    def refused(token: str) -> None:
        for verifier in (access, foreign):
            try:
                verifier.verify(token)
            except WatchwordError as refusal:
                error: BaseException | None = refusal
                while error is not None:
                    shown.extend([repr(error), str(error)])
                    error = error.__cause__ or error.__context__

    for issued in tokens:
        head, _, tail = issued.token.rpartition(".")
        for token in (issued.token, issued.token[:-4], head, head + "." + tail[::-1], issued.token.swapcase()):
            refused(token)
    clock.advance(900)
    for issued in tokens:
        refused(issued.token)
    everything = "\n".join(shown)
    assert len(shown) > 40
    assert "secret-team" not in everything
    for issued in tokens:
        for part in issued.token.split("."):
            assert len(part) < 16 or part not in everything


def test_without_a_view_it_says_so(access: AccessTokens, ring: KeyRing) -> None:
    assert "no view: revocations are not seen" in repr(access)
    assert "with a view" in repr(AccessTokens(ring, issuer=ISSUER, audience=API, view=View(clock=ring.clock)))


# seen before: never a way back


async def test_a_second_look_is_the_same_principal(ww: Watchword, form: str) -> None:
    token = ww.access.issue("u", format=form).token
    assert ww.access.verify(token) is ww.access.verify(token)
    assert ww.access.verify("".join(list(token))) is ww.access.verify(token)
    assert await ww.access.authenticate(token) is ww.access.verify(token)
    assert await ww.access.authenticate(token.encode()) == ww.access.verify(token)


async def test_a_refused_token_is_not_remembered_as_good(ww: Watchword, form: str) -> None:
    token = ww.access.issue("u", format=form).token
    await ww.revoke(token=token)
    for _ in range(2):
        with pytest.raises(TokenRevokedError):
            ww.access.verify(token)
    assert len(ww.access._seen) == 0


REVOKED: dict[str, Callable[[Principal], dict[str, Any]]] = {
    "session": lambda who: {"session": who.session_id},
    "family": lambda who: {"family": who.family_id},
    "subject": lambda who: {"subject": who.subject},
    "client": lambda who: {"client": who.client_id},
    "everything": lambda who: {"everything": True},
}


@pytest.mark.parametrize("keyword", [*REVOKED, "token", "key"])
async def test_a_revoked_token_stays_revoked_though_it_was_seen(ww: Watchword, form: str, keyword: str) -> None:
    issued = ww.access.issue("u", format=form, session_id="s", family_id="f")
    who = ww.access.verify(issued.token)
    given: dict[str, Any] = {
        "token": {"token": issued.token},
        "key": {"key": ww.ring.active("sign", format=form).kid},
    }.get(keyword) or REVOKED[keyword](who)
    await ww.revoke(**given)
    for verifier in (ww.access, AccessTokens(ww.ring, issuer=ISSUER, audience=API, view=ww.view)):
        for _ in range(2):
            with pytest.raises(TokenRevokedError):
                verifier.verify(issued.token)


@pytest.mark.parametrize("seen", [False, True], ids=["cold", "seen"])
def test_a_retired_key_verifies_nothing(ring: KeyRing, access: AccessTokens, form: str, seen: bool) -> None:
    token = access.issue("u", format=form).token
    if seen:
        access.verify(token)
    ring.retire(ring.active("sign", format=form).kid)
    for _ in range(2):
        with pytest.raises(UnknownKeyError):
            access.verify(token)


def test_a_retiring_key_verifies_until_its_second(ring: KeyRing, access: AccessTokens, clock: FrozenClock) -> None:
    ring.announce(fresh := Key.generate("ES256"))
    clock.advance(ring.policy.lead)
    token = access.issue("u", lifetime=timedelta(minutes=60)).token
    access.verify(token)
    ring.activate(fresh.kid)
    (old,) = [slot for slot in ring if slot.signs_until is not None]
    old.retires_at = clock.now() + 100
    clock.advance(99)
    access.verify(token)
    clock.advance(1)
    with pytest.raises(UnknownKeyError):
        access.verify(token)


@pytest.mark.parametrize("seen", [False, True], ids=["cold", "seen"])
def test_a_ring_that_was_replaced(ring: KeyRing, access: AccessTokens, form: str, seen: bool) -> None:
    token, slots = access.issue("u", format=form).token, list(ring)
    if seen:
        access.verify(token)
    ring.adopt(KeyRing.generate("ES256", "v4.public", clock=ring.clock))
    with pytest.raises(UnknownKeyError):
        access.verify(token)
    ring.adopt(None)
    with pytest.raises(ConfigurationError, match="open it first"):
        access.verify(token)
    ring.adopt(slots)
    access.verify(token)


def test_another_key_under_the_kid_of_a_seen_token(clock: FrozenClock, form: str) -> None:
    """The file was replaced by one whose key has the old name: what the old key vouched for counts no more."""
    algorithm = {"jwt": "ES256", "paseto": "v4.public"}[form]
    ring = KeyRing.of(Key.generate(algorithm, kid="k"), clock=clock)
    access = AccessTokens(ring, issuer=ISSUER, audience=API)
    token = access.issue("u").token
    access.verify(token)
    ring.adopt(KeyRing.of(Key.generate(algorithm, kid="k"), clock=clock))
    with pytest.raises(SignatureError):
        access.verify(token)


def test_past_the_lease_a_seen_token_is_good_no_more(ring: KeyRing, clock: FrozenClock, form: str) -> None:
    view = View(clock=clock)
    access = AccessTokens(ring, issuer=ISSUER, audience=API, view=view)
    token = access.issue("u", format=form, rev="e.0").token
    with pytest.raises(StaleRevocationError):
        access.verify(token)
    view.hear(Feed("e", 0), asked_after=0, sent_at=clock.monotonic())
    access.verify(token)
    clock.advance(4.5)
    access.verify(token)
    clock.advance(0.5)
    for _ in range(2):
        with pytest.raises(StaleRevocationError):
            access.verify(token)
    view.hear(
        Feed("e", 1, (Event(what="subject", value="u", at=NOW, until=NOW + 9999, seq=1),)),
        asked_after=0,
        sent_at=clock.monotonic(),
    )
    with pytest.raises(TokenRevokedError):
        access.verify(token)


async def test_a_twin_of_a_revoked_token_is_revoked_too(ww: Watchword) -> None:
    """ES256 has two spellings of each signature, (r, s) and (r, n - s); revocation goes by ``jti``."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    token = ww.access.issue("u").token
    message, _, signature = token.rpartition(".")
    raw = unb64url(signature.encode())
    twin = f"{message}.{b64url(raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32))}"
    assert twin != token
    assert ww.access.verify(twin).token_id == ww.access.verify(token).token_id
    await ww.revoke(token=twin)
    for spelling in (token, twin):
        with pytest.raises(TokenRevokedError):
            ww.access.verify(spelling)


async def test_a_token_carries_the_rev_of_its_parent(ww: Watchword, form: str) -> None:
    session = await ww.sessions.start("u")
    await ww.revoke(client="somebody else")
    derived = ww.access.issue("u", format=form, rev=session.rev)
    assert derived.rev == ww.access.verify(derived.token).rev == session.rev != ww.view.rev
    assert ww.access.issue("u", format=form).rev == ww.view.rev


# what stops one


async def test_what_stops_an_access_token(access: AccessTokens, clock: FrozenClock, form: str) -> None:
    issued = access.issue("u", format=form)
    clock.advance(100)
    found = await access.revocation_of(issued.token)
    assert found is not None
    assert (found.what, found.value, found.at) == ("token", issued.token_id, NOW + 100)
    assert found.until >= issued.expires_at + 60
    assert found.until <= issued.expires_at + 600
    clock.advance(800)
    assert await access.revocation_of(issued.token) is None
    with pytest.raises(SignatureError):
        await access.revocation_of(issued.token[:-8] + "AAAAAAAA" if form == "jwt" else _unsigned(issued.token))


async def test_an_expired_token_of_somebody_else_is_an_error(ring: KeyRing, clock: FrozenClock, form: str) -> None:
    access = AccessTokens(ring, issuer=ISSUER, audience=API)
    foreign = AccessTokens(ring, issuer="https://other.test", audience=API).issue("u", format=form).token
    clock.advance(900)
    with pytest.raises(WrongIssuerError):
        await access.revocation_of(foreign)


def _unsigned(token: str) -> str:
    head, body, footer = token.rsplit(".", 2)
    raw = bytearray(unb64url(body.encode()))
    raw[-1] ^= 1
    return f"{head}.{b64url(bytes(raw))}.{footer}"


def test_a_key_id_that_comes_back_with_another_algorithm_writes_its_own_header() -> None:
    ring = KeyRing.of(Key.generate("ES256", kid="main"), clock=FrozenClock())
    access = AccessTokens(ring, issuer=ISSUER, audience=API)
    access.issue("user-7")
    ring.adopt([Slot(Key.generate("Ed25519", kid="main"), announced_at=0, activates_at=0)])
    assert access.verify(access.issue("user-7").token).subject == "user-7"
