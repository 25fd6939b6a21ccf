"""Tables of the self-contained tokens: cold verification and signing, beside the raw primitive and other libraries.

Everybody reads the same token: eight usual claims (iss sub aud exp iat nbf jti scope) and ``client_id``, which RFC 9068
demands of an access token. Everybody checks exp, iss and aud; before anything is timed, each must have refused a token
for another audience.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Struct
from nacl.bindings import crypto_sign, crypto_sign_open

from watchword.encoding import pae, unb64url
from watchword.formats.base import make_format
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens
from watchword.tokens.seen import Seen

from .measure import Case, Ratio, Table
from .peers import AUDIENCE, ISSUER, Material, Peer, claims_of, jwt_peers, paseto_peers, spelled

SCOPES = ("orders:read", "orders:write")
TOKENS = 64
"""Different tokens that each case takes in turn."""

COLD, BARE = "watchword", "watchword, Key.verify alone"
WRITE, ISSUE = "watchword", "watchword, access.issue"


class Algorithm(Struct, frozen=True, kw_only=True):
    """One algorithm: our key, the same key for the others, the raw calls, and the goals of the design."""

    key: Key
    material: Material
    verify: tuple[tuple[str, Callable[..., object], Callable[[bytes, bytes], tuple[Any, ...]]], ...]
    """(name, call, (signature, message) -> arguments): the first is what the ratios are over."""
    sign: tuple[tuple[str, Callable[..., object], Callable[[bytes], tuple[Any, ...]]], ...]
    goals: dict[str, str]
    """Of verification: over ``raw``, and against a library."""


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


def peers_of(one: Algorithm) -> list[Peer]:
    return list(paseto_peers(one.material) if one.material.name == "v4.public" else jwt_peers(one.material))


def _hs256() -> Algorithm:
    key = Key.generate("HS256")
    secret = key.secret_bytes()
    return Algorithm(
        key=key,
        material=Material(name="HS256", alg="HS256", kid=key.kid, secret=secret),
        verify=(("hmac.digest", hmac.digest, lambda _, message: (secret, message, "sha256")),),
        sign=(("hmac.digest", hmac.digest, lambda message: (secret, message, "sha256")),),
        goals={"raw": "≤ 2.5", "PyJWT": "≥ 8", "joserfc": "≥ 5"},
    )


def _pems(private: Any) -> tuple[bytes, bytes]:
    secret = private.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    return secret, private.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)


def _keys(private: Any, name: str, alg: str) -> tuple[Key, Material]:
    pems = _pems(private)
    key = Key.from_pem(pems[0], algorithm=name)
    return key, Material(name=name, alg=alg, kid=key.kid, pems=pems)


def _es256() -> Algorithm:
    private, scheme = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256())
    public, (key, material) = private.public_key(), _keys(private, "ES256", "ES256")

    def given(signature: bytes, message: bytes) -> tuple[Any, ...]:
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        return encode_dss_signature(r, s), message, scheme

    return Algorithm(
        key=key,
        material=material,
        verify=(("cryptography", public.verify, given),),
        sign=(("cryptography", private.sign, lambda message: (message, scheme)),),
        goals={"raw": "≤ 1.10", "PyJWT": "≥ 1.5", "joserfc": "≥ 1.35"},
    )


def _rs256() -> Algorithm:
    private, pad, sha = rsa.generate_private_key(65537, 2048), padding.PKCS1v15(), SHA256()
    public, (key, material) = private.public_key(), _keys(private, "RS256", "RS256")
    return Algorithm(
        key=key,
        material=material,
        verify=(("cryptography", public.verify, lambda signature, message: (signature, message, pad, sha)),),
        sign=(("cryptography", private.sign, lambda message: (message, pad, sha)),),
        goals={"raw": "≤ 1.25", "PyJWT": "≥ 2.5", "joserfc": "≥ 1.8"},
    )


def _ed25519(name: str) -> Algorithm:
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key()
    key, material = _keys(private, name, "EdDSA" if name == "Ed25519" else name)
    point, secret = public.public_bytes_raw(), private.private_bytes_raw() + public.public_bytes_raw()
    return Algorithm(
        key=key,
        material=material,
        verify=(
            ("PyNaCl", crypto_sign_open, lambda signature, message: (signature + message, point)),
            ("cryptography", public.verify, lambda signature, message: (signature, message)),
        ),
        sign=(
            ("PyNaCl", crypto_sign, lambda message: (message, secret)),
            ("cryptography", private.sign, lambda message: (message,)),
        ),
        goals={"raw": "≤ 1.10", "PyJWT": "≥ 2", "joserfc": "≥ 2", "pyseto": "≥ 2"},
    )


def tables(only: Callable[[str], bool]) -> Iterator[Table]:
    for one in algorithms():
        if only(f"verify {one.material.name}"):
            yield _verify(one)
        if only(f"sign {one.material.name}"):
            yield _sign(one)


def _pieces(token: str) -> tuple[bytes, bytes]:
    """(signature, message): what the primitive is called with."""
    if token.startswith("v4.public."):
        body, footer = (unb64url(part) for part in token.encode().split(b".")[2:])
        return body[-64:], pae(b"v4.public.", body[:-64], footer, b"")
    message, _, signature = token.encode().rpartition(b".")
    return unb64url(signature), message


def _verify(one: Algorithm) -> Table:
    ring = KeyRing.of(one.key)
    access = without_memory(tokens_of(ring))
    tokens = issued(access)
    theirs = dict(access.verify(tokens[0]).raw_claims) | {"aud": "https://other.example"}
    other = make_format(one.key.algorithm.format, ring, typ="at+jwt").issue(theirs)
    pieces = [_pieces(token) for token in tokens]
    peers = peers_of(one)
    cases = [Case(name, call, [given(*piece) for piece in pieces]) for name, call, given in one.verify]
    cases += [Case(COLD, access.verify, [(token,) for token in tokens]), Case(BARE, one.key.verify, pieces)]
    _must_refuse(COLD, access.verify, other)
    for peer in peers:
        _must_refuse(peer.name, peer.read, spelled(other, peer, one.material))
        cases.append(Case(peer.name, peer.read, [(spelled(token, peer, one.material),) for token in tokens]))
    for token in tokens[:3]:
        access.verify(token)
    assert access._seen.get(sha256(tokens[0].encode()).digest()) is None, "a remembered token would not be cold"
    raw = one.verify[0][0]
    ratios = [Ratio(COLD, raw, one.goals["raw"]), Ratio(COLD, BARE)]
    ratios += [Ratio(peer.name, COLD, one.goals.get(peer.name, "")) for peer in peers]
    return Table(f"verify {one.material.name}", cases, ratios)


def _must_refuse(name: str, read: Callable[[str], object], token: str) -> None:
    try:
        read(token)
    except Exception:  # noqa: BLE001 - each library has errors of its own
        return
    raise AssertionError(f"{name} takes a token for another audience: it is no fair peer")


def _sign(one: Algorithm) -> Table:
    ring = KeyRing.of(one.key)
    access = tokens_of(ring)
    tokens = issued(access)
    messages = [_pieces(token)[1] for token in tokens]
    written = [claims_of(token) for token in tokens]
    whole = [dict(access.verify(token).claims) for token in tokens]
    form = make_format(one.key.algorithm.format, ring, typ="at+jwt")
    cases = [Case(name, call, [given(message) for message in messages]) for name, call, given in one.sign]
    cases.append(Case(WRITE, form.issue, [(claims,) for claims in whole]))
    cases.append(Case(ISSUE, partial(access.issue, scopes=SCOPES), [(f"user-{n}",) for n in range(TOKENS)]))
    peers = peers_of(one)
    cases += [Case(peer.name, peer.write, [(claims,) for claims in written]) for peer in peers]
    raw = one.sign[0][0]
    ratios = [Ratio(WRITE, raw), Ratio(ISSUE, raw)]
    ratios += [Ratio(peer.name, over) for peer in peers for over in (WRITE, ISSUE)]
    return Table(f"sign {one.material.name}", cases, ratios)
