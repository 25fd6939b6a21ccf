"""Access tokens of other issuers: read as their vendors write them, bound to their issuers, never an ID token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.unit.tokens.vendors import NOW, VENDORS, Vendor
from watchword.claims import ID_TOKEN
from watchword.clock import FrozenClock
from watchword.encoding import b64url
from watchword.errors import (
    AlgorithmError,
    BindingError,
    ClaimError,
    ConfigurationError,
    KeysUnavailableError,
    MalformedTokenError,
    MissingClaimError,
    SignatureError,
    TokenError,
    TokenExpiredError,
    UnknownKeyError,
    WrongAudienceError,
    WrongIssuerError,
    WrongTypeError,
)
from watchword.formats.jwt import JwtVerifier
from watchword.keys.discovery import alias, read_jwks
from watchword.keys.key import Key
from watchword.keys.remote import RemoteKeys
from watchword.keys.ring import KeyRing
from watchword.tokens.foreign import AUTH0, PROFILES, ClaimProfile, ForeignTokens, check_among

RSA = Key.generate("RS256")
OTHER_RSA = Key.generate("RS256")
EACH = pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)


def published(kid: str, key: Key = RSA, **more: Any) -> bytes:
    """A JWK Set as vendors write it, with certificates and members of their own; some leave ``alg`` out."""
    jwk = key.public().to_jwk() | {"kid": kid, "x5c": ["MIIC"], "x5t": "i6l", "issuer": "x"} | more
    return json.dumps({"keys": [jwk]}).encode()


def keys_of(vendor: Vendor, key: Key = RSA) -> RemoteKeys:
    remote = RemoteKeys("https://id.example/jwks", lambda body: read_jwks(body, rsa="RS256"), clock=FrozenClock(NOW))
    remote.succeeded(published(vendor.kid, key), 10**6)
    return remote


def tokens_of(vendor: Vendor, key: Key = RSA) -> ForeignTokens:
    return ForeignTokens(keys_of(vendor, key), issuer=vendor.issuer, audience=vendor.audience, profile=vendor.profile)


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: Key = RSA) -> str:
    message = ".".join(b64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{message}.{b64url(key.sign(message.encode()))}"


def token(vendor: Vendor, key: Key = RSA, *, head: Mapping[str, Any] | None = None, **more: Any) -> str:
    claims = {name: value for name, value in (vendor.access | more).items() if value is not None}
    return signed({"alg": "RS256", "kid": vendor.kid, **vendor.header, **(head or {})}, claims, key)


@EACH
def test_an_access_token(vendor: Vendor) -> None:
    who = tokens_of(vendor).verify(token(vendor))
    for name, value in vendor.says.items():
        assert getattr(who, name) == value, name
    assert (who.issuer, who.kind, who.expires_at) == (vendor.issuer, "access", NOW + 3540)
    assert who.claims["iss"] == vendor.issuer


@EACH
def test_an_id_token_is_none_even_with_our_audience(vendor: Vendor) -> None:
    id_token = signed({"alg": "RS256", "kid": vendor.kid, **vendor.header}, vendor.id)
    with pytest.raises((WrongTypeError, MissingClaimError)):
        tokens_of(vendor).verify(id_token)


@EACH
@pytest.mark.parametrize("typ", ["dpop+jwt", "logout+jwt", "secevent+jwt", "refresh+jwt", "service+jwt", "x"])
def test_t18_another_type_of_token(vendor: Vendor, typ: str) -> None:
    with pytest.raises(WrongTypeError):
        tokens_of(vendor).verify(token(vendor, head={"typ": typ}))


@pytest.mark.parametrize(
    ("name", "typ", "good"),
    [
        ("rfc9068", "JWT", False),
        ("rfc9068", "AT+JWT", True),
        ("rfc9068", "application/at+jwt", True),
        ("auth0", "at+jwt", True),
        ("okta", "application/okta-internal-at+jwt", True),
        ("okta", "JWT", True),
        ("keycloak", "at+jwt", True),
        ("entra", "at+jwt", False),
        ("cognito", "JWT", True),
        ("cognito", "at+jwt", False),
    ],
)
def test_header_types(name: str, typ: str, good: bool) -> None:
    vendor = VENDORS[name]
    if good:
        tokens_of(vendor).verify(token(vendor, head={"typ": typ}))
    else:
        with pytest.raises(WrongTypeError):
            tokens_of(vendor).verify(token(vendor, head={"typ": typ}))


@EACH
def test_what_is_refused(vendor: Vendor) -> None:
    tokens, audience = tokens_of(vendor), vendor.profile.audience
    refusals: list[tuple[type[TokenError], dict[str, Any]]] = [
        (WrongIssuerError, {"iss": vendor.issuer.rstrip("/") + "/x"}),
        (WrongIssuerError, {"iss": vendor.issuer.upper()}),
        (WrongIssuerError, {"iss": None}),
        (WrongIssuerError, {"iss": [vendor.issuer]}),
        (WrongAudienceError, {audience: "https://other.example"}),
        (MissingClaimError, {audience: None}),
        (TokenExpiredError, {"exp": NOW}),
        (MissingClaimError, {"exp": None}),
        (MissingClaimError, {"iat": None}),
        (ClaimError, {"iat": NOW + 11}),
        (ClaimError, {"nbf": NOW + 11}),
        (ClaimError, {"exp": "1800000060"}),
        (ClaimError, {"exp": NOW + 10**6}),
        (TokenError, {"sub": 7}),
        (TokenError, {"sub": None}),
        (BindingError, {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}),
    ]
    for error, change in refusals:
        with pytest.raises(error):
            tokens.verify(token(vendor, **change))
    with pytest.raises(SignatureError):
        tokens.verify(token(vendor, OTHER_RSA))
    with pytest.raises(AlgorithmError):
        tokens.verify(token(vendor, head={"alg": "PS256"}))
    with pytest.raises(UnknownKeyError):
        tokens.verify(token(vendor, head={"kid": "another"}))
    for kid in ("", "a b", "a\n", "\u00e9", "k" * 257, 7):
        with pytest.raises(MalformedTokenError):
            tokens.verify(token(vendor, head={"kid": kid}))
    for name in ("jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "cty"):
        with pytest.raises(MalformedTokenError):
            tokens.verify(token(vendor, head={name: "https://canary.example"}))


@EACH
def test_the_keys_alone_decide_whether_a_key_id_is_known(vendor: Vendor) -> None:
    """A stranger's key id is only ever looked up: no path, no query, whatever it looks like."""
    tokens = tokens_of(vendor)
    for kid in ("../../dev/null", "'OR'1'='1", "$(x)", alias(vendor.kid) + "=", vendor.kid.lower()):
        if kid != vendor.kid:
            with pytest.raises(UnknownKeyError):
                tokens.verify(token(vendor, head={"kid": kid}))


