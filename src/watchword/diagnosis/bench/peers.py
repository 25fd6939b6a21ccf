"""Other libraries that do the same job: each reads and writes the same tokens and checks exp, iss and aud as we do.

None is a dependency: who is not installed is not measured. A maker returns what reads and what writes, each with its
key prepared as that library prepares keys; it raises ImportError where the library is not there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from msgspec import Struct

from ...encoding import b64url, dump_json, unb64url
from ...keys.key import Key
from .base import AUDIENCE, ISSUER

Read = Callable[[str], object]
Write = Callable[[dict[str, Any]], object]


class Material(Struct, frozen=True, kw_only=True):
    """One key in the spellings that the libraries want."""

    key: Key

    @property
    def name(self) -> str:
        """Our word for the algorithm."""
        return self.key.algorithm.name

    @property
    def alg(self) -> str:
        """The header word that the others know."""
        return "EdDSA" if self.name == "Ed25519" else self.name

    @property
    def kid(self) -> str:
        return self.key.kid

    @property
    def secret(self) -> bytes:
        return self.key.secret_bytes() if self.key.algorithm.symmetric else b""

    @property
    def signing(self) -> bytes:
        """The secret, or the private key in PEM."""
        return self.secret or self.key.to_pem()

    @property
    def verifying(self) -> bytes:
        """The secret, or the public key in PEM."""
        return self.secret or self.key.public().to_pem()

    @property
    def header(self) -> dict[str, Any]:
        return {"kid": self.kid, "typ": "at+jwt"}


class Peer(Struct, frozen=True):
    """One library, ready. ``read`` raises what it likes for a token that it refuses."""

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


def spelled(token: str, peer: Peer, material: Material) -> str:
    """The token as the peer can read it: with ``EdDSA`` in its header, or as it is."""
    if peer.alg == material.name:
        return token
    head = b64url(dump_json({"alg": peer.alg, **material.header}))
    message = f"{head}.{token.split('.')[1]}"
    return f"{message}.{b64url(material.key.sign(message.encode()))}"


def _pyjwt(key: Material) -> Peer:
    pyjwt = import_module("jwt")
    algorithm = pyjwt.get_algorithm_by_name(key.alg)
    checks = {"algorithms": [key.alg], "issuer": ISSUER, "audience": AUDIENCE}
    read = partial(pyjwt.decode, key=algorithm.prepare_key(key.verifying), **checks)
    write = partial(pyjwt.encode, key=algorithm.prepare_key(key.signing), algorithm=key.alg, headers=key.header)
    return Peer("PyJWT", read, write, key.alg)


def _joserfc(key: Material) -> Peer:
    jwk, jwt = import_module("joserfc.jwk"), import_module("joserfc.jwt")
    sorts = {"HS256": jwk.OctKey, "ES256": jwk.ECKey, "RS256": jwk.RSAKey, "Ed25519": jwk.OKPKey}
    made = sorts[key.name].import_key(key.signing)
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


def _jwcrypto(key: Material) -> Peer:
    jwk, jwt = import_module("jwcrypto.jwk"), import_module("jwcrypto.jwt")
    made = jwk.JWK(kty="oct", k=b64url(key.secret)) if key.secret else jwk.JWK.from_pem(key.signing)
    header, names = key.header | {"alg": key.alg}, [key.alg]
    wanted = {"exp": None, "iss": ISSUER, "aud": AUDIENCE}

    def read(token: str) -> object:
        return jwt.JWT(jwt=token, key=made, algs=names, check_claims=wanted).claims

    def write(claims: dict[str, Any]) -> object:
        token = jwt.JWT(header=header, claims=claims)
        token.make_signed_token(made)
        return token.serialize()

    return Peer("jwcrypto", read, write, key.alg)


def _oxyjwt(key: Material) -> Peer:
    oxyjwt = import_module("oxyjwt")
    form = {"HS256": "from_secret", "ES256": "from_ec_pem", "RS256": "from_rsa_pem", "Ed25519": "from_ed_pem"}[key.name]
    signing = getattr(oxyjwt.EncodingKey, form)(key.signing)
    verifying = getattr(oxyjwt.DecodingKey, form)(key.verifying)
    checks = {"algorithms": [key.alg], "issuer": ISSUER, "audience": AUDIENCE}
    read = partial(oxyjwt.decode, key=verifying, **checks)
    return Peer("oxyjwt", read, partial(oxyjwt.encode, key=signing, algorithm=key.alg, headers=key.header), key.alg)


def _ryjwt(key: Material) -> Peer:
    ryjwt = import_module("ryjwt")
    checks = {"algorithms": [key.alg], "issuer": ISSUER, "audience": AUDIENCE}
    if key.secret:
        signing = verifying = ryjwt.SecretKey(key.secret, **checks)
    else:
        signing, verifying = ryjwt.PrivateKey(key.signing, **checks), ryjwt.PublicKey(key.verifying, **checks)
    return Peer("ryjwt", verifying.decode, partial(signing.encode, header=key.header), key.alg)


def _webtoken(key: Material) -> Peer:
    webtoken = import_module("webtoken")
    read = partial(webtoken.decode, key=key.verifying, algorithms=[key.alg], issuer=ISSUER, audience=AUDIENCE)
    write = partial(webtoken.encode, key=key.signing, algorithm=key.alg, headers=key.header)
    return Peer("webtoken", read, write, key.alg)


def _pyseto(key: Material) -> Peer:
    pyseto = import_module("pyseto")
    private, public = (pyseto.Key.new(version=4, purpose="public", key=one) for one in (key.signing, key.verifying))
    footer = {"kid": key.kid, "typ": "at"}

    def read(token: str) -> object:
        claims = pyseto.decode(public, token, deserializer=json, aud=AUDIENCE).payload
        if claims["iss"] != ISSUER:
            raise ValueError("iss")
        return claims

    return Peer("pyseto", read, lambda claims: pyseto.encode(private, claims, footer), key.name)


JWT_PEERS: Mapping[str, Callable[[Material], Peer]] = {
    "PyJWT": _pyjwt,
    "joserfc": _joserfc,
    "jwcrypto": _jwcrypto,
    "oxyjwt": _oxyjwt,
    "ryjwt": _ryjwt,
    "webtoken": _webtoken,
}
PASETO_PEERS: Mapping[str, Callable[[Material], Peer]] = {"pyseto": _pyseto}
"""Name, which pip knows as well -> its maker."""

USUAL = ("PyJWT", "joserfc", "jwcrypto", "pyseto")
"""Whose absence is worth a word; the others, in Rust, join where they are."""


def present(module: str) -> bool:
    """Whether it is installed; it is not imported."""
    try:
        return find_spec(module) is not None
    except ImportError:  # what finds it says no
        return False


def peers_for(name: str) -> Mapping[str, Callable[[Material], Peer]]:
    return PASETO_PEERS if name == "v4.public" else JWT_PEERS


# Encrypted tokens: the same bytes in, the same bytes out.


class Box(Struct, frozen=True):
    """One library's way to open and to seal."""

    name: str
    open: Callable[[str], object]
    seal: Callable[[bytes], object]


