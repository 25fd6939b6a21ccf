"""JWTs across libraries: ours verify in PyJWT, joserfc and jwcrypto; theirs verify here. What they accept and we refuse
is written down (I21).
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

import jwt as pyjwt
import jwt.api_jwt
import pytest
from joserfc import jwt as joserfc
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws
from jwt.algorithms import OKPAlgorithm

from watchword.clock import FrozenClock
from watchword.encoding import b64url, dump_json
from watchword.errors import (
    AlgorithmError,
    ClaimError,
    MalformedTokenError,
    MissingClaimError,
    TokenError,
    UnknownKeyError,
    WrongTypeError,
)
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://as.test", "https://api.test"
NAMES = ("ES256", "RS256", "HS256", "Ed25519")
KEYS = {name: Key.generate(name, kid="k1") for name in NAMES}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "user-7",
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW,
    "nbf": NOW,
    "jti": "j-1",
    "client_id": "c",
}


class Frozen(datetime):
    """PyJWT's clock, standing still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.fromtimestamp(NOW, tz)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwt.api_jwt, "datetime", Frozen)
    assert vars(jwt.api_jwt)["datetime"].now(UTC).timestamp() == NOW


def ours(name: str) -> AccessTokens:
    ring = KeyRing.of(KEYS[name], clock=FrozenClock(NOW))
    return AccessTokens(ring, issuer=ISSUER, audience=AUDIENCE)


def shared(name: str) -> dict[str, Any]:
    """The JWK that a verifier gets: the public half, or the secret that both hold."""
    return KEYS[name].to_jwk(private=KEYS[name].algorithm.symmetric)


# what the libraries make of a token: the claims, or one of their own errors


def pyjwt_reads(token: str | bytes, name: str) -> dict[str, Any]:
    checker = pyjwt.PyJWT()
    checker._jws.register_algorithm("Ed25519", OKPAlgorithm())  # RFC 9864: PyJWT 2.15 knows the older name alone
    material: Any = _pyjwt_key(name)
    options: Any = {"require": ["exp", "iss", "aud"]}
    found: dict[str, Any] = checker.decode(
        token, material, algorithms=[name], audience=AUDIENCE, issuer=ISSUER, options=options
    )
    return found


def _pyjwt_key(name: str) -> Any:
    if name == "Ed25519":
        return pyjwt.PyJWK(shared(name), algorithm="EdDSA").key
    return pyjwt.PyJWK(shared(name)).key


def joserfc_reads(token: str | bytes, name: str) -> dict[str, Any]:
    found = joserfc.decode(token, import_key(shared(name)), algorithms=[name])
    registry = joserfc.JWTClaimsRegistry(
        now=NOW,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
    )
    registry.validate(found.claims)
    return found.claims


def jwcrypto_reads(token: str | bytes, name: str) -> dict[str, Any]:
    """The signature alone: its claims are checked against the wall clock."""
    found = jwcrypto_jws.JWS()
    found.allowed_algs = [name]
    found.deserialize(token if isinstance(token, str) else token.decode(), jwcrypto_jwk.JWK(**shared(name)))
    claims: dict[str, Any] = json.loads(found.payload)
    return claims


READERS: dict[str, Callable[[str | bytes, str], dict[str, Any]]] = {"PyJWT": pyjwt_reads, "joserfc": joserfc_reads}


def accepting(token: str, name: str = "HS256") -> set[str]:
    found = set()
    for library, read in READERS.items():
        try:
            read(token, name)
        except (pyjwt.PyJWTError, JoseError, ValueError):
            continue
        found.add(library)
    return found


# ours, read by them


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("library", READERS)
def test_they_read_ours(library: str, name: str) -> None:
    issued = ours(name).issue("user-7", scopes=["a", "b"], roles=["admin"], session_id="s-1", claims={"team": "\u00e9"})
    claims = READERS[library](issued.token, name)
    assert claims["sub"] == "user-7"
    assert claims["exp"] == NOW + 900
    assert (claims["scope"], claims["roles"], claims["sid"], claims["team"]) == ("a b", ["admin"], "s-1", "\u00e9")
    assert claims["jti"] == issued.token_id
    assert ours(name).verify(issued.token).claims["team"] == "\u00e9"


@pytest.mark.parametrize("name", NAMES)
def test_jwcrypto_reads_ours(name: str) -> None:
    assert jwcrypto_reads(ours(name).issue("user-7").token, name)["sub"] == "user-7"


