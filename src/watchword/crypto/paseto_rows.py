"""The rows of PASETO: v3 and v4 are written and read; v1 and v2 are read only, and stand in a table of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA384

from ..errors import KeyUseError
from ..insecure import LEGACY_PASETO
from . import paseto, points, signing
from .row import Algorithm, itself, public_half


def _read_only(*_: object) -> NoReturn:
    raise KeyUseError("read only: PASETO v1 and v2 are never written; use v4.local or v4.public")


def _local(name: str, seal: Callable[..., bytes], open_: Callable[..., bytes]) -> Algorithm:
    return Algorithm(
        name=name,
        format="paseto",
        uses=("seal",),
        symmetric=True,
        kty="oct",
        generate=partial(os.urandom, 32),
        public_of=itself,
        check=points.check_secret(32, 32),
        seal=seal,
        open=open_,
    )


def _old_local(name: str, open_: Callable[[bytes, bytes, bytes], bytes]) -> Algorithm:
    return Algorithm(
        name=name,
        format="paseto",
        uses=("seal",),
        symmetric=True,
        kty="oct",
        generate=_read_only,
        public_of=itself,
        check=points.check_secret(32, 32),
        seal=_read_only,
        open=lambda key, body, footer, _: open_(key, body, footer),
        danger=LEGACY_PASETO,
        read_only=True,
    )


def _old_public(
    name: str,
    kty: str,
    signature: int,
    check: Callable[[Any], None],
    verifier: Callable[[Any], signing.Verify],
    crv: str | None = None,
) -> Algorithm:
    return Algorithm(
        name=name,
        format="paseto",
        kty=kty,
        crv=crv,
        generate=_read_only,
        public_of=public_half,
        check=check,
        verifier=verifier,
        signature=signature,
        danger=LEGACY_PASETO,
        read_only=True,
    )


PASETO_ROWS = (
    Algorithm(
        name="v4.public",
        format="paseto",
        kty="OKP",
        crv="Ed25519",
        generate=Ed25519PrivateKey.generate,
        public_of=public_half,
        check=points.check_ed25519,
        signer=signing.ed25519_signer,
        verifier=signing.ed25519_verifier,
        signature=64,
    ),
    _local("v4.local", paseto.v4_seal, paseto.v4_open),
    Algorithm(
        name="v3.public",
        format="paseto",
        kty="EC",
        crv="P-384",
        generate=partial(ec.generate_private_key, ec.SECP384R1()),
        public_of=public_half,
        check=points.check_curve(ec.SECP384R1),
        signer=paseto.v3_signer,
        verifier=paseto.v3_verifier,
        signature=96,
    ),
    _local("v3.local", paseto.v3_seal, paseto.v3_open),
)

_PSS = padding.PSS(mgf=padding.MGF1(SHA384()), salt_length=48)

OLD_PASETO_ROWS = (
    _old_public("v2.public", "OKP", 64, points.check_ed25519, signing.ed25519_verifier, "Ed25519"),
    _old_local("v2.local", paseto.v2_open),
    _old_public("v1.public", "RSA", 256, paseto.check_v1, partial(signing.rsa_verifier, pad=_PSS, digest=SHA384())),
    _old_local("v1.local", paseto.v1_open),
)
