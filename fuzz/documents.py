"""What is fetched: JWK Sets, PASETO key documents, the metadata of an issuer, and Cache-Control."""

from __future__ import annotations

import json
from typing import Final

from fuzz.house import ED, ES, RING, RS, V4_PAIR
from fuzz.target import Target, said
from watchword.keys.discovery import alias, is_text, read_jwks, read_paseto_keys
from watchword.keys.key import kid_is_sound
from watchword.runtime.fetch import check_url, max_age
from watchword.runtime.issuer import jwks_uri_of, well_known

ISSUER: Final = "https://id.example"


def jwks(text: bytes) -> None:
    found = read_jwks(text, rsa="RS256")
    assert found.slots
    assert not any(slot.key.can_sign or slot.key.algorithm.symmetric for slot in found.slots)


def paseto_keys(text: bytes) -> None:
    found = read_paseto_keys(text)
    assert found.slots
    assert not any(slot.key.can_sign or slot.key.algorithm.symmetric for slot in found.slots)


def metadata(text: bytes) -> None:
    place = jwks_uri_of(text, ISSUER)
    assert json.loads(text)["issuer"] == ISSUER
    check_url(place)


def url(text: bytes) -> None:
    parts = check_url(said(text))
    assert parts.scheme == "https"
    assert parts.hostname
    well_known(said(text))


def cache_control(text: bytes) -> None:
    first, _, second = said(text).partition("\n")
    age = max_age(first, second)
    assert age is None or 0 <= age < 10**9


def kid(text: bytes) -> None:
    if is_text(said(text)):
        assert kid_is_sound(alias(said(text)))


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


TARGET: Final = Target(
    doors={
        "jwks": jwks,
        "paseto keys": paseto_keys,
        "metadata": metadata,
        "url": url,
        "cache control": cache_control,
        "kid": kid,
    },
    seeds=[
        ("jwks", _json(RING.jwks())),
        *(("jwks", _json({"keys": [key.to_jwk()]})) for key in (ES, ED)),
        ("jwks", _json({"keys": [{**RS.to_jwk(), "x5c": ["MII"], "alg": None}]})),
        ("paseto keys", _json(RING.paseto_keys())),
        (
            "paseto keys",
            _json(
                {"keys": [{"kid": V4_PAIR.kid, "paserk": V4_PAIR.to_paserk(), "not_before": "2027-01-15T08:00:00Z"}]}
            ),
        ),
        ("metadata", _json({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks.json"})),
        ("url", b"https://id.example:8443/a/b?c=d"),
        ("url", b"https://[::1]:1/"),
        ("cache control", b"public, max-age=3600\n17"),
        ("kid", b"a+b/c=="),
    ],
)
