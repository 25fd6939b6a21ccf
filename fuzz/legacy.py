"""Old calls: what itsdangerous wrote, and PyJWT's decode."""

from __future__ import annotations

import hashlib
import hmac
import json
import zlib
from datetime import timedelta
from typing import Final

from fuzz.house import AUDIENCE, ED, HEADER, HS, ISSUER, NOW, signed
from fuzz.target import Target
from watchword.clock import FrozenClock
from watchword.compat import pyjwt
from watchword.compat.itsdangerous import TimedReader
from watchword.encoding import b64url, dump_json

SECRET: Final = b"an old secret"
READER: Final = TimedReader(SECRET, max_age=timedelta(hours=1), clock=FrozenClock(NOW))
_DERIVED: Final = hashlib.sha1(b"itsdangerous" + b"signer" + SECRET).digest()  # noqa: S324 # as it was
PEM: Final = ED.public().to_pem()
STAMP: Final = b64url(NOW.to_bytes(4, "big")).encode()


def dangerous(payload: bytes, stamp: bytes = STAMP) -> bytes:
    """What ``URLSafeTimedSerializer`` would have written around this payload."""
    message = payload + b"." + stamp
    return message + b"." + b64url(hmac.digest(_DERIVED, message, "sha1")).encode()


REAL: Final = dangerous(b64url(b'{"id":7,"next":"/"}').encode())
PACKED: Final = dangerous(b"." + b64url(zlib.compress(b'{"id":"' + b"7" * 200 + b'"}')).encode())


def text(text: bytes) -> None:
    READER.loads(text)
    assert text in (REAL, PACKED)


def value(text: bytes) -> None:
    assert READER.loads(dangerous(b64url(text).encode())) == json.loads(text)


def packed(text: bytes) -> None:
    assert READER.loads(dangerous(b"." + b64url(text).encode())) == json.loads(zlib.decompress(text))


def squeezed(text: bytes) -> None:
    assert READER.loads(dangerous(b"." + b64url(zlib.compress(text)).encode())) == json.loads(text)


def stamp(text: bytes) -> object:
    return READER.loads(dangerous(b64url(b"1").encode(), text))


def payload(text: bytes) -> object:
    """Before base64url: any text in front of a time and a signature that are right."""
    return READER.loads(dangerous(text))


def jwt(text: bytes) -> object:
    return pyjwt.decode(text, PEM, algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER)


def jwt_claims(text: bytes) -> None:
    found = pyjwt.decode(
        signed(HEADER.replace(b"Ed25519", b"EdDSA", 1), text), PEM, algorithms=["EdDSA"], audience=AUDIENCE
    )
    assert found == json.loads(text)


def jwt_header(text: bytes) -> object:
    return pyjwt.decode(signed(text, FOREVER, HS), HS.secret_bytes(), algorithms=["HS256"], audience=AUDIENCE)


def unverified(text: bytes) -> object:
    return pyjwt.get_unverified_header(text)


FOREVER: Final = dump_json({"aud": AUDIENCE, "iss": ISSUER, "exp": 1 << 40, "nbf": 1, "sub": "x", "jti": "y"})
TARGET: Final = Target(
    doors={
        "text": text,
        "value": value,
        "packed": packed,
        "squeezed": squeezed,
        "stamp": stamp,
        "payload": payload,
        "jwt": jwt,
        "jwt claims": jwt_claims,
        "jwt header": jwt_header,
        "unverified": unverified,
    },
    seeds=[
        ("text", REAL),
        ("text", PACKED),
        *((door, b'{"id":[7,"x",null]}') for door in ("value", "squeezed")),
        ("value", b'"next"'),
        ("packed", zlib.compress(b'{"id":7}')),
        ("stamp", STAMP),
        ("payload", b64url(b'"x"').encode()),
        ("jwt", signed(b'{"alg":"EdDSA","typ":"JWT"}', FOREVER).encode()),
        ("jwt claims", FOREVER),
        ("jwt header", b'{"alg":"HS256","typ":"JWT","kid":"x"}'),
        ("unverified", signed(HEADER, FOREVER).encode()),
    ],
)
