"""A row of the table of algorithms: all there is to know about one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from ..insecure import Danger
from .key_management import Unwrap, Wrap
from .signing import Sign, Verify


class Algorithm(Struct, frozen=True, kw_only=True):
    """One row. ``private`` and ``public`` are pyca key objects, or the same bytes twice for a symmetric algorithm."""

    name: str
    """The word in ``Key.generate(name)``, and in a JOSE header."""
    also_read: frozenset[str] = frozenset()
    """Other header values that mean this algorithm (RFC 9864: ``EdDSA``)."""
    format: str
    """``jwt``, ``jwe`` or ``paseto``: the one format that a key of this algorithm works in."""
    uses: tuple[str, ...] = ("sign",)
    """What a key may be for, the first unless told otherwise: ``sign``, ``mac`` (our own opaque tokens), ``seal``."""
    symmetric: bool = False
    kty: str
    crv: str | None = None
    large: bool = False
    """Its signatures need the larger caps on tokens (ML-DSA)."""
    generate: Callable[[], Any]
    curves: Mapping[str, Callable[[], Any]] = {}
    """For an algorithm of several curves: how to generate a key on each."""
    public_of: Callable[[Any], Any]
    check: Callable[[Any], None]
    """Refuses a public key of another sort (KeyUseError), too small, off its curve or of small order (WeakKeyError)."""
    signer: Callable[[Any], Sign] | None = None
    verifier: Callable[[Any], Verify] | None = None
    wrapper: Callable[[Any], Wrap] | None = None
    unwrapper: Callable[[Any], Unwrap] | None = None
    operations: frozenset[str] = frozenset({"sign"})
    """The ``key_ops`` (RFC 7517 §4.3) that let the private half work, where a JWK has any."""
    public_operations: frozenset[str] = frozenset({"verify"})
    """The ``key_ops`` that the public half is content with."""
    signature: int = 0
    """PASETO: bytes of the signature that stands behind the payload."""
    seal: Callable[..., bytes] | None = None
    """PASETO local: (key, message, footer, assertion[, nonce]) -> body."""
    open: Callable[[bytes, bytes, bytes, bytes], bytes] | None = None
    """PASETO local: (key, body, footer, assertion) -> message. Raises SealError."""
    read_only: bool = False
    """Old tokens are read with such a key, and nothing is made with it."""
    danger: Danger | None = None
    """What must be allowed by name before a key of this algorithm does anything."""


def public_half(private: Any) -> Any:
    return private.public_key()


def itself(secret: Any) -> Any:
    return secret
