"""The algorithms: one row holds all there is to know about one of them, and nothing elsewhere lists them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from ..errors import KeyUseError, WeakKeyError
from . import signing


class Algorithm(Struct, frozen=True, kw_only=True):
    """One row. ``private`` and ``public`` are pyca key objects, or the same bytes twice for a symmetric algorithm."""

    name: str
    """The word in ``Key.generate(name)``, and in a JOSE header."""
    also_read: frozenset[str] = frozenset()
    """Other header values that mean this algorithm (RFC 9864: ``EdDSA``)."""
    format: str
    """``jwt`` or ``paseto``: the one format that a key of this algorithm works in."""
    uses: tuple[str, ...] = ("sign",)
    """What a key may be for, the first unless told otherwise: ``sign``, ``mac`` (our own opaque tokens), ``seal``."""
    symmetric: bool = False
    kty: str
    crv: str | None = None
    generate: Callable[[], Any]
    public_of: Callable[[Any], Any]
    check: Callable[[Any], None]
    """Refuses a public key of another sort (KeyUseError), too small, off its curve or of small order (WeakKeyError)."""
    signer: Callable[[Any], signing.Sign] | None = None
    verifier: Callable[[Any], signing.Verify] | None = None


_P = signing.ED25519_PRIME
_D = -121665 * pow(121666, -1, _P) % _P


def check_ed25519_point(raw: bytes) -> None:
    """RFC 8032 §5.1.3 decoding, and more: the encoding is canonical, on the curve, and not of small order."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if len(raw) != 32 or y >= _P or y in signing.SMALL_ORDER_Y or (square and pow(square, (_P - 1) // 2, _P) != 1):
        raise WeakKeyError("not a usable Ed25519 public key: off the curve, not canonical, or of small order")


def _check_ed25519(public: Any) -> None:
    if not isinstance(public, Ed25519PublicKey):
        raise KeyUseError("this algorithm wants an Ed25519 key")
    check_ed25519_point(public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _check_p256(public: Any) -> None:
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise KeyUseError("ES256 wants a key on P-256")


def _check_rsa(public: Any) -> None:
    if not isinstance(public, rsa.RSAPublicKey):
        raise KeyUseError("RS256 wants an RSA key")
    exponent = public.public_numbers().e
    if not 2048 <= public.key_size <= 8192 or exponent < 65537 or exponent % 2 == 0:
        raise WeakKeyError("an RSA key has 2048 to 8192 bits and an odd exponent of at least 65537")


def _check_hmac(secret: Any) -> None:
    if not isinstance(secret, bytes) or not 32 <= len(secret) <= 1024:
        raise WeakKeyError("an HS256 secret has at least 32 random bytes (RFC 7518 §3.2); use Key.generate('HS256')")


def _check_local(secret: Any) -> None:
    if not isinstance(secret, bytes) or len(secret) != 32:
        raise WeakKeyError("a v4.local key has exactly 32 bytes")


def _public(private: Any) -> Any:
    return private.public_key()


def _itself(secret: Any) -> Any:
    return secret


ALGORITHMS: dict[str, Algorithm] = {
    row.name: row
    for row in (
        Algorithm(
            name="ES256",
            format="jwt",
            kty="EC",
            crv="P-256",
            generate=lambda: ec.generate_private_key(ec.SECP256R1()),
            public_of=_public,
            check=_check_p256,
            signer=signing.es256_signer,
            verifier=signing.es256_verifier,
        ),
        Algorithm(
            name="Ed25519",
            also_read=frozenset({"EdDSA"}),
            format="jwt",
            kty="OKP",
            crv="Ed25519",
            generate=Ed25519PrivateKey.generate,
            public_of=_public,
            check=_check_ed25519,
            signer=signing.ed25519_signer,
            verifier=signing.ed25519_verifier,
        ),
        Algorithm(
            name="RS256",
            format="jwt",
            kty="RSA",
            generate=lambda: rsa.generate_private_key(public_exponent=65537, key_size=3072),
            public_of=_public,
            check=_check_rsa,
            signer=signing.rs256_signer,
            verifier=signing.rs256_verifier,
        ),
        Algorithm(
            name="HS256",
            format="jwt",
            uses=("sign", "mac"),
            symmetric=True,
            kty="oct",
            generate=lambda: os.urandom(32),
            public_of=_itself,
            check=_check_hmac,
            signer=signing.hs256_signer,
            verifier=signing.hs256_verifier,
        ),
        Algorithm(
            name="v4.public",
            format="paseto",
            kty="OKP",
            crv="Ed25519",
            generate=Ed25519PrivateKey.generate,
            public_of=_public,
            check=_check_ed25519,
            signer=signing.ed25519_signer,
            verifier=signing.ed25519_verifier,
        ),
        Algorithm(
            name="v4.local",
            format="paseto",
            uses=("seal",),
            symmetric=True,
            kty="oct",
            generate=lambda: os.urandom(32),
            public_of=_itself,
            check=_check_local,
        ),
    )
}

JOSE_NAMES: dict[str, str] = {
    written: row.name for row in ALGORITHMS.values() if row.format == "jwt" for written in {row.name} | row.also_read
}
"""What a JOSE ``alg`` header may say -> the row; ``none`` is not among them and never will be."""
