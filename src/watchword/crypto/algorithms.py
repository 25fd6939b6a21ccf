"""The algorithms: one row holds all there is to know about one of them, and nothing elsewhere lists them."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from . import points, signing
from .jwe_rows import JWE_ROWS
from .paseto_rows import OLD_PASETO_ROWS, PASETO_ROWS
from .row import Algorithm, itself, public_half

__all__ = ["ALGORITHMS", "JOSE_NAMES", "JWK_NAMES", "PROOF_NAMES", "Algorithm"]


def _hmac(name: str, digest: str, size: int) -> Algorithm:
    return Algorithm(
        name=name,
        format="jwt",
        uses=("sign", "mac") if name == "HS256" else ("sign",),
        symmetric=True,
        kty="oct",
        generate=partial(os.urandom, size),
        public_of=itself,
        check=points.check_secret(size, 1024),
        signer=partial(signing.hmac_signer, name=digest),
        verifier=partial(signing.hmac_verifier, name=digest),
    )


def _rsa(name: str, pad: padding.AsymmetricPadding, digest: HashAlgorithm) -> Algorithm:
    return Algorithm(
        name=name,
        format="jwt",
        kty="RSA",
        generate=partial(rsa.generate_private_key, public_exponent=65537, key_size=3072),
        public_of=public_half,
        check=points.check_rsa,
        signer=partial(signing.rsa_signer, pad=pad, digest=digest),
        verifier=partial(signing.rsa_verifier, pad=pad, digest=digest),
    )


def _pss(digest: HashAlgorithm) -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)


def _ecdsa(name: str, curve: type[ec.EllipticCurve], crv: str, digest: HashAlgorithm, size: int) -> Algorithm:
    return Algorithm(
        name=name,
        format="jwt",
        kty="EC",
        crv=crv,
        generate=partial(ec.generate_private_key, curve()),
        public_of=public_half,
        check=points.check_curve(curve),
        signer=partial(signing.ecdsa_signer, digest=digest, size=size),
        verifier=partial(signing.ecdsa_verifier, digest=digest, size=size),
    )


def _mldsa(name: str, private: Any, public: type[Any]) -> Algorithm:
    return Algorithm(
        name=name,
        format="jwt",
        kty="AKP",
        large=True,
        generate=private.generate,
        public_of=public_half,
        check=points.check_is(public, name),
        signer=signing.plain_signer,
        verifier=signing.plain_verifier,
    )


_ROWS = (
    _hmac("HS256", "sha256", 32),
    _hmac("HS384", "sha384", 48),
    _hmac("HS512", "sha512", 64),
    _rsa("RS256", padding.PKCS1v15(), SHA256()),
    _rsa("RS384", padding.PKCS1v15(), SHA384()),
    _rsa("RS512", padding.PKCS1v15(), SHA512()),
    _rsa("PS256", _pss(SHA256()), SHA256()),
    _rsa("PS384", _pss(SHA384()), SHA384()),
    _rsa("PS512", _pss(SHA512()), SHA512()),
    _ecdsa("ES256", ec.SECP256R1, "P-256", SHA256(), 32),
    _ecdsa("ES384", ec.SECP384R1, "P-384", SHA384(), 48),
    _ecdsa("ES512", ec.SECP521R1, "P-521", SHA512(), 66),
    _ecdsa("ES256K", ec.SECP256K1, "secp256k1", SHA256(), 32),
    Algorithm(
        name="Ed25519",
        also_read=frozenset({"EdDSA"}),
        format="jwt",
        kty="OKP",
        crv="Ed25519",
        generate=Ed25519PrivateKey.generate,
        public_of=public_half,
        check=points.check_ed25519,
        signer=signing.ed25519_signer,
        verifier=signing.ed25519_verifier,
    ),
    Algorithm(
        name="Ed448",
        format="jwt",
        kty="OKP",
        crv="Ed448",
        generate=Ed448PrivateKey.generate,
        public_of=public_half,
        check=points.check_ed448,
        signer=signing.plain_signer,
        verifier=signing.plain_verifier,
    ),
    _mldsa("ML-DSA-44", mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
    _mldsa("ML-DSA-65", mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
    _mldsa("ML-DSA-87", mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
    *PASETO_ROWS,
    *JWE_ROWS,
)

ALGORITHMS: dict[str, Algorithm] = {row.name: row for row in _ROWS}

OLD_ALGORITHMS: dict[str, Algorithm] = {row.name: row for row in OLD_PASETO_ROWS}
"""Read only, and only for who passes the danger's name: keys of these are on no ring."""

JOSE_NAMES: dict[str, str] = {
    written: row.name for row in _ROWS if row.format == "jwt" for written in (row.name, *sorted(row.also_read))
}
"""What a JOSE ``alg`` header may say -> the row; ``none`` is not among them and never will be."""

PROOF_NAMES: dict[str, str] = {
    written: name
    for written, name in JOSE_NAMES.items()
    if not ALGORITHMS[name].symmetric and not ALGORITHMS[name].large and name != "ES256K"
}
"""What the ``alg`` of a DPoP proof may say -> the row: asymmetric, and with keys that fit into a header."""

JWK_NAMES: dict[str, str] = JOSE_NAMES | {row.name: row.name for row in _ROWS if row.format == "jwe"}
"""What the ``alg`` of a JWK may say -> the row. For ``dir`` that is the ``enc`` the key is for."""