def test_a_key_id_with_characters_of_its_own_is_known_by_its_digest() -> None:
    kid = VENDORS["cognito"].kid
    assert alias("plain-id_1") == "plain-id_1"
    assert alias(kid) == alias(kid) != alias(kid[:-1])
    assert alias(kid).startswith("~")


@pytest.mark.parametrize(
    "change", [{"scp": ["a", 7]}, {"scp": 7}, {"scp": {"a": "b"}}, {"scp": ["a\n"]}, {"groups": ["x"] * 501}]
)
def test_words_are_words(change: dict[str, Any]) -> None:
    with pytest.raises(ClaimError):
        tokens_of(VENDORS["okta"]).verify(token(VENDORS["okta"], **change))


def test_scopes_may_be_text_or_a_list() -> None:
    tokens = tokens_of(VENDORS["okta"])
    assert tokens.verify(token(VENDORS["okta"], scp="a  b")).scopes == {"a", "b"}
    assert tokens.verify(token(VENDORS["okta"], scp=None, groups=None)).scopes == frozenset()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cognito", {"token_use": "id"}),
        ("cognito", {"token_use": None}),
        ("keycloak", {"typ": "ID"}),
        ("keycloak", {"typ": "Refresh"}),
        ("keycloak", {"typ": "DPoP"}),
        ("okta", {"jti": "ID.x"}),
        ("okta", {"cid": None}),
        ("auth0", {"azp": None}),
        ("entra", {"azp": None}),
        ("entra", {"scp": None, "roles": None}),
        ("entra", {"ver": "1.0"}),
        ("entra-v1", {"appid": None}),
        *((name, {"nonce": "n"}) for name in PROFILES if name != "keycloak"),
        *((name, {"at_hash": "n"}) for name in PROFILES),
    ],
)
def test_what_tells_an_access_token_apart(name: str, change: dict[str, Any]) -> None:
    with pytest.raises((WrongTypeError, MissingClaimError)):
        tokens_of(VENDORS[name]).verify(token(VENDORS[name], **change))