def test_several_audiences() -> None:
    token = ours("ES256").issue("user-7", audience=["https://other.test", AUDIENCE]).token
    for read in READERS.values():
        assert read(token, "ES256")["aud"] == ["https://other.test", AUDIENCE]


def test_they_find_our_key_in_our_document() -> None:
    ring = KeyRing.generate("ES256", "Ed25519", clock=FrozenClock(NOW))
    access = AccessTokens(ring, issuer=ISSUER, audience=AUDIENCE)
    token = access.issue("user-7").token
    document = json.loads(json.dumps(ring.jwks()))
    assert joserfc.decode(token, KeySet.import_key_set(document), algorithms=["ES256"]).claims["sub"] == "user-7"
    one = pyjwt.PyJWKSet.from_dict(document)[pyjwt.get_unverified_header(token)["kid"]]
    assert pyjwt.decode(token, one, algorithms=["ES256"], audience=AUDIENCE)["sub"] == "user-7"


def test_pyjwt_does_not_know_the_newer_name_of_ed25519() -> None:
    """Until it does, its users register the name, as above; the older `EdDSA` is read by us, and never written."""
    token = ours("Ed25519").issue("user-7").token
    with pytest.raises(pyjwt.InvalidAlgorithmError):
        pyjwt.decode(token, _pyjwt_key("Ed25519"), algorithms=["Ed25519", "EdDSA"], audience=AUDIENCE)


# theirs, read by us


def by_pyjwt(name: str, claims: dict[str, Any], header: dict[str, Any]) -> str:
    private: Any = KEYS[name].secret_bytes() if name == "HS256" else KEYS[name]._private
    return pyjwt.encode(claims, private, algorithm="EdDSA" if name == "Ed25519" else name, headers=header)


def by_joserfc(name: str, claims: dict[str, Any], header: dict[str, Any]) -> str:
    return joserfc.encode(
        {"alg": name, **header}, claims, import_key(KEYS[name].to_jwk(private=True)), algorithms=[name]
    )


WRITERS: dict[str, Callable[[str, dict[str, Any], dict[str, Any]], str]] = {"PyJWT": by_pyjwt, "joserfc": by_joserfc}
WRITER = pytest.mark.parametrize("library", WRITERS)
NAME = pytest.mark.parametrize("name", NAMES)


@WRITER
@NAME
def test_we_read_theirs(library: str, name: str) -> None:
    for typ in ("at+jwt", "AT+JWT", "application/at+jwt"):
        for kid in ({"kid": "k1"}, {}):
            token = WRITERS[library](name, CLAIMS | {"scope": "a b", "team": "\u00e9"}, {"typ": typ, **kid})
            who = ours(name).verify(token)
            assert (who.subject, sorted(who.scopes), who.claims["team"]) == ("user-7", ["a", "b"], "\u00e9")


@WRITER
@NAME
def test_we_refuse_theirs_without_our_type(library: str, name: str) -> None:
    for header in ({"kid": "k1"}, {"kid": "k1", "typ": "JWT"}, {"kid": "k1", "typ": "dpop+jwt"}):
        with pytest.raises(WrongTypeError):
            ours(name).verify(WRITERS[library](name, CLAIMS, header))


@WRITER
@NAME
def test_we_refuse_theirs_with_another_key(library: str, name: str) -> None:
    with pytest.raises(UnknownKeyError):
        ours(name).verify(WRITERS[library](name, CLAIMS, {"kid": "k2", "typ": "at+jwt"}))


@WRITER
@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"])
def test_we_want_the_whole_profile(library: str, claim: str) -> None:
    """RFC 9068 §2.2."""
    claims = {name: value for name, value in CLAIMS.items() if name != claim}
    with pytest.raises(MissingClaimError):
        ours("ES256").verify(WRITERS[library]("ES256", claims, {"kid": "k1", "typ": "at+jwt"}))


# I21: what they accept and we refuse


def raw(claims: bytes, header: bytes) -> str:
    message = f"{b64url(header)}.{b64url(claims)}"
    return f"{message}.{b64url(KEYS['HS256'].sign(message.encode()))}"


HEAD = dump_json({"alg": "HS256", "kid": "k1", "typ": "at+jwt"})
BODY = dump_json(CLAIMS)


def claimed(**changes: Any) -> str:
    return raw(dump_json(CLAIMS | changes), HEAD)


def headed(**changes: Any) -> str:
    return raw(BODY, dump_json(json.loads(HEAD) | changes))


def replaced(name: str, text: bytes) -> str:
    return raw(dump_json(CLAIMS | {name: "@@"}).replace(b'"@@"', text), HEAD)


