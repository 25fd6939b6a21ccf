"""Keys as JWK, JWK Set and PEM."""

from __future__ import annotations

import json
from typing import Any, Final

from fuzz.house import ED, ES, HS, ML, RS
from fuzz.target import Target
from watchword.errors import ConfigurationError
from watchword.keys.jwks import read_set
from watchword.keys.key import Key

ALGORITHMS: Final = ("ES256", "Ed25519", "RS256", "HS256", "v4.public", "v3.public", "Ed448", "ECDH-ES")


def _document(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigurationError("no JSON") from None


def jwk(text: bytes) -> None:
    key = Key.from_jwk(_document(text))
    secret = key.can_sign or key.algorithm.symmetric
    assert Key.from_jwk(key.to_jwk(private=secret)) == key
    assert not any(str(value) in repr(key) for name, value in key.to_jwk(private=secret).items() if name in "dk")


def jwk_for(text: bytes) -> object:
    """The first byte says which algorithm the caller names."""
    return Key.from_jwk(_document(text[1:]), algorithm=ALGORITHMS[text[0] % len(ALGORITHMS)] if text else None)


def jwks(text: bytes) -> None:
    found = read_set(text)
    assert not any(key.can_sign or key.algorithm.symmetric for key in found.keys)


def own_set(text: bytes) -> object:
    return read_set(text, secret=True)


def pem(text: bytes) -> None:
    name = ALGORITHMS[text[0] % len(ALGORITHMS)] if text else "ES256"
    key = Key.from_pem(text[1:], algorithm=name)
    assert Key.from_pem(key.to_pem(), algorithm=name) == key


def guarded_pem(text: bytes) -> object:
    return Key.from_pem(text, algorithm="ES256", password=b"password")


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


PAIRS: Final = (ES, ED, RS)
LIGHT: Final = (ES, ED, HS)
TARGET: Final = Target(
    doors={
        "jwk": jwk,
        "jwk for": jwk_for,
        "jwks": jwks,
        "own set": own_set,
        "pem": pem,
        "guarded pem": guarded_pem,
    },
    seeds=[
        *(("jwk", _json(key.to_jwk(private=True))) for key in LIGHT),
        *(("jwk", _json(key.to_jwk())) for key in (*PAIRS, ML)),
        *(("jwk for", bytes((at,)) + _json(key.to_jwk())) for at, key in enumerate((ES, ED, RS))),
        ("jwks", _json({"keys": [key.to_jwk() for key in PAIRS]})),
        ("own set", _json({"keys": [key.to_jwk(private=True) for key in (ES, ED)]})),
        *(("pem", bytes((at,)) + key.to_pem()) for at, key in enumerate((ES, ED))),
        *(("pem", bytes((at,)) + key.public().to_pem()) for at, key in enumerate(PAIRS)),
        ("guarded pem", ES.to_pem(password=b"password")),
    ],
)