def test_a_token_without_an_id_is_named_by_what_was_signed() -> None:
    one, other = token(VENDORS["auth0"]), token(VENDORS["auth0"], extra=1)
    tokens = tokens_of(VENDORS["auth0"])
    assert len({tokens.verify(each).token_id for each in (one, one, other)}) == 2


def test_a_token_that_was_seen_is_looked_at_again() -> None:
    vendor = VENDORS["okta"]
    remote = keys_of(vendor)
    clock = remote.clock
    assert isinstance(clock, FrozenClock)
    tokens = ForeignTokens(
        remote, issuer=vendor.issuer, audience=vendor.audience, profile=vendor.profile, max_life=timedelta(days=3)
    )
    long = token(vendor, exp=NOW + 250_000)
    assert tokens.verify(long) is tokens.verify(long)
    remote.succeeded(published("rolled"), 60)
    with pytest.raises(UnknownKeyError):
        tokens.verify(long)
    remote.succeeded(published(vendor.kid), 60)
    short = token(vendor)
    tokens.verify(short)
    clock.advance(3540)
    with pytest.raises(TokenExpiredError):
        tokens.verify(short)
    clock.advance(86_400)
    with pytest.raises(KeysUnavailableError):
        tokens.verify(long)


def test_an_unknown_key_id_wakes_the_refresher() -> None:
    vendor, remote = VENDORS["okta"], keys_of(VENDORS["okta"])
    tokens = ForeignTokens(remote, issuer=vendor.issuer, audience=vendor.audience, profile=vendor.profile)
    assert not remote.wants()
    with pytest.raises(UnknownKeyError):
        tokens.verify(token(vendor, head={"kid": "new"}))
    assert remote.wants()


def test_a_plain_ring_will_do_and_one_key_needs_no_id() -> None:
    vendor = VENDORS["rfc9068"]
    ring = KeyRing.of(RSA.public(), clock=FrozenClock(NOW))
    tokens = ForeignTokens(ring, issuer=vendor.issuer, audience=vendor.audience)
    nameless = signed({"alg": "RS256", "typ": "at+jwt"}, vendor.access)
    assert tokens.verify(nameless).subject == "5ba552d67"
    assert check_among([tokens], nameless).subject == "5ba552d67"
    with pytest.raises(UnknownKeyError):
        check_among([tokens, tokens_of(VENDORS["okta"])], nameless)


# T19: several issuers


def test_t19_a_key_vouches_for_its_own_issuer_alone() -> None:
    a, b = VENDORS["okta"], VENDORS["keycloak"]
    several = [tokens_of(a, RSA), tokens_of(b, OTHER_RSA)]
    assert check_among(several, token(a, RSA)).issuer == a.issuer
    assert check_among(several, token(b, OTHER_RSA)).issuer == b.issuer
    with pytest.raises(SignatureError):
        check_among(several, token(a, OTHER_RSA))
    with pytest.raises(TokenError):
        check_among(several, token(a, OTHER_RSA, head={"kid": b.kid}))
    with pytest.raises(WrongIssuerError):
        check_among(several, token(b, OTHER_RSA, iss=a.issuer))
    with pytest.raises(UnknownKeyError):
        check_among(several, token(a, RSA, head={"kid": "none"}))


def test_t19_issuers_that_share_their_keys_are_told_apart_by_what_was_signed() -> None:
    """The two versions of one Entra tenant, and all its tenants, sign with the same keys."""
    two, one = VENDORS["entra"], msgspec.structs.replace(VENDORS["entra-v1"], kid=VENDORS["entra"].kid)
    for several in ([tokens_of(two), tokens_of(one)], [tokens_of(one), tokens_of(two)]):
        assert check_among(several, token(one)).issuer == one.issuer
        assert check_among(several, token(two)).issuer == two.issuer
        with pytest.raises(WrongIssuerError):
            check_among(several, token(two, iss=two.issuer.replace("72f988bf", "82f988bf")))
        with pytest.raises(TokenExpiredError):
            check_among(several, token(one, exp=NOW))


def test_t19_the_same_key_id_at_two_issuers() -> None:
    a, b = VENDORS["okta"], msgspec.structs.replace(VENDORS["keycloak"], kid=VENDORS["okta"].kid)
    several = [tokens_of(a, RSA), tokens_of(b, OTHER_RSA)]
    assert check_among(several, token(b, OTHER_RSA)).issuer == b.issuer
    with pytest.raises(TokenError):
        check_among(several, token(b, RSA))


