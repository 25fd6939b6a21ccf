"""Other libraries that do the same job: each reads and writes the same tokens and checks exp, iss and aud as we do.

PyJWT, joserfc, jwcrypto and pyseto come with the tests. The Rust ones (oxyjwt, ryjwt, webtoken) join where they are
installed: ``pip install oxyjwt ryjwt webtoken``; ryjwt wants CPython 3.12.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import jwt as pyjwt
import pyseto
from joserfc import jwe, jwk, jwt
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT
from msgspec import Struct

from watchword.encoding import b64url, unb64url
from watchword.keys.key import Key

warnings.filterwarnings("ignore", module=r"joserfc|jwcrypto|pyseto|jwt|oxyjwt|webtoken")

ISSUER, AUDIENCE = "https://issuer.example", "https://api.example"

Read = Callable[[str], object]
Write = Callable[[dict[str, Any]], object]


class Material(Struct, frozen=True, kw_only=True):
    """One key in the spellings that the libraries want."""

    name: str
    """Our word for the algorithm."""
    alg: str
    """The header word that the others know: ``EdDSA`` where ours is ``Ed25519``."""
    kid: str
    secret: bytes = b""
    pems: tuple[bytes, bytes] = (b"", b"")
    """Private, public."""

    @property
    def header(self) -> dict[str, Any]:
        return {"kid": self.kid, "typ": "at+jwt"}

    @property
    def signing(self) -> bytes:
        return self.secret or self.pems[0]

    @property
    def verifying(self) -> bytes:
        return self.secret or self.pems[1]


class Peer(Struct, frozen=True):
    name: str
    read: Read
    write: Write
    alg: str
    """The header word of the tokens it reads."""


def claims_of(token: str) -> dict[str, Any]:
    """What one of our signed tokens says, as it was written."""
    if token.startswith("v4.public."):
        claims: dict[str, Any] = json.loads(unb64url(token.split(".")[2].encode())[:-64])
    else:
        claims = json.loads(unb64url(token.split(".")[1].encode()))
    return claims


def spelled(token: str, peer: Peer, key: Material) -> str:
    """The token as the peer can read it: with ``EdDSA`` in its header, or as it is."""
    if peer.alg == key.name:
        return token
    return pyjwt.encode(claims_of(token), key.signing, peer.alg, headers=key.header)


def jwt_peers(key: Material) -> Iterator[Peer]:
    yield _pyjwt(key)
    yield _joserfc(key)
    yield _jwcrypto(key)
    for make in (_oxyjwt, _ryjwt, _webtoken):
        try:
            yield make(key)
        except ImportError:
            continue


def paseto_peers(key: Material) -> Iterator[Peer]:
    private, public = (pyseto.Key.new(version=4, purpose="public", key=one) for one in key.pems)
    footer = {"kid": key.kid, "typ": "at"}

    def read(token: str) -> object:
        claims: Any = pyseto.decode(public, token, deserializer=json, aud=AUDIENCE).payload
        if claims["iss"] != ISSUER:
            raise ValueError("iss")
        return claims

    yield Peer("pyseto", read, lambda claims: pyseto.encode(private, claims, footer), key.name)


def _pyjwt(key: Material) -> Peer:
    algorithm: Any = pyjwt.get_algorithm_by_name(key.alg)
    checks = {"algorithms": [key.alg], "issuer": ISSUER, "audience": AUDIENCE}
    read = partial(pyjwt.decode, key=algorithm.prepare_key(key.verifying), **checks)
    write = partial(pyjwt.encode, key=algorithm.prepare_key(key.signing), algorithm=key.alg, headers=key.header)
    return Peer("PyJWT", read, write, key.alg)


def _joserfc(key: Material) -> Peer:
    made: Any = jwk.OctKey.import_key(key.secret) if key.secret else _JOSERFC[key.name].import_key(key.pems[0])
    header, names = key.header | {"alg": key.name}, [key.name]
    rules = jwt.JWTClaimsRegistry(
        exp={"essential": True},
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
    )

    def read(token: str) -> object:
        found = jwt.decode(token, made, algorithms=names)
        rules.validate(found.claims)
        return found.claims

    return Peer("joserfc", read, lambda claims: jwt.encode(header, claims, made, algorithms=names), key.name)


_JOSERFC: dict[str, Any] = {"ES256": jwk.ECKey, "RS256": jwk.RSAKey, "Ed25519": jwk.OKPKey}


def _jwcrypto(key: Material) -> Peer:
    made = JWK.from_pem(key.pems[0]) if key.pems[0] else JWK(kty="oct", k=b64url(key.secret))
    header, names = key.header | {"alg": key.alg}, [key.alg]
    wanted = {"exp": None, "iss": ISSUER, "aud": AUDIENCE}

    def read(token: str) -> object:
        return JWT(jwt=token, key=made, algs=names, check_claims=wanted).claims

    def write(claims: dict[str, Any]) -> object:
        token = JWT(header=header, claims=claims)
        token.make_signed_token(made)
        return token.serialize()

    return Peer("jwcrypto", read, write, key.alg)


def _oxyjwt(key: Material) -> Peer:
    oxyjwt: Any = import_module("oxyjwt")
    form = {"HS256": "from_secret", "ES256": "from_ec_pem", "RS256": "from_rsa_pem", "Ed25519": "from_ed_pem"}[key.name]
    signing = getattr(oxyjwt.EncodingKey, form)(key.signing)
    verifying = getattr(oxyjwt.DecodingKey, form)(key.verifying)
    checks = {"algorithms": [key.alg], "issuer": ISSUER, "audience": AUDIENCE}
    read = partial(oxyjwt.decode, key=verifying, **checks)
    return Peer("oxyjwt", read, partial(oxyjwt.encode, key=signing, algorithm=key.alg, headers=key.header), key.alg)


def _ryjwt(key: Material) -> Peer:
    ryjwt: Any = import_module("ryjwt")
    checks = {"algorithms": [key.alg], "issuer": ISSUER, "audience": AUDIENCE}
    if key.secret:
        signing = verifying = ryjwt.SecretKey(key.secret, **checks)
    else:
        signing, verifying = ryjwt.PrivateKey(key.pems[0], **checks), ryjwt.PublicKey(key.pems[1], **checks)
    return Peer("ryjwt", verifying.decode, partial(signing.encode, header=key.header), key.alg)


def _webtoken(key: Material) -> Peer:
    webtoken: Any = import_module("webtoken")
    read = partial(webtoken.decode, key=key.verifying, algorithms=[key.alg], issuer=ISSUER, audience=AUDIENCE)
    write = partial(webtoken.encode, key=key.signing, algorithm=key.alg, headers=key.header)
    return Peer("webtoken", read, write, key.alg)


# Encrypted tokens: the same bytes in, the same bytes out.


class Box(Struct, frozen=True):
    """One library's way to open and to seal."""

    name: str
    open: Callable[[str], object]
    seal: Callable[[bytes], object]


