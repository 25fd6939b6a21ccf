"""Key documents: public keys alone, announced before they sign, gone when they are retired; read back by others."""

import json

import pytest
from joserfc.jwk import KeySet

from watchword.clock import FrozenClock
from watchword.encoding import rfc3339, seconds_of
from watchword.errors import KeyUseError
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

NOW = 1_800_000_000
LEAD, KEEP = 360, 3960


def ring_of(*names: str) -> tuple[KeyRing, FrozenClock]:
    clock = FrozenClock(NOW)
    return KeyRing.generate(*names, clock=clock), clock


def test_jwks() -> None:
    ring, _ = ring_of("ES256", "Ed25519", "v4.public", "v4.local")
    document = ring.jwks()
    assert list(document) == ["keys"]
    assert [(key["alg"], key["kty"], key["use"]) for key in document["keys"]] == [
        ("ES256", "EC", "sig"),
        ("Ed25519", "OKP", "sig"),
    ]
    assert not any({"d", "k", "p", "q"} & set(key) for key in document["keys"])
    assert [Key.from_jwk(key) for key in document["keys"]] == [slot.key.public() for slot in list(ring)[:2]]
    assert [key.kid for key in KeySet.import_key_set(json.loads(json.dumps(document))).keys] == [
        key["kid"] for key in document["keys"]
    ]


def test_paseto_keys() -> None:
    ring, _ = ring_of("v4.public", "ES256", "v4.local")
    key = ring.active(format="paseto")
    assert ring.paseto_keys() == {
        "keys": [
            {
                "kid": key.kid,
                "paserk": key.to_paserk(),
                "state": "active",
                "not_before": rfc3339(0),
                "retires_at": None,
            }
        ],
        "max_age": 300,
    }
    assert Key.from_paserk(ring.paseto_keys()["keys"][0]["paserk"]) == key.public()


@pytest.mark.parametrize("name", ["ES256", "v4.public"])
def test_a_rotation_as_it_is_seen_from_outside(name: str) -> None:
    ring, clock = ring_of(name)
    old, new = ring.active().kid, Key.generate(name)

    def seen() -> list[str]:
        document = ring.jwks() if name == "ES256" else ring.paseto_keys()
        return [key["kid"] for key in document["keys"]]

    def states() -> list[str]:
        return [key["state"] for key in ring.paseto_keys()["keys"]]

    ring.announce(new)
    assert seen() == [old, new.kid]
    if name == "v4.public":
        assert states() == ["active", "announced"]
        assert seconds_of(ring.paseto_keys()["keys"][1]["not_before"]) == NOW + LEAD
    clock.advance(LEAD)
    ring.activate(new.kid)
    assert seen() == [old, new.kid]
    if name == "v4.public":
        assert states() == ["retiring", "active"]
        assert seconds_of(ring.paseto_keys()["keys"][0]["retires_at"]) == NOW + LEAD + KEEP
    clock.advance(KEEP)
    assert seen() == [new.kid]
    ring.retire(new.kid)
    assert seen() == []


def test_a_symmetric_key_is_never_published() -> None:
    ring, _ = ring_of("HS256", "ES256")
    with pytest.raises(KeyUseError, match="to publish it is to give it away"):
        ring.jwks()
    mac = KeyRing.of(Key.generate("HS256", use="mac"), Key.generate("v4.local"))
    assert (mac.jwks(), mac.paseto_keys()["keys"]) == ({"keys": []}, [])
