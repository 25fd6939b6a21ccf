"""npm's jose and we read each other: JWS, JWE, nested JWTs, JWKs, access tokens; and both refuse one changed bit."""

import json
from typing import Any, Final

import pytest

from tests.interop.conftest import NOW
from tests.interop.npm.npm import Peer, RefusedError
from watchword.clock import FrozenClock
from watchword.crypto.content import CONTENTS
from watchword.encoding import b64url, dump_json, unb64url
from watchword.errors import SealError, SignatureError
from watchword.formats import jwe, jws
from watchword.formats.jwt import Jwt
from watchword.insecure import PBES2
from watchword.keys.discovery import read_jwks
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

TEXT: Final = "signed – with care".encode()
ISSUER, AUDIENCE = "https://as.test", "https://api.test"
CLAIMS: Final[dict[str, Any]] = {
    "iss": ISSUER, "sub": "user-7", "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW, "jti": "j-1", "client_id": "c",
}  # fmt: skip
RSA: Final = Key.generate("RS256", kid="rsa").to_jwk(private=True)
PUBLIC_KEYS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
)  # fmt: skip
SIGNING: Final = ("HS256", "HS384", "HS512", *PUBLIC_KEYS)
LARGE: Final = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
BAD_SIGNATURE, BAD_SEAL = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "ERR_JWE_DECRYPTION_FAILED"


def make(algorithm: str, **more: Any) -> Key:
    """A key; there is one RSA key for all that need one."""
    if algorithm.startswith(("RS", "PS")):
        return Key.from_jwk(RSA | {"alg": algorithm, "use": "enc" if "OAEP" in algorithm else "sig"})
    return Key.generate(algorithm, **more)


KEYS: Final = {name: make(name) for name in (*SIGNING, *LARGE)}


def readable(key: Key) -> dict[str, Any]:
    """The JWK that a reader gets: the public half, or the secret that both hold."""
    return key.to_jwk(private=key.algorithm.symmetric)