def test_a_profile_of_ones_own() -> None:
    profile = ClaimProfile(
        name="ours", types=frozenset({"jwt"}), client=("cid",), required=("iss", "exp", "iat", "sub")
    )
    vendor = msgspec.structs.replace(VENDORS["okta"], profile=profile, header={"typ": "JWT"})
    assert tokens_of(vendor).verify(token(vendor)).client_id == "nmdP1fcyvdVO11AL7ECm"
    assert PROFILES["auth0"] is AUTH0


async def test_in_the_corridor() -> None:
    tokens = tokens_of(VENDORS["okta"])
    assert (await tokens.authenticate(token(VENDORS["okta"]))).client_id == "nmdP1fcyvdVO11AL7ECm"
    with pytest.raises(ConfigurationError):
        await tokens.revocation_of(token(VENDORS["okta"]))
    assert "okta" in repr(tokens)


def test_roles_are_those_at_the_audience_that_the_token_is_for() -> None:
    """Keycloak lists the user's roles at every client; those at another of ours are not what this token grants."""
    vendor = VENDORS["keycloak"]
    tokens = ForeignTokens(
        keys_of(vendor), issuer=vendor.issuer, audience=["billing", "orders"], profile=vendor.profile
    )
    access = {"billing": {"roles": ["billing-admin"]}, "orders": {"roles": ["orders-clerk"]}}
    for aud in ("orders", ["account", "orders"]):
        roles = tokens.verify(token(vendor, aud=aud, resource_access=access)).roles
        assert "orders-clerk" in roles
        assert "billing-admin" not in roles


def test_what_was_seen_cannot_be_changed() -> None:
    vendor = VENDORS["auth0"]
    who = tokens_of(vendor).verify(token(vendor))
    with pytest.raises(TypeError):
        who.raw_claims["permissions"] = ["everything"]  # type: ignore[index]  # that is the point


def test_an_issuer_without_keys_to_trust_does_not_stop_another_with_the_same_key_id() -> None:
    a, b = VENDORS["okta"], msgspec.structs.replace(VENDORS["keycloak"], kid=VENDORS["okta"].kid)
    remote = keys_of(a)
    remote.succeeded(published(a.kid), 60)
    assert isinstance(remote.clock, FrozenClock)
    remote.clock.advance(timedelta(hours=25))
    stale = ForeignTokens(remote, issuer=a.issuer, audience=a.audience, profile=a.profile)
    for several in ([stale, tokens_of(b, OTHER_RSA)], [tokens_of(b, OTHER_RSA), stale]):
        assert check_among(several, token(b, OTHER_RSA)).issuer == b.issuer
        with pytest.raises(KeysUnavailableError):
            check_among(several, token(a, RSA))


def test_one_of_several_may_have_large_tokens() -> None:
    """ML-DSA: the tokens of one issuer are longer than those of the other may be."""
    plain, vendor, large = VENDORS["okta"], VENDORS["rfc9068"], Key.generate("ML-DSA-87", kid="large")
    ring = KeyRing.of(large.public(), clock=FrozenClock(NOW))
    several = [tokens_of(plain), ForeignTokens(ring, issuer=vendor.issuer, audience=vendor.audience)]
    long = signed({"alg": "ML-DSA-87", "kid": "large", "typ": "at+jwt"}, vendor.access | {"more": "x" * 3000}, large)
    assert len(long) > 8192
    assert check_among(several, long).issuer == vendor.issuer


@EACH
def test_t18_an_access_token_is_no_id_token_even_with_our_audience(vendor: Vendor) -> None:
    """The other way round, in the worst case: an API that is its own client, and so is both ``aud`` and ``azp``."""
    ring = KeyRing.of(RSA.public(), clock=FrozenClock(NOW))
    verifier = JwtVerifier(ring, ID_TOKEN, issuer=vendor.issuer, audience=vendor.audience)
    ours = {"aud": vendor.audience, "azp": vendor.audience}
    with pytest.raises(WrongTypeError):
        verifier.verify(signed({"alg": "RS256", **vendor.header}, vendor.access | ours))
    if vendor.header.get("typ", "JWT") == "JWT":
        assert verifier.verify(signed({"alg": "RS256", **vendor.header}, vendor.id | ours)).typ == "JWT"
