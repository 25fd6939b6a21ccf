"""The rows of JWE (RFC 7518 §4): each names the algorithm of a key; for ``dir`` that is the one ``enc`` it is for."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from ..insecure import PBES2, RSA1_5, Danger
from . import key_management, points
from .content import CONTENTS
from .row import Algorithm, itself, public_half


def _secret(name: str, size: int, wrapper: Any, unwrapper: Any, operations: str) -> Algorithm:
    """A JWE row whose key is ``size`` random bytes."""
    wrapping, unwrapping = operations.split()
    return Algorithm(
        name=name,
        format="jwe",
        uses=("seal",),
        symmetric=True,
        kty="oct",
        generate=partial(os.urandom, size),
        public_of=itself,
        check=points.check_secret(size, size),
        wrapper=wrapper,
        unwrapper=unwrapper,
        operations=frozenset({unwrapping}),
        public_operations=frozenset({wrapping}),
    )


def _direct(name: str, size: int) -> Algorithm:
    """``alg: dir``: the key is bound to one ``enc``, and that is its algorithm."""
    return _secret(name, size, key_management.direct_wrapper, key_management.direct_unwrapper, "encrypt decrypt")


def _wrapping(name: str, size: int) -> Algorithm:
    return _secret(name, size, key_management.kw_wrapper, key_management.kw_unwrapper, "wrapKey unwrapKey")


def _gcm_wrapping(name: str, size: int) -> Algorithm:
    return _secret(name, size, key_management.gcmkw_wrapper, key_management.gcmkw_unwrapper, "wrapKey unwrapKey")


def _rsa_wrapping(name: str, pad: padding.AsymmetricPadding, danger: Danger | None = None) -> Algorithm:
    return Algorithm(
        name=name,
        format="jwe",
        uses=("seal",),
        kty="RSA",
        generate=partial(rsa.generate_private_key, public_exponent=65537, key_size=3072),
        public_of=public_half,
        check=points.check_rsa,
        wrapper=partial(key_management.rsa_wrapper, pad=pad),
        unwrapper=partial(key_management.rsa_unwrapper, pad=pad),
        operations=frozenset({"unwrapKey", "decrypt"}),
        public_operations=frozenset({"wrapKey", "encrypt"}),
        danger=danger,
    )


def _oaep(digest: HashAlgorithm) -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)


_AGREEMENT_CURVES: dict[str, Callable[[], Any]] = {
    "P-256": partial(ec.generate_private_key, ec.SECP256R1()),
    "P-384": partial(ec.generate_private_key, ec.SECP384R1()),
    "P-521": partial(ec.generate_private_key, ec.SECP521R1()),
    "X25519": X25519PrivateKey.generate,
}


def _agreement(name: str, wraps: int = 0) -> Algorithm:
    return Algorithm(
        name=name,
        format="jwe",
        uses=("seal",),
        kty="EC",
        generate=_AGREEMENT_CURVES["P-256"],
        curves=_AGREEMENT_CURVES,
        public_of=public_half,
        check=points.check_agreement,
        wrapper=partial(key_management.ecdh_wrapper, name=name, wraps=wraps),
        unwrapper=partial(key_management.ecdh_unwrapper, name=name, wraps=wraps),
        operations=frozenset({"deriveKey", "deriveBits"}),
        public_operations=frozenset(),
    )


def _password(name: str, digest: str, size: int, rounds: int) -> Algorithm:
    return Algorithm(
        name=name,
        format="jwe",
        uses=("seal",),
        symmetric=True,
        kty="oct",
        generate=partial(os.urandom, 32),
        public_of=itself,
        check=points.check_secret(15, 1024),
        wrapper=partial(key_management.pbes2_wrapper, name=name, digest=digest, size=size, rounds=rounds),
        unwrapper=partial(key_management.pbes2_unwrapper, name=name, digest=digest, size=size),
        operations=frozenset({"unwrapKey", "deriveKey", "deriveBits"}),
        public_operations=frozenset({"wrapKey"}),
        danger=PBES2,
    )


JWE_ROWS = (
    *(_direct(content.name, content.key_size) for content in CONTENTS.values()),
    _wrapping("A128KW", 16),
    _wrapping("A192KW", 24),
    _wrapping("A256KW", 32),
    _gcm_wrapping("A128GCMKW", 16),
    _gcm_wrapping("A192GCMKW", 24),
    _gcm_wrapping("A256GCMKW", 32),
    _agreement("ECDH-ES"),
    _agreement("ECDH-ES+A128KW", 16),
    _agreement("ECDH-ES+A192KW", 24),
    _agreement("ECDH-ES+A256KW", 32),
    _rsa_wrapping("RSA-OAEP", _oaep(SHA1())),  # noqa: S303 # RFC 7518 §4.3 says SHA-1; OAEP needs no collision resistance
    _rsa_wrapping("RSA-OAEP-256", _oaep(SHA256())),
    _rsa_wrapping("RSA1_5", padding.PKCS1v15(), RSA1_5),
    _password("PBES2-HS256+A128KW", "sha256", 16, 600_000),
    _password("PBES2-HS384+A192KW", "sha384", 24, 300_000),
    _password("PBES2-HS512+A256KW", "sha512", 32, 220_000),
)