def _joserfc_box(key: Key, enc: str) -> Box:
    jwe, jwk = import_module("joserfc.jwe"), import_module("joserfc.jwk")
    alg = "dir" if key.algorithm.name == enc else key.algorithm.name
    header, names = {"alg": alg, "enc": enc, "kid": key.kid}, [alg, enc]
    theirs = key.to_jwk(private=True)
    made = jwk.import_key({name: value for name, value in theirs.items() if name not in ("alg", "use")})
    return Box(
        "joserfc",
        lambda token: jwe.decrypt_compact(token, made, algorithms=names).plaintext,
        lambda raw: jwe.encrypt_compact(header, raw, made, algorithms=names),
    )


def _jwcrypto_box(key: Key, enc: str) -> Box:
    jwe, jwk = import_module("jwcrypto.jwe"), import_module("jwcrypto.jwk")
    alg = "dir" if key.algorithm.name == enc else key.algorithm.name
    names, protected = [alg, enc], json.dumps({"alg": alg, "enc": enc, "kid": key.kid})
    made = jwk.JWK(**{**key.to_jwk(private=True), "alg": alg})

    def unsealed(token: str) -> object:
        box = jwe.JWE(algs=names)
        box.deserialize(token, made)
        return box.payload

    def sealed(raw: bytes) -> object:
        box = jwe.JWE(raw, protected=protected, algs=names)
        box.add_recipient(made)
        return box.serialize(compact=True)

    return Box("jwcrypto", unsealed, sealed)


def _pyseto_box(key: Key, _: str) -> Box:
    pyseto = import_module("pyseto")
    theirs = pyseto.Key.from_paserk(key.to_paserk(private=True))
    return Box(
        "pyseto",
        lambda token: pyseto.decode(theirs, token).payload,
        lambda raw: pyseto.encode(theirs, raw),
    )


JWE_BOXES: Mapping[str, Callable[[Key, str], Box]] = {"joserfc": _joserfc_box, "jwcrypto": _jwcrypto_box}
LOCAL_BOXES: Mapping[str, Callable[[Key, str], Box]] = {"pyseto": _pyseto_box}


def jwe_boxes(key: Key, enc: str) -> Iterator[Box]:
    """joserfc and jwcrypto with our own JWE key."""
    return (make(key, enc) for make in JWE_BOXES.values())


def local_boxes(key: Key) -> Iterator[Box]:
    return (make(key, "") for make in LOCAL_BOXES.values())
