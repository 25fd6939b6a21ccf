"""Inputs that are made for one door: keys that are many or large, and texts that unfold."""

from __future__ import annotations

import json
import zlib
from base64 import encodebytes
from collections.abc import Callable, Iterator
from math import factorial, gcd
from random import Random
from typing import Any, Final

from fuzz.families import LIMIT
from fuzz.house import ES, ML, PAYLOAD
from watchword.encoding import b64url
from watchword.formats import jwe, jws
from watchword.keys.key import Key

_DRAW: Final = Random(20_261_122)  # noqa: S311 # repeatable
_UNFOLDED: Final = 32_000


def _number(value: int) -> str:
    return b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _rsa(bits: int, exponent: int) -> dict[str, str]:
    modulus = 2
    while gcd(modulus, factorial(751)) > 1:
        modulus = _DRAW.getrandbits(bits) | 1 << (bits - 1) | 1
    return {"kty": "RSA", "n": _number(modulus), "e": _number(exponent), "alg": "RS256"}


def jwks_one_by_one() -> Iterator[tuple[str, dict[str, Any]]]:
    """Keys that are large, or that nearly are some."""
    for bits in (2048, 3072, 8192, 16_384, 40_000):
        for size in (17, 64, 65, 257, bits - 1):
            if (bits + size) // 6 < LIMIT - 200:
                yield f"RSA of {bits} bits with an exponent of {size}", _rsa(bits, 1 << (size - 1) | 1)
    prime = _DRAW.getrandbits(4500) | 1
    yield (
        "a private RSA key that is none",
        {
            **_rsa(9000, 65537),
            **{name: _number(prime) for name in ("d", "p", "q", "dp", "dq", "qi")},
        },
    )
    for name in ("P-256", "P-384", "P-521", "secp256k1"):
        size = {"P-256": 32, "P-384": 48, "P-521": 66, "secp256k1": 32}[name]
        point = {"x": b64url(bytes((1,)) * size), "y": b64url(bytes((2,)) * size)}
        yield f"off {name}", {"kty": "EC", "crv": name, **point, "alg": "ES256"}
    yield "a secret of 6,000 bytes", {"kty": "oct", "k": "A" * 8000, "alg": "HS256"}
    yield "900 key_ops", {**ES.to_jwk(), "key_ops": [str(one) for one in range(900)]}
    yield "nested key_ops", {"kty": "oct", "k": "A" * 64, "alg": "HS256", "key_ops": [[[["sign"]]] * 500]}


def _filled(entry: Callable[[int], dict[str, Any]]) -> tuple[int, bytes]:
    """(number of keys, document): as many as 8 KiB hold."""
    keys: list[dict[str, Any]] = []
    while len(json.dumps({"keys": keys}, separators=(",", ":"))) <= LIMIT:
        keys.append(entry(len(keys)))
    return len(keys) - 1, json.dumps({"keys": keys[:-1]}, separators=(",", ":")).encode()


def _jwk(algorithm: str) -> Callable[[int], dict[str, Any]]:
    def entry(number: int) -> dict[str, Any]:
        jwk = Key.generate(algorithm, kid=str(number)).to_jwk()
        del jwk["use"]
        return jwk

    return entry


def _paserk(algorithm: str) -> Callable[[int], dict[str, Any]]:
    def entry(number: int) -> dict[str, Any]:
        key = Key.generate(algorithm)
        return {"kid": key.kid, "paserk": key.to_paserk(), "not_before": "2027-01-15T08:00:00Z"}

    return entry


def documents() -> Iterator[tuple[str, str, int, bytes]]:
    """(door, what, number of keys, document)."""
    for name in ("ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448", "ML-DSA-44"):
        count, document = _filled(_jwk(name))
        yield "jwks", f"{count} {name} keys", count, document
    for name in ("v3.public", "v4.public"):
        count, document = _filled(_paserk(name))
        yield "paseto keys", f"{count} {name} keys", count, document


def _pem(der: bytes) -> bytes:
    return b"\0-----BEGIN PUBLIC KEY-----\n" + encodebytes(der) + b"-----END PUBLIC KEY-----\n"


UNFOLDING: Final[dict[str, bytes]] = {
    "lists": b'{"a":[' + b"[]," * (_UNFOLDED // 3) + b"1]}",
    "lists of depth 6": b'{"a":[' + b"[[[[[[]]]]]]," * (_UNFOLDED // 13) + b"1]}",
    "objects": b'{"a":[' + b'{"b":1},' * (_UNFOLDED // 8) + b"1]}",
    "names": b"{" + b",".join(b'"%d":1' % one for one in range(_UNFOLDED // 10)) + b"}",
    "escapes": b'{"a":[[],[],[],[],[],[],[],[],"' + b'\\"' * (_UNFOLDED // 2) + b'"]}',
    "hard floats": b'{"a":[' + b"2.2250738585072011e-308," * (_UNFOLDED // 24) + b"1]}",
    "5 MB of zeros": bytes(5_000_000),
}


def _raw(text: bytes) -> bytes:
    folding = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return folding.compress(text) + folding.flush()


def made_for(target: str) -> Iterator[tuple[str, str, bytes]]:
    """(door, what, text) for one target."""
    if target == "keys":
        for what, jwk in jwks_one_by_one():
            yield "jwk", what, json.dumps(jwk).encode()
            yield "jwks", what, json.dumps({"keys": [jwk]}).encode()
        yield "pem", "DER of 5,000 zeros", _pem(bytes(5000))
        yield "pem", "DER that nests", _pem(b"\x30\x80" * 2500)
    elif target == "signed":
        large = KEY_87.sign(PAYLOAD)
        yield "large", "an ML-DSA-44 token of 16 KiB", jws.sign(b"x" * 9000, ML).encode()
        yield "large", "another key's signature", jws.sign(PAYLOAD + large, ML).encode()[:-4000] + b"A" * 4000
    elif target == "sealed":
        from fuzz.sealed import DIR, OAEP

        for what, text in UNFOLDING.items():
            yield "folded", f"unfolds to {what}", _raw(text)[:5000]
        yield "decrypt", "a long text", jwe.encrypt(bytes(5000), DIR).encode()
        yield "decrypt", "RSA-OAEP", jwe.encrypt(bytes(4000), OAEP).encode()
    elif target == "legacy":
        for what, text in UNFOLDING.items():
            yield "packed", f"unfolds to {what}", zlib.compress(text, 9)
    elif target == "paserks":
        for version in (1, 2, 3, 4):
            for part in ("public", "secret", "local", "seal", "local-pw", "secret-wrap.pie"):
                yield "plain", f"k{version}.{part} of 3 KB", f"k{version}.{part}.{'A' * 4000}".encode()
    elif target == "pasetos":
        many = b"{" + b",".join(b'"%d":"x"' % one for one in range(600)) + b"}"
        yield "read", "600 names", many
        yield "footer", "600 names", many


KEY_87: Final = Key.generate("ML-DSA-87")
