"""JWE: texts from outside, and headers whose tag is right, so that unfolding and unwrapping are reached."""

from __future__ import annotations

import json
from typing import Final

from fuzz.house import CLOCK, PAYLOAD, RAW, RING, RS, SIGNED
from fuzz.target import Target
from watchword.crypto.content import CONTENTS
from watchword.encoding import b64url, dump_json
from watchword.formats import jwe
from watchword.formats.jwt import Jwt
from watchword.insecure import DEFLATE, PBES2, RSA1_5
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing


def secret(algorithm: str, size: int) -> Key:
    return Key.from_jwk({"kty": "oct", "k": b64url(RAW[:size]), "alg": algorithm, "kid": algorithm.replace("+", ".")})


DIR, KW, GCMKW, CBC = (
    secret("A128GCM", 16),
    secret("A256KW", 32),
    secret("A128GCMKW", 16),
    secret("A128CBC-HS256", 32),
)
EC, X = Key.generate("ECDH-ES+A128KW", kid="ec"), Key.generate("ECDH-ES", crv="X25519", kid="x")
OAEP, OLD = (
    Key.from_jwk(RS.to_jwk(private=True) | {"alg": name, "kid": name, "use": "enc"}) for name in ("RSA-OAEP", "RSA1_5")
)
OPENING: Final = KeyRing.of(DIR, KW, GCMKW, CBC, EC, X, OAEP, OLD, clock=CLOCK)
PASSWORDS: Final = KeyRing.of(secret("PBES2-HS256+A128KW", 32), clock=CLOCK)
INNER: Final = Jwt(RING, "at+jwt")
TOKENS: Final = [jwe.encrypt(PAYLOAD, key) for key in (DIR, KW, GCMKW, CBC, EC, X, OAEP)]
TOKENS.append(jwe.encrypt(PAYLOAD, OLD, allow=[RSA1_5]))
NESTED: Final = jwe.encrypt(SIGNED[0].encode(), KW, cty="JWT")


def decrypt(text: bytes) -> object:
    return jwe.decrypt(text, OPENING)


def by_name(text: bytes) -> object:
    """What the dangers allow as well; not PBES2, whose rounds are what each token asks for."""
    return jwe.decrypt(text, OPENING, allow=[RSA1_5, DEFLATE])


def nested(text: bytes) -> object:
    return jwe.decrypt_nested(text, OPENING, INNER)


def inside(text: bytes) -> object:
    """Any plaintext where a signed JWT belongs."""
    return jwe.decrypt_nested(jwe.encrypt(text, DIR, cty="JWT"), OPENING, INNER)


def header(text: bytes) -> None:
    """Any header over a body that is a stored DEFLATE block, with a tag that is right."""
    head, iv = b64url(text), bytes(12)
    plaintext = b"\x01\x05\x00\xfa\xffhello"
    ciphertext, tag = CONTENTS["A128GCM"].hide(RAW[:16], iv, plaintext, head.encode())
    token = ".".join((head, "", *map(b64url, (iv, ciphertext, tag))))
    found = jwe.decrypt(token, OPENING, allow=[DEFLATE])
    assert found == (b"hello" if "zip" in json.loads(text) else plaintext)


def folded(text: bytes) -> None:
    """Anything where a compressed text belongs."""
    head = b64url(dump_json({"alg": "dir", "enc": "A128GCM", "kid": DIR.kid, "zip": "DEF"}))
    ciphertext, tag = CONTENTS["A128GCM"].hide(RAW[:16], bytes(12), text, head.encode())
    found = jwe.decrypt(".".join((head, "", *map(b64url, (bytes(12), ciphertext, tag)))), OPENING, allow=[DEFLATE])
    assert len(found) <= jwe.MAX_UNFOLDED


def agreed(text: bytes) -> object:
    """Any ``epk``: the keys of strangers that a header may bring along."""
    head = b64url(b'{"alg":"ECDH-ES+A128KW","enc":"A128GCM","kid":"ec","epk":' + text + b"}")
    return jwe.decrypt(f"{head}.{b64url(bytes(24))}.{b64url(bytes(12))}..{b64url(bytes(16))}", OPENING)


def passwords(text: bytes) -> object:
    return jwe.decrypt(text, PASSWORDS)


def round_trip(text: bytes) -> None:
    for key in (DIR, KW, CBC):
        assert jwe.decrypt(jwe.encrypt(text, key), OPENING, limit=1 << 20) == text


EPK: Final = json.dumps({name: EC.to_jwk()[name] for name in ("kty", "crv", "x", "y")}).encode()
TARGET: Final = Target(
    doors={
        "decrypt": decrypt,
        "by name": by_name,
        "nested": nested,
        "inside": inside,
        "header": header,
        "folded": folded,
        "agreed": agreed,
        "passwords": passwords,
        "round trip": round_trip,
    },
    seeds=[
        *((door, token.encode()) for token in TOKENS for door in ("decrypt", "by name")),
        ("nested", NESTED.encode()),
        ("inside", SIGNED[0].encode()),
        ("header", b'{"alg":"dir","enc":"A128GCM","kid":"A128GCM"}'),
        ("header", b'{"alg":"dir","enc":"A128GCM","kid":"A128GCM","zip":"DEF","cty":"JWT","typ":"x"}'),
        ("header", b'{"alg":"A128GCMKW","enc":"A128GCM","kid":"A128GCMKW","iv":"AAAAAAAAAAAAAAAA","tag":"AA"}'),
        ("folded", b"\x01\x05\x00\xfa\xffhello"),
        ("folded", b"K\x04\x00"),
        ("agreed", EPK),
        ("agreed", b'{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}'),
        ("passwords", jwe.encrypt(b"x", next(iter(PASSWORDS)).key, allow=[PBES2]).encode()),
        ("round trip", PAYLOAD),
    ],
)
