"""Tables of the self-contained tokens: cold verification and signing, beside the raw primitive and other libraries.

Everybody reads the same token: eight usual claims (iss sub aud exp iat nbf jti scope) and
``client_id``, which RFC 9068 demands of an access token. Everybody checks exp, iss and aud; before anything is timed,
each must have refused a token for another audience.
"""

from __future__ import annotations

import hmac
import json
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from typing import Any

import jwt as pyjwt
import pyseto
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwk, jwt
from msgspec import Struct
from nacl.bindings import crypto_sign, crypto_sign_open

from watchword.encoding import pae, unb64url
from watchword.formats.base import make_format
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens
from watchword.tokens.seen import Seen

from .measure import Case, Ratio, Table

ISSUER, AUDIENCE = "https://issuer.example", "https://api.example"
SCOPES = ("orders:read", "orders:write")
TOKENS = 64
"""Different tokens that each case takes in turn."""

COLD, BARE = "watchword, cold", "watchword, Key.verify alone"
ISSUE, WRITE = "watchword, access.issue (claims made and checked)", "watchword, given claims"

warnings.filterwarnings("ignore", module=r"joserfc|pyseto|jwt")


class Algorithm(Struct, frozen=True):
    """What one algorithm needs: our key, the same key for the others, the raw calls, and the goals of the design."""

    name: str
    key: Key
    theirs: Any
    """For PyJWT: (signing key, verifying key); for pyseto too."""
    jose: Any = None
    verify: tuple[tuple[str, Callable[..., object], Callable[[bytes, bytes], tuple[Any, ...]]], ...] = ()
    """(name, call, (signature, message) -> arguments): the first is what the ratios are over."""
    sign: tuple[tuple[str, Callable[..., object], Callable[[bytes], tuple[Any, ...]]], ...] = ()
    goals: tuple[str, str, str] = ("", "", "")
    """Over the raw primitive, against PyJWT (or pyseto), against joserfc."""
    alg: str = ""
    """The header word that PyJWT knows, where it does not know ours."""


def tokens_of(ring: KeyRing, **options: Any) -> AccessTokens:
    return AccessTokens(ring, issuer=ISSUER, audience=AUDIENCE, **options)


def without_memory(access: AccessTokens) -> AccessTokens:
    """The same, with a memory of seen tokens that holds two: three tokens in turn are cold each time."""
    access._seen = Seen(0)
    return access


def issued(access: AccessTokens, count: int = TOKENS, **options: Any) -> list[str]:
    return [access.issue(f"user-{number}", scopes=SCOPES, **options).token for number in range(count)]


def algorithms() -> list[Algorithm]:
    return [_hs256(), _es256(), _rs256(), _ed25519("Ed25519"), _ed25519("v4.public")]


def _hs256() -> Algorithm:
    key = Key.generate("HS256")
    secret = key.secret_bytes()
    return Algorithm(
        "HS256",
        key,
        (secret, secret),
        jwk.OctKey.import_key(secret),
        (("hmac.digest", hmac.digest, lambda _, message: (secret, message, "sha256")),),
        (("hmac.digest", hmac.digest, lambda message: (secret, message, "sha256")),),
        ("≤ 2.5", "≥ 8", "≥ 5"),
    )


def _pems(private: Any) -> tuple[bytes, bytes]:
    secret = private.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    return secret, private.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)


def _es256() -> Algorithm:
    private, scheme = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256())
    public, (secret, _) = private.public_key(), _pems(private)

    def der(signature: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))

    return Algorithm(
        "ES256",
        Key.from_pem(secret, algorithm="ES256"),
        (private, public),
        jwk.ECKey.import_key(secret),
        (("cryptography", public.verify, lambda signature, message: (der(signature), message, scheme)),),
        (("cryptography", private.sign, lambda message: (message, scheme)),),
        ("≤ 1.10", "≥ 1.5", "≥ 1.35"),
    )


def _rs256() -> Algorithm:
    private, pad, sha = rsa.generate_private_key(65537, 2048), padding.PKCS1v15(), SHA256()
    public, (secret, _) = private.public_key(), _pems(private)
    return Algorithm(
        "RS256",
        Key.from_pem(secret, algorithm="RS256"),
        (private, public),
        jwk.RSAKey.import_key(secret),
        (("cryptography", public.verify, lambda signature, message: (signature, message, pad, sha)),),
        (("cryptography", private.sign, lambda message: (message, pad, sha)),),
        ("≤ 1.25", "≥ 2.5", "≥ 1.8"),
    )


def _ed25519(name: str) -> Algorithm:
    private = ed25519.Ed25519PrivateKey.generate()
    public, pems = private.public_key(), _pems(private)
    point, secret = public.public_bytes_raw(), private.private_bytes_raw() + public.public_bytes_raw()
    jose = name == "Ed25519"
    return Algorithm(
        name,
        Key.from_pem(pems[0], algorithm=name),
        (private, public) if jose else tuple(pyseto.Key.new(version=4, purpose="public", key=one) for one in pems),
        jwk.OKPKey.import_key(pems[0]) if jose else None,
        (
            ("PyNaCl", crypto_sign_open, lambda signature, message: (signature + message, point)),
            ("cryptography", public.verify, lambda signature, message: (signature, message)),
        ),
        (
            ("PyNaCl", crypto_sign, lambda message: (message, secret)),
            ("cryptography", private.sign, lambda message: (message,)),
        ),
        ("≤ 1.10", "≥ 2", "≥ 2" if jose else ""),
        "EdDSA" if jose else "",
    )


def tables(only: Callable[[str], bool]) -> Iterator[Table]:
    for one in algorithms():
        if only(f"verify {one.name}"):
            yield _verify(one)
        if only(f"sign {one.name}"):
            yield _sign(one)