BOTH, PYJWT, JOSERFC = {"PyJWT", "joserfc"}, {"PyJWT"}, {"joserfc"}
GOOD = raw(BODY, HEAD)

STRICTER: dict[str, tuple[str, set[str], type[TokenError]]] = {
    "a claim twice": (raw(b'{"exp":4000000000,' + BODY[1:], HEAD), BOTH, MalformedTokenError),
    "a claim twice, escaped": (raw(BODY[:-1] + b',"\\u0073ub":"admin"}', HEAD), BOTH, MalformedTokenError),
    "alg twice": (raw(BODY, b'{"alg":"none",' + HEAD[1:]), BOTH, MalformedTokenError),
    "typ of another kind": (headed(typ="dpop+jwt"), BOTH, WrongTypeError),
    "typ JWT": (headed(typ="JWT"), BOTH, WrongTypeError),
    "no typ": (raw(BODY, dump_json({"alg": "HS256", "kid": "k1"})), BOTH, WrongTypeError),
    "an unknown kid": (headed(kid="k2"), BOTH, UnknownKeyError),
    "a kid with a slash": (headed(kid="../../dev/null"), BOTH, MalformedTokenError),
    "a kid of 5 kB": (headed(kid="k" * 5000), PYJWT, MalformedTokenError),
    "a jwk of its own": (headed(jwk={"kty": "oct", "k": "AAAA"}), BOTH, MalformedTokenError),
    "a jku": (headed(jku="https://canary.test"), BOTH, MalformedTokenError),
    "zip": (headed(zip="DEF"), PYJWT, MalformedTokenError),
    "cty": (headed(cty="JWT"), BOTH, MalformedTokenError),
    "crit empty": (headed(crit=[]), JOSERFC, MalformedTokenError),
    "crit of what is always understood": (headed(crit=["alg"]), JOSERFC, MalformedTokenError),
    "b64 true": (headed(b64=True), BOTH, MalformedTokenError),
    "padding": (GOOD + "=", PYJWT, MalformedTokenError),
    "a lone surrogate": (replaced("sub", b'"user\\ud800"'), BOTH, MalformedTokenError),
    "a BOM": (raw(b"\xef\xbb\xbf" + BODY, HEAD), BOTH, MalformedTokenError),
    "UTF-16": (raw(BODY.decode().encode("utf-16"), HEAD), BOTH, MalformedTokenError),
    "9 levels": (claimed(x=[[[[[[[[1]]]]]]]]), BOTH, MalformedTokenError),
    "NaN": (replaced("x", b"NaN"), BOTH, MalformedTokenError),
    "1e400": (replaced("x", b"1e400"), BOTH, MalformedTokenError),
    "exp as text": (claimed(exp=str(NOW + 300)), PYJWT, ClaimError),
    "exp of 1e300": (claimed(exp=1e300), BOTH, ClaimError),
    "exp with a fraction": (claimed(exp=NOW + 300.5), BOTH, ClaimError),
    "exp in 24 h": (claimed(exp=NOW + 86_400), BOTH, ClaimError),
    "nbf true": (claimed(nbf=True), PYJWT, ClaimError),
    "sub empty": (claimed(sub=""), BOTH, ClaimError),
    "sub with NUL": (claimed(sub="user\0"), BOTH, ClaimError),
    "sub of 2 kB": (claimed(sub="s" * 2000), BOTH, ClaimError),
    "17 audiences": (claimed(aud=[AUDIENCE] + ["a"] * 16), BOTH, ClaimError),
    "65 claims": (claimed(**{f"c{number}": 1 for number in range(57)}), BOTH, ClaimError),
    "9 kB": (claimed(x="x" * 9000), BOTH, MalformedTokenError),
    "no jti": (
        raw(dump_json({name: value for name, value in CLAIMS.items() if name != "jti"}), HEAD),
        BOTH,
        MissingClaimError,
    ),
}


def test_the_base_of_that_table_is_good_everywhere() -> None:
    assert accepting(GOOD) == BOTH
    assert ours("HS256").verify(GOOD).subject == "user-7"


@pytest.mark.parametrize(("token", "accepted_by", "error"), STRICTER.values(), ids=STRICTER)
def test_what_they_accept_and_we_refuse(token: str, accepted_by: set[str], error: type[TokenError]) -> None:
    with pytest.raises(error):
        ours("HS256").verify(token)
    assert accepting(token) == accepted_by


def test_nobody_accepts_another_algorithm() -> None:
    token = headed(alg="none")
    assert accepting(token) == set()
    with pytest.raises(AlgorithmError):
        ours("HS256").verify(token)
