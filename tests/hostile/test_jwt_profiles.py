"""T17 to T19: no kind of JWT passes for another, and a key vouches for its own issuer alone."""

from typing import Final

import pytest

from tests.hostile.jose_rows import CLAIMS, CLOCK, ES, NOW, head, signed
from watchword.claims import DPOP_PROOF, ID_TOKEN, LOGOUT_TOKEN, RFC_9068, SERVICE, Profile
from watchword.encoding import b64url, dump_json
from watchword.errors import (
    ClaimError,
    SignatureError,
    TokenExpiredError,
    WrongIssuerError,
    WrongTypeError,
)
from watchword.formats.jwt import JwtVerifier
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

TYPED: Final = {
    "access": (RFC_9068, CLAIMS | {"client_id": "c"}),
    "id": (ID_TOKEN, CLAIMS),
    "logout": (LOGOUT_TOKEN, CLAIMS | {"events": {LOGOUT_TOKEN.event: {}}}),
    "service": (SERVICE, CLAIMS),
    "event": (Profile(typ="secevent+jwt", required=("iss", "events")), CLAIMS | {"events": {"x": {}}}),
    "assertion": (Profile(typ="client-authentication+jwt", required=("iss", "sub", "jti")), CLAIMS),
    "proof": (DPOP_PROOF, CLAIMS | {"htm": "GET", "htu": "https://a.test"}),
}


@pytest.mark.parametrize("verifier", TYPED)
@pytest.mark.parametrize("kind", TYPED)
def test_t18_only_the_diagonal(kind: str, verifier: str) -> None:
    ring = KeyRing.of(ES, clock=CLOCK)
    profile, claims = TYPED[kind]
    wanted = JwtVerifier(ring, TYPED[verifier][0], issuer="https://a.test", audience="api")
    for written in (profile.typ, profile.typ.upper(), f"application/{profile.typ}"):
        token = signed(head(typ=written), b64url(dump_json(claims)))
        if kind == verifier:
            assert wanted.verify(token).claims == claims
        else:
            with pytest.raises(WrongTypeError):
                wanted.verify(token)


def test_t17_t18_shapes_of_the_profiles() -> None:
    ring = KeyRing.of(ES, clock=CLOCK)
    logout = TYPED["logout"][1]
    for name, claims, error in (
        ("logout", logout | {"nonce": "n"}, WrongTypeError),
        ("logout", logout | {"events": {}}, WrongTypeError),
        ("logout", logout | {"events": []}, WrongTypeError),
        ("logout", {key: value for key, value in logout.items() if key != "sub"}, ClaimError),
        ("id", CLAIMS | {"events": {}}, WrongTypeError),
        ("id", CLAIMS | {"aud": ["api", "b"]}, ClaimError),
        ("id", CLAIMS | {"aud": ["api", "b"], "azp": "b"}, ClaimError),
        ("id", CLAIMS | {"azp": "b"}, ClaimError),
        ("id", CLAIMS | {"exp": NOW}, TokenExpiredError),
        ("id", CLAIMS | {"exp": str(NOW + 9)}, ClaimError),
        ("service", CLAIMS | {"exp": NOW + 901}, ClaimError),
        ("access", CLAIMS, ClaimError),
    ):
        profile = TYPED[name][0]
        token = signed(head(typ=profile.typ), b64url(dump_json(claims)))
        with pytest.raises(error):
            JwtVerifier(ring, profile, issuer="https://a.test", audience="api").verify(token)
    both = CLAIMS | {"aud": ["api", "b"], "azp": "api"}
    untyped = signed(head(), b64url(dump_json(both)))
    assert JwtVerifier(ring, ID_TOKEN, issuer="https://a.test", audience="api").verify(untyped).claims == both


def test_t19_a_key_vouches_for_its_issuer_alone() -> None:
    other = Key.generate("ES256", kid=ES.kid)
    verifiers = {
        issuer: JwtVerifier(KeyRing.of(key, clock=CLOCK), ID_TOKEN, issuer=issuer, audience="api")
        for issuer, key in (("https://a.test", ES), ("https://b.test", other))
    }
    token = signed(head(other, typ="JWT"), key=other)
    with pytest.raises(SignatureError):
        verifiers["https://a.test"].verify(token)
    with pytest.raises(WrongIssuerError):
        verifiers["https://b.test"].verify(token)