def _pieces(token: str) -> tuple[bytes, bytes]:
    """(signature, message): what the primitive is called with."""
    if token.startswith("v4.public."):
        body, footer = (unb64url(part) for part in token.encode().split(b".")[2:])
        return body[-64:], pae(b"v4.public.", body[:-64], footer, b"")
    message, _, signature = token.encode().rpartition(b".")
    return unb64url(signature), message


def _claims(token: str) -> dict[str, Any]:
    if token.startswith("v4.public."):
        claims: dict[str, Any] = json.loads(unb64url(token.split(".")[2].encode())[:-64])
    else:
        claims = json.loads(unb64url(token.split(".")[1].encode()))
    return claims


def _verify(one: Algorithm) -> Table:
    ring = KeyRing.of(one.key)
    access = without_memory(tokens_of(ring))
    tokens, other = issued(access), issued(access, 1, audience="https://other.example")[0]
    pieces = [_pieces(token) for token in tokens]
    peers = _paseto_readers(one) if one.name == "v4.public" else _jwt_readers(one)
    spelled = {"PyJWT": _respelled(one)}
    cases = [Case(name, call, [given(*piece) for piece in pieces]) for name, call, given in one.verify]
    cases += [Case(BARE, one.key.verify, pieces), Case(COLD, access.verify, [(token,) for token in tokens])]
    for name, read in peers.items():
        cases.append(Case(name, read, [(spelled.get(name, str)(token),) for token in tokens]))
    for name, read in {COLD: access.verify, **peers}.items():
        _must_refuse(name, read, spelled.get(name, str)(other))
    for token in tokens[:3]:
        access.verify(token)
    assert access._seen.get(sha256(tokens[0].encode()).digest()) is None, (
        "a token that is still remembered would not be cold"
    )
    raw = one.verify[0][0]
    ratios = [Ratio(COLD, raw, one.goals[0]), Ratio(COLD, BARE)]
    ratios += [Ratio(name, COLD, goal) for name, goal in zip(peers, one.goals[1:], strict=False)]
    return Table(f"verify {one.name}", cases, ratios)


def _must_refuse(name: str, read: Callable[[str], object], token: str) -> None:
    try:
        read(token)
    except Exception:  # noqa: BLE001 - each library has errors of its own
        return
    raise AssertionError(f"{name} takes a token for another audience: it is no fair peer")


def _respelled(one: Algorithm) -> Callable[[str], str]:
    """The token as PyJWT can read it: ``EdDSA`` for ``Ed25519``, otherwise as it is."""
    if not one.alg:
        return str
    return lambda token: pyjwt.encode(_claims(token), one.theirs[0], one.alg, headers=_header(one))


def _header(one: Algorithm) -> dict[str, Any]:
    return {"kid": one.key.kid, "typ": "at+jwt"}


def _jwt_readers(one: Algorithm) -> dict[str, Callable[[str], object]]:
    rules = jwt.JWTClaimsRegistry(
        exp={"essential": True},
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
    )
    names = [one.name]

    def joserfc(token: str) -> dict[str, Any]:
        found = jwt.decode(token, one.jose, algorithms=names)
        rules.validate(found.claims)
        return found.claims

    checks = {"key": one.theirs[1], "algorithms": [one.alg or one.name], "issuer": ISSUER, "audience": AUDIENCE}
    return {"PyJWT": partial(pyjwt.decode, **checks), "joserfc": joserfc}


def _paseto_readers(one: Algorithm) -> dict[str, Callable[[str], object]]:
    def read(token: str) -> object:
        claims: Any = pyseto.decode(one.theirs[1], token, deserializer=json, aud=AUDIENCE).payload
        if claims["iss"] != ISSUER:
            raise ValueError("iss")
        return claims

    return {"pyseto": read}


def _sign(one: Algorithm) -> Table:
    ring = KeyRing.of(one.key)
    access = tokens_of(ring)
    tokens = issued(access)
    messages = [_pieces(token)[1] for token in tokens]
    written = [_claims(token) for token in tokens]
    whole = [dict(access.verify(token).claims) for token in tokens]
    form = make_format(one.key.algorithm.format, ring, typ="at+jwt")
    cases = [Case(name, call, [given(message) for message in messages]) for name, call, given in one.sign]
    cases.append(Case(WRITE, form.issue, [(claims,) for claims in whole]))
    cases.append(Case(ISSUE, partial(access.issue, scopes=SCOPES), [(f"user-{n}",) for n in range(TOKENS)]))
    peers = _paseto_writers(one) if one.name == "v4.public" else _jwt_writers(one)
    cases += [Case(name, write, [(claims,) for claims in written]) for name, write in peers.items()]
    raw = one.sign[0][0]
    ratios = [Ratio(WRITE, raw), Ratio(ISSUE, raw)]
    ratios += [Ratio(name, over) for name in peers for over in (WRITE, ISSUE)]
    return Table(f"sign {one.name}", cases, ratios)


def _jwt_writers(one: Algorithm) -> dict[str, Callable[[dict[str, Any]], object]]:
    theirs = partial(pyjwt.encode, key=one.theirs[0], algorithm=one.alg or one.name, headers=_header(one))
    header, names = _header(one) | {"alg": one.name}, [one.name]
    return {"PyJWT": theirs, "joserfc": lambda claims: jwt.encode(header, claims, one.jose, algorithms=names)}


def _paseto_writers(one: Algorithm) -> dict[str, Callable[[dict[str, Any]], object]]:
    footer = {"kid": one.key.kid, "typ": "at"}
    return {"pyseto": lambda claims: pyseto.encode(one.theirs[0], claims, footer)}