def jwe_boxes(key: Key, enc: str) -> Iterator[Box]:
    """joserfc and jwcrypto with our own JWE key."""
    theirs = key.to_jwk(private=True)
    alg = "dir" if key.algorithm.name == enc else key.algorithm.name
    header, names = {"alg": alg, "enc": enc, "kid": key.kid}, [alg, enc]
    made: Any = jwk.import_key({name: value for name, value in theirs.items() if name not in ("alg", "use")})
    yield Box(
        "joserfc",
        lambda token: jwe.decrypt_compact(token, made, algorithms=names).plaintext,
        lambda raw: jwe.encrypt_compact(header, raw, made, algorithms=names),
    )
    other, protected = JWK(**{**theirs, "alg": alg}), json.dumps(header)

    def unsealed(token: str) -> object:
        box = JWE(algs=names)
        box.deserialize(token, other)
        return box.payload

    def sealed(raw: bytes) -> object:
        box = JWE(raw, protected=protected, algs=names)
        box.add_recipient(other)
        return box.serialize(compact=True)

    yield Box("jwcrypto", unsealed, sealed)


def local_boxes(key: Key) -> Iterator[Box]:
    theirs = pyseto.Key.from_paserk(key.to_paserk(private=True))
    yield Box(
        "pyseto",
        lambda token: pyseto.decode(theirs, token).payload,
        lambda raw: pyseto.encode(theirs, raw),
    )