def changed(token: str, segment: int = -1) -> str:
    """`token` with one bit of a segment turned over."""
    parts = token.split(".")
    raw = bytearray(unb64url(parts[segment].encode()))
    raw[len(raw) // 2] ^= 1
    parts[segment] = b64url(bytes(raw))
    return ".".join(parts)


def signed(peer: Peer, key: Key, payload: bytes = TEXT, **header: Any) -> str:
    head = {"alg": key.algorithm.name, "kid": key.kid} | header
    return str(peer.ask("jose", "sign", jwk=key.to_jwk(private=True), header=head, payload=b64url(payload)))


def both_ways(peer: Peer, key: Key) -> None:
    def theirs(token: str) -> bytes:
        return unb64url(peer.ask("jose", "verify", jwk=readable(key), alg=key.algorithm.name, token=token).encode())

    ring, ours, back = KeyRing.of(key), jws.sign(TEXT, key), signed(peer, key)
    assert theirs(ours) == TEXT
    assert jws.verify(back, ring) == TEXT
    for segment in (1, 2):
        with pytest.raises(RefusedError, match=BAD_SIGNATURE):
            theirs(changed(ours, segment))
        with pytest.raises(SignatureError):
            jws.verify(changed(back, segment), ring)


@pytest.mark.parametrize("algorithm", SIGNING)
def test_signatures(peer: Peer, algorithm: str) -> None:
    both_ways(peer, KEYS[algorithm])


@pytest.mark.parametrize("algorithm", LARGE)
def test_ml_dsa_or_this_node_lacks_it(peer: Peer, algorithm: str) -> None:
    """jose takes ML-DSA from Node, which has it from 24.7 on; an older one says so."""
    if peer.ask("jose", "knows", alg=algorithm):
        return both_ways(peer, KEYS[algorithm])
    with pytest.raises(RefusedError, match="NotSupportedError"):
        signed(peer, KEYS[algorithm])


def test_the_older_name_of_ed25519_is_read(peer: Peer) -> None:
    key = KEYS["Ed25519"]
    older = key.to_jwk(private=True) | {"alg": "EdDSA"}
    token = peer.ask("jose", "sign", jwk=older, header={"alg": "EdDSA", "kid": key.kid}, payload=b64url(TEXT))
    assert jws.verify(token, KeyRing.of(key)) == TEXT


@pytest.mark.parametrize("b64", [True, False])
def test_detached(peer: Peer, b64: bool) -> None:
    key, payload = KEYS["ES256"], b64url(TEXT)
    there: dict[str, Any] = {"jwk": readable(key), "alg": "ES256", "payload": payload, "b64": b64}
    ours = jws.sign(TEXT, key, detached=True, b64=b64)
    assert peer.ask("jose", "verifyDetached", token=ours, **there) == payload
    with pytest.raises(RefusedError, match=BAD_SIGNATURE):
        peer.ask("jose", "verifyDetached", token=ours, **there | {"payload": b64url(TEXT + b"x")})
    header = {"alg": "ES256", "kid": key.kid} | ({} if b64 else {"b64": False, "crit": ["b64"]})
    back = peer.ask("jose", "signDetached", jwk=key.to_jwk(private=True), header=header, payload=payload)
    assert jws.verify(back, KeyRing.of(key), detached=TEXT, b64=b64) == TEXT
    with pytest.raises(SignatureError):
        jws.verify(back, KeyRing.of(key), detached=TEXT + b"x", b64=b64)


# JWE: every alg with every enc

SEALING: Final[dict[str, Key]] = {
    **{f"dir {enc}": make(enc) for enc in CONTENTS},
    **{name: make(name) for name in ("A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW")},
    **{
        f"{name} {crv}": make(name, crv=crv)
        for name in ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
        for crv in ("P-256", "P-384", "P-521", "X25519")
    },
    **{name: make(name) for name in ("RSA-OAEP", "RSA-OAEP-256")},
    **{name: make(name) for name in ("PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW")},
}
CASES: Final = [
    pytest.param(key, enc, id=f"{name} {enc}")
    for name, key in SEALING.items()
    for enc in CONTENTS
    if (not name.startswith("dir") or name == f"dir {enc}") and (not name.startswith("PBES2") or enc == "A256GCM")
]


def sealed(peer: Peer, key: Key, enc: str, payload: bytes = TEXT, **header: Any) -> str:
    head = {"alg": alg_of(key), "enc": enc, "kid": key.kid} | header
    p2c = 4096 if alg_of(key).startswith("PBES2") else None
    return str(peer.ask("jose", "encrypt", jwk=readable(key), header=head, payload=b64url(payload), p2c=p2c))


def alg_of(key: Key) -> str:
    return "dir" if key.algorithm.name in CONTENTS else key.algorithm.name


@pytest.mark.parametrize(("key", "enc"), CASES)
def test_sealed(peer: Peer, key: Key, enc: str) -> None:
    def theirs(token: str) -> bytes:
        found = peer.ask("jose", "decrypt", jwk=key.to_jwk(private=True), alg=alg_of(key), enc=enc, token=token)
        return unb64url(found.encode())

    ring, ours, back = KeyRing.of(key), jwe.encrypt(TEXT, key, enc=enc, allow=[PBES2]), sealed(peer, key, enc)
    assert theirs(ours) == TEXT
    assert jwe.decrypt(back, ring, allow=[PBES2]) == TEXT
    for segment in (3, 4):  # the ciphertext, the tag
        with pytest.raises(RefusedError, match=BAD_SEAL):
            theirs(changed(ours, segment))
        with pytest.raises(SealError):
            jwe.decrypt(changed(back, segment), ring, allow=[PBES2])


def test_how_many_there_are() -> None:
    assert (len(SIGNING), len(CASES)) == (13, 153)


def test_nested(peer: Peer) -> None:
    """Signed, then sealed (RFC 7519 §5.2)."""
    key, lock = KEYS["ES256"], SEALING["ECDH-ES+A256KW P-256"]
    inner = Jwt(KeyRing.of(key, clock=FrozenClock(NOW)), "at+jwt")
    ours = jwe.encrypt(inner.issue(CLAIMS).encode(), lock, cty="JWT")
    opened = peer.ask("jose", "decrypt", jwk=lock.to_jwk(private=True), alg=alg_of(lock), enc="A256GCM", token=ours)
    assert reads(peer, unb64url(opened.encode()).decode(), [key])["sub"] == "user-7"
    token = signed(peer, key, dump_json(CLAIMS), typ="at+jwt")
    back = sealed(peer, lock, "A256GCM", token.encode(), cty="JWT")
    assert jwe.decrypt_nested(back, KeyRing.of(lock), inner).claims["sub"] == "user-7"
    with pytest.raises(SignatureError):
        jwe.decrypt_nested(sealed(peer, lock, "A256GCM", changed(token).encode(), cty="JWT"), KeyRing.of(lock), inner)


# access tokens, as an API would check them


def access(*keys: Key, now: int = NOW) -> AccessTokens:
    return AccessTokens(KeyRing.of(*keys, clock=FrozenClock(now)), issuer=ISSUER, audience=AUDIENCE)


def reads(peer: Peer, token: str, keys: list[Key], **other: Any) -> dict[str, Any]:
    options = {"issuer": ISSUER, "audience": AUDIENCE, "typ": "at+jwt", "requiredClaims": ["exp", "iat", "jti"]}
    document = json.loads(json.dumps(KeyRing.of(*keys).jwks()))
    options |= {"algorithms": [keys[0].algorithm.name]} | other
    found: dict[str, Any] = peer.ask("jose", "access", jwks=document, token=token, **options)
    return found


@pytest.mark.parametrize("algorithm", PUBLIC_KEYS)
def test_jose_reads_our_access_tokens_by_our_key_set(peer: Peer, algorithm: str) -> None:
    key = KEYS[algorithm]
    others = [KEYS[name] for name in PUBLIC_KEYS if not name.startswith(("RS", "PS")) and name != algorithm]
    issued = access(key).issue(
        "user-7", scopes=["a", "b"], roles=["admin"], session_id="s-1", claims={"team": "\u00e9"}
    )
    claims = reads(peer, issued.token, [key, *others])
    assert (claims["sub"], claims["jti"], claims["exp"]) == ("user-7", issued.token_id, NOW + 900)
    assert (claims["scope"], claims["roles"], claims["sid"], claims["team"]) == ("a b", ["admin"], "s-1", "\u00e9")


def test_jose_reads_a_token_for_several_audiences(peer: Peer) -> None:
    token = access(KEYS["ES256"]).issue("user-7", audience=["https://other.test", AUDIENCE]).token
    assert reads(peer, token, [KEYS["ES256"]])["aud"] == ["https://other.test", AUDIENCE]


CLAIM = "ERR_JWT_CLAIM_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"issuer": "https://as.test/"}, CLAIM),
        ({"audience": "https://other.test"}, CLAIM),
        ({"typ": "JWT"}, CLAIM),
        ({"requiredClaims": ["scope"]}, CLAIM),
        ({"algorithms": ["RS256"]}, "ERR_JOSE_ALG_NOT_ALLOWED"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_jose_refuses_our_access_token_for_somebody_else(peer: Peer, other: dict[str, Any], code: str) -> None:
    token = access(KEYS["ES256"]).issue("user-7").token
    with pytest.raises(RefusedError, match=code):
        reads(peer, token, [KEYS["ES256"]], **other)


def test_jose_refuses_our_access_token_when_its_time_is_over_or_its_key_is_another(peer: Peer) -> None:
    key = KEYS["ES256"]
    with pytest.raises(RefusedError, match="ERR_JWT_EXPIRED"):
        reads(peer, access(key, now=NOW - 900).issue("user-7").token, [key])
    with pytest.raises(RefusedError, match=CLAIM):
        reads(peer, access(key, now=NOW + 1).issue("user-7").token, [key])
    with pytest.raises(RefusedError, match="ERR_JWKS_NO_MATCHING_KEY"):
        reads(peer, access(key).issue("user-7").token, [make("ES256")])
    with pytest.raises(RefusedError, match=BAD_SIGNATURE):
        reads(peer, access(key).issue("user-7").token, [make("ES256", kid=key.kid)])


@pytest.mark.parametrize("algorithm", SIGNING)
def test_we_read_theirs(peer: Peer, algorithm: str) -> None:
    key = KEYS[algorithm]
    token = signed(peer, key, dump_json(CLAIMS | {"scope": "a b"}), typ="at+jwt")
    assert access(key).verify(token).scopes == {"a", "b"}
    with pytest.raises(SignatureError):
        access(key).verify(changed(token))


# keys


@pytest.mark.parametrize("algorithm", PUBLIC_KEYS)
def test_we_read_the_key_set_of_joses_keys(peer: Peer, algorithm: str) -> None:
    pair = peer.ask("jose", "generate", alg=algorithm)
    named = {"kid": "theirs", "alg": algorithm, "use": "sig"}
    document = read_jwks(json.dumps({"keys": [pair["public"] | named]}).encode())
    ring = KeyRing.of(*(slot.key for slot in document.slots))
    header = {"alg": algorithm, "kid": "theirs"}
    assert jws.verify(peer.ask("jose", "sign", jwk=pair["private"], header=header, payload=b64url(TEXT)), ring) == TEXT
    back = Key.from_jwk(pair["private"] | named)
    assert (
        unb64url(peer.ask("jose", "verify", jwk=pair["public"], alg=algorithm, token=jws.sign(TEXT, back)).encode())
        == TEXT
    )


THUMBED: Final = {
    **{name: KEYS[name] for name in ("RS256", "ES256", "ES384", "ES512", "Ed25519", *LARGE)},
    "ES256K": make("ES256K"),
    "Ed448": make("Ed448"),
    "X25519": SEALING["ECDH-ES X25519"],
}


@pytest.mark.parametrize("name", THUMBED)
def test_thumbprints(peer: Peer, name: str) -> None:
    """RFC 7638 and RFC 9278."""
    key = THUMBED[name]
    assert peer.ask("jose", "thumbprints", jwk=key.public().to_jwk()) == [key.thumbprint(), key.thumbprint_uri()]


@pytest.mark.parametrize("name", ["RS256", "ES256", "ES384", "ES512", "Ed25519"])
def test_pem(peer: Peer, name: str) -> None:
    for key in (KEYS[name], KEYS[name].public()):
        pem = peer.ask("jose", "pem", jwk=key.to_jwk(private=key.can_sign), alg=name)
        assert pem.strip() == key.to_pem().decode().strip()
        assert Key.from_pem(pem, algorithm=name, kid=key.kid) == key
