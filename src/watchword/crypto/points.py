"""What makes a public key usable: on its curve, canonical, not of small order, big enough, of a sound generator."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, gcd
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..errors import KeyUseError, WeakKeyError

Check = Callable[[Any], None]

LEAST_RSA, MOST_RSA = 2048, 8192
"""Bits."""

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER_Y = frozenset((0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8))
"""The y of all points of edwards25519 whose order divides 8."""
_SMALL_ORDER_U = frozenset(
    (
        0,
        1,
        _P - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
)
_AGREEMENT_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_P448 = 2**448 - 2**224 - 1
_D448 = -39081


def _raw(public: Any) -> bytes:
    raw: bytes = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return raw


def check_ed25519(public: Any) -> None:
    """RFC 8032 §5.1.3 decoding, and more: the encoding is canonical, on the curve, and not of small order."""
    if not isinstance(public, Ed25519PublicKey):
        raise KeyUseError("this algorithm wants an Ed25519 key")
    y = int.from_bytes(_raw(public), "little") & (2**255 - 1)
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if y >= _P or y in SMALL_ORDER_Y or (square and pow(square, (_P - 1) // 2, _P) != 1):
        raise WeakKeyError("not a usable Ed25519 public key: off the curve, not canonical, or of small order")


def check_ed448(public: Any) -> None:
    """RFC 8032 §5.2.3 decoding; the points of order 1, 2 and 4 have y in {1, -1, 0}."""
    if not isinstance(public, Ed448PublicKey):
        raise KeyUseError("this algorithm wants an Ed448 key")
    raw = _raw(public)
    y = int.from_bytes(raw[:56], "little")
    square = (y * y - 1) * pow(_D448 * y * y - 1, -1, _P448) % _P448
    if raw[56] & 0x7F or y >= _P448 or y in (0, 1, _P448 - 1) or pow(square, (_P448 - 1) // 2, _P448) != 1:
        raise WeakKeyError("not a usable Ed448 public key: off the curve, not canonical, or of small order")


def check_x25519(public: Any) -> None:
    """RFC 7748 §6.1: a point of small order makes every shared secret zero."""
    if not isinstance(public, X25519PublicKey):
        raise KeyUseError("this algorithm wants an X25519 key")
    if (int.from_bytes(_raw(public), "little") & (2**255 - 1)) % _P in _SMALL_ORDER_U:
        raise WeakKeyError("not a usable X25519 public key: of small order")


def check_curve(curve: type[ec.EllipticCurve]) -> Check:
    """A key on this NIST or SEC curve; pyca refuses points that are off it."""

    def check(public: Any) -> None:
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, curve):
            raise KeyUseError(f"this algorithm wants a key on {curve.name}")

    return check


def check_agreement(public: Any) -> None:
    """A key for ECDH: on P-256, P-384 or P-521, or an X25519 point that is not of small order."""
    if isinstance(public, X25519PublicKey):
        check_x25519(public)
    elif not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, _AGREEMENT_CURVES):
        raise KeyUseError("this algorithm wants a key on P-256, P-384, P-521 or X25519")


_ROCA_PRIMES = (
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
)  # fmt: skip


_SMALL_FACTORS = factorial(751)
"""Shares a factor with every number that has one below 752."""


def _roca(modulus: int) -> bool:
    """CVE-2017-15361: modulo each of these primes, such a modulus is a power of 65537."""
    return all(_is_power(modulus % prime, prime) for prime in _ROCA_PRIMES)


def _is_power(rest: int, prime: int) -> bool:
    power = 1
    for _ in range(prime):
        if power == rest:
            return True
        power = power * 65537 % prime
    return False


def check_rsa(public: Any) -> None:
    """RFC 7518 §3.3: at least 2048 bits; here also at most 8192, an odd exponent from 65537, and no ROCA modulus.

    The modulus has no factor below 752 (SP 800-89 §5.3.3): with one it is no product of two large primes. The exponent
    has at most 64 bits: OpenSSL uses no larger one with a large modulus, and it makes a verification as slow as a
    signature.
    """
    if not isinstance(public, rsa.RSAPublicKey):
        raise KeyUseError("this algorithm wants an RSA key")
    numbers = public.public_numbers()
    if not LEAST_RSA <= public.key_size <= MOST_RSA or not 65537 <= numbers.e < 1 << 64 or numbers.e % 2 == 0:
        raise WeakKeyError(f"an RSA key has {LEAST_RSA} to {MOST_RSA} bits and an odd exponent from 65537 to 64 bits")
    if gcd(numbers.n, _SMALL_FACTORS) != 1:
        raise WeakKeyError("the modulus of this RSA key has a small factor: it is no RSA key at all")
    if _roca(numbers.n):
        raise WeakKeyError("this RSA key comes from a generator that can be factored (ROCA); make a new one")


def check_secret(least: int, most: int) -> Check:
    """Bytes, of a length within these bounds."""

    def check(secret: Any) -> None:
        if not isinstance(secret, bytes) or not least <= len(secret) <= most:
            wanted = f"exactly {least}" if least == most else f"at least {least}"
            raise WeakKeyError(f"a key of this algorithm has {wanted} random bytes; use Key.generate")

    return check


def check_is(sort: type[Any], name: str) -> Check:
    """A key of this pyca class."""

    def check(public: Any) -> None:
        if not isinstance(public, sort):
            raise KeyUseError(f"this algorithm wants a key for {name}")

    return check
