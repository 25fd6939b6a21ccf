"""Key documents: public keys alone, announced before they sign, gone when they are retired; read back by others."""

import json

import pytest
from joserfc import jwe as theirs
from joserfc.jwk import KeySet

from watchword.clock import FrozenClock
from watchword.encoding import rfc3339, seconds_of
from watchword.errors import KeyUseError
from watchword.formats import jwe
from watchword.keys.discovery import read_jwks
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


@pytest.mark.parametrize("name", ["ECDH-ES+A256KW", "RSA-OAEP-256"])
def test_keys_to_encrypt_for_are_published_without_what_opens(name: str) -> None:
    ring, _ = ring_of("ES256", name, "A256KW", "A256GCM", "v4.local")
    [signing, sealing] = ring.jwks()["keys"]
    assert (signing["use"], sealing["use"], sealing["alg"]) == ("sig", "enc", name)
    assert not {"d", "k", "p", "q", "dp", "dq", "qi"} & set(sealing)
    [_, key] = KeySet.import_key_set(json.loads(json.dumps(ring.jwks()))).keys
    sent = theirs.encrypt_compact(
        {"alg": name, "enc": "A256GCM", "kid": sealing["kid"]}, b"for you", key, [name, "A256GCM"]
    )
    assert jwe.decrypt(sent, ring) == b"for you"


def test_what_nobody_shall_encrypt_for_is_not_published() -> None:
    """A partner's key, which opens nothing here; and algorithms that want a danger's name."""
    partner = Key.generate("ECDH-ES").public()
    ring = KeyRing.of(partner, Key.generate("RSA1_5"), Key.generate("PBES2-HS256+A128KW"), clock=FrozenClock(NOW))
    assert ring.jwks() == {"keys": []}


def test_a_rotation_of_a_key_to_encrypt_for() -> None:
    """An announced one opens nothing yet; what was sent to the old one still opens."""
    ring, clock = ring_of("ECDH-ES")
    old, new = ring.active("seal"), Key.generate("ECDH-ES")
    sent = jwe.encrypt(b"for you", old.public())
    ring.announce(new)
    assert [key["kid"] for key in ring.jwks()["keys"]] == [old.kid]
    clock.advance(LEAD)
    ring.activate(new.kid)
    assert [key["kid"] for key in ring.jwks()["keys"]] == [new.kid]
    assert jwe.decrypt(sent, ring) == b"for you"


def test_a_verifier_leaves_out_what_is_to_encrypt_for() -> None:
    ring, _ = ring_of("ES256", "ECDH-ES")
    document = read_jwks(json.dumps(ring.jwks()).encode())
    assert [slot.key.use for slot in document.slots] == ["sign"]
    assert len(document.skipped) == 1
