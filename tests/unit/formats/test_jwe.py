"""The words of JWE and JWS: which keys do what, what is asked for is held to, and keys live in rings and files."""

from pathlib import Path

import pytest

from watchword.encoding import MAX_TOKEN
from watchword.errors import AlgorithmError, ConfigurationError, KeyUseError, MalformedTokenError, WrongTypeError
from watchword.formats import jwe, jws
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

KEY = Key.generate("A256KW")
RING = KeyRing.of(KEY)


def test_what_is_asked_for_is_held_to() -> None:
    token = jwe.encrypt(b"x", KEY, enc="A128CBC-HS256", typ="note+jwe")
    assert jwe.decrypt(token, RING, typ="Note+JWE", encs=["A128CBC-HS256"]) == b"x"
    with pytest.raises(AlgorithmError):
        jwe.decrypt(token, RING, encs=["A256GCM"])
    with pytest.raises(WrongTypeError):
        jwe.decrypt(token, RING, typ="other")
    with pytest.raises(WrongTypeError):
        jwe.decrypt(jwe.encrypt(b"x", KEY), RING, typ="other")


def test_large_texts_are_asked_for() -> None:
    token = jwe.encrypt(bytes(100_000), KEY)
    with pytest.raises(MalformedTokenError) as caught:
        jwe.decrypt(token, RING)
    assert caught.value.reason == "too_large"
    assert len(token) > MAX_TOKEN
    assert jwe.decrypt(token, RING, limit=200_000) == bytes(100_000)


@pytest.mark.parametrize("algorithm", ["ES256", "HS256", "v4.local", "v4.public"])
def test_only_keys_of_jwe_seal(algorithm: str) -> None:
    key = Key.generate(algorithm)
    with pytest.raises(KeyUseError):
        jwe.encrypt(b"x", key)
    if algorithm.startswith("v4"):
        with pytest.raises(KeyUseError):
            jws.sign(b"x", key)


@pytest.mark.parametrize("key", [KEY, Key.generate("ECDH-ES"), Key.generate("HS256", use="mac")])
def test_only_keys_of_jws_sign(key: Key) -> None:
    with pytest.raises(KeyUseError):
        jws.sign(b"x", key)


def test_a_direct_key_is_for_one_enc() -> None:
    key = Key.generate("A128GCM")
    for enc in ("A256GCM", "A512GCM"):
        with pytest.raises(ConfigurationError):
            jwe.encrypt(b"x", key, enc=enc)
    assert jwe.decrypt(jwe.encrypt(b"x", key, enc="A128GCM"), KeyRing.of(key)) == b"x"


@pytest.mark.parametrize("crv", ["P-256", "P-384", "P-521", "X25519"])
def test_keys_of_each_curve(crv: str, tmp_path: Path) -> None:
    key = Key.generate("ECDH-ES+A256KW", crv=crv)
    assert key.to_jwk()["crv"] == key.successor().to_jwk()["crv"] == crv
    assert (key.to_jwk()["use"], key.use) == ("enc", "seal")
    assert Key.from_pem(key.to_pem(), algorithm="ECDH-ES+A256KW") == key
    assert Key.from_jwk(key.to_jwk(private=True)) == key
    ring = KeyRing.of(key)
    ring.save(tmp_path / "keys")
    token = jwe.encrypt(b"x", key.public())
    assert jwe.decrypt(token, KeyRing.load(tmp_path / "keys")) == b"x"
    fresh = ring.replace(key.kid)
    assert fresh.to_jwk()["crv"] == crv
    assert ring.active("seal", format="jwe") is fresh


def test_a_curve_that_is_none() -> None:
    for algorithm, crv in (("ECDH-ES", "Ed25519"), ("ES256", "P-256"), ("A256KW", "X25519")):
        with pytest.raises(ConfigurationError):
            Key.generate(algorithm, crv=crv)


def test_a_payload_that_cannot_travel_unencoded() -> None:
    key = Key.generate("HS256")
    for payload in (b"a.b", b"\n", "é".encode()):
        with pytest.raises(ConfigurationError):
            jws.sign(payload, key, b64=False)
        token = jws.sign(payload, key, b64=False, detached=True)
        assert jws.verify(token, KeyRing.of(key), b64=False, detached=payload) == payload
    assert jws.verify(jws.sign(b"", key), KeyRing.of(key)) == b""
    with pytest.raises(ConfigurationError):
        jws.verify(jws.sign(b"x", key, detached=True), KeyRing.of(key), detached="x")  # type: ignore[arg-type]  # text
