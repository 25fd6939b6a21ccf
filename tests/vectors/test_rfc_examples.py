"""The examples of RFC 7515, 7517, 7518, 7638 and 9964, each with what it proves."""

import json
from typing import Any, Final

import pytest

from tests.vectors.corpus import FOLDER, published, published_text
from watchword.crypto import key_management, material
from watchword.crypto.content import CONTENTS
from watchword.encoding import b64url, json_object, unb64url
from watchword.errors import AlgorithmError, ConfigurationError, KeyUseError, MalformedTokenError, SignatureError
from watchword.formats import jws
from watchword.formats.jwt import Jwt
from watchword.keys.jwks import read_set
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

pytestmark = pytest.mark.usefixtures("vectors")

RFC_7515: Final = {"A.1": "HS256", "A.2": "RS256", "A.3": "ES256", "A.4": "ES512"}


def example(name: str) -> Any:
    return json.loads(published_text(f"rfc-examples/{name}"))


@pytest.mark.parametrize(("section", "algorithm"), RFC_7515.items())
def test_rfc_7515_a(section: str, algorithm: str) -> None:
    key = Key.from_jwk(example(f"rfc7515_{section}.jwk"), algorithm=algorithm)
    token = published_text(f"rfc-examples/rfc7515_{section}.jwsc")
    ring = KeyRing.of(key if key.algorithm.symmetric else key.public())
    payload = jws.verify(token, ring)
    assert payload == unb64url(token.split(".")[1].encode())
    assert jws.verify(jws.sign(payload, key), KeyRing.of(key)) == payload
    head, _, signature = token.split(".")
    assert jws.verify(f"{head}..{signature}", ring, detached=payload) == payload
    with pytest.raises(SignatureError):
        jws.verify(f"{head}..{signature}", ring, detached=payload + b" ")


def test_rfc_7515_a_5_none() -> None:
    token = published_text("rfc-examples/rfc7515_A.5.jwsc")
    ring = KeyRing.generate("HS256")
    with pytest.raises(MalformedTokenError):
        jws.verify(token, ring)
    with pytest.raises(AlgorithmError):
        jws.verify(token + b64url(bytes(32)), ring)


@pytest.mark.parametrize("name", ["rfc7515_A.6.jwsg", "rfc7515_A.7.jwsf"])
def test_rfc_7515_json_serializations_are_malformed(name: str) -> None:
    with pytest.raises(MalformedTokenError):
        jws.verify(published_text(f"rfc-examples/{name}"), KeyRing.generate("ES256"))


def test_rfc_7515_a_6_signatures_one_by_one() -> None:
    general, keys = example("rfc7515_A.6.jwsg"), example("rfc7515_A.6.jwkset")["keys"]
    assert keys == [example("rfc7515_A.6.1.jwk"), example("rfc7515_A.6.2.jwk")]
    for one, jwk, algorithm in zip(general["signatures"], keys, ("RS256", "ES256"), strict=True):
        ring = KeyRing.of(Key.from_jwk(jwk, algorithm=algorithm))
        assert jws.verify(f"{one['protected']}.{general['payload']}.{one['signature']}", ring)
    flat = example("rfc7515_A.7.jwsf")
    ring = KeyRing.of(Key.from_jwk(example("rfc7515_A.7.jwk"), algorithm="ES256"))
    assert jws.verify(f"{flat['protected']}.{flat['payload']}.{flat['signature']}", ring)


def test_rfc_7517_a_1_public() -> None:
    found = read_set(example("rfc7517_A.1.jwkset"), algorithm="ECDH-ES+A128KW")
    assert [(key.algorithm.name, key.kid, key.can_sign) for key in found.keys] == [
        ("ECDH-ES+A128KW", "1", False),
        ("RS256", "2011-04-29", False),
    ]
    alone = read_set(example("rfc7517_A.1.jwkset"))
    assert [key.algorithm.name for key in alone.keys] == ["RS256"]
    assert "names no algorithm" in alone.skipped[0]


def test_rfc_7517_a_2_private() -> None:
    document = example("rfc7517_A.2.jwkset")
    assert read_set(document).keys == ()
    assert all("published" in reason for reason in read_set(document).skipped)
    ours = read_set(document, secret=True)
    assert [(key.algorithm.name, key.can_sign) for key in ours.keys] == [("RS256", True)]


def test_rfc_7517_a_3_symmetric() -> None:
    document = example("rfc7517_A.3.jwkset")
    assert read_set(document).keys == ()
    found = read_set(document, algorithm="HS256", secret=True)
    assert [key.algorithm.name for key in found.keys] == ["A128KW", "HS256"]


def test_rfc_7517_b_certificates_are_not_looked_at() -> None:
    key = Key.from_jwk(example("rfc7517_B.jwk"), algorithm="RS256")
    assert "x5c" not in key.to_jwk()
    with pytest.raises(KeyUseError):
        Key.from_jwk(example("rfc7517_B.jwk"), algorithm="RSA-OAEP-256")


def test_rfc_7518_c() -> None:
    given = example("rfc7518_C.json")
    ephemeral, _ = material.from_jwk_members(given["ephemeral"])
    ours, public = material.from_jwk_members(given["recipient"])
    shared = key_management.agree(ephemeral, public)
    apu, apv = (unb64url(given[name].encode()) for name in ("apu", "apv"))
    assert (apu, apv) == (b"Alice", b"Bob")
    assert b64url(key_management.concat_kdf(shared, given["enc"], 16, apu, apv)) == given["derived_key"]
    epk = {name: value for name, value in given["ephemeral"].items() if name != "d"}
    key = Key.from_jwk(given["recipient"], algorithm="ECDH-ES")
    header = {"epk": epk, "apu": given["apu"], "apv": given["apv"]}
    assert b64url(key.unwrap(CONTENTS["A128GCM"], header, b"")) == given["derived_key"]
    assert ours is not None


def test_rfc_7638_3_1() -> None:
    key = Key.from_jwk(example("rfc7638_3.1.jwk"))
    thumbprint = published_text("rfc-examples/rfc7638_3.1.thp")
    assert key.thumbprint() == thumbprint
    assert key.thumbprint_uri() == f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{thumbprint}"
    with pytest.raises(KeyUseError):
        Key.generate("HS256").thumbprint()


@pytest.mark.parametrize("number", range(3))
def test_rfc_9964_a(number: int) -> None:
    given = published("rfc-examples/rfc9964_A.json")["examples"][number]
    key = Key.from_jwk(given["jwk"])
    assert key.algorithm.name == given["alg"]
    assert key.thumbprint() == given["jwk"].get("kid", key.thumbprint())
    ring = KeyRing.of(key.public())
    tokens = [value for value in given.values() if isinstance(value, str) and value.count(".") == 2]
    assert len(tokens) == 1
    payload = jws.verify(tokens[0], ring)
    with pytest.raises(SignatureError):
        jws.verify(f"{tokens[0].split('.')[0]}..{tokens[0].split('.')[2]}", ring, detached=payload + b"x")
    if key.can_sign:
        assert jws.verify(jws.sign(payload, key), ring) == payload


def test_large_tokens_need_a_ring_with_large_keys() -> None:
    key = Key.generate("ML-DSA-87")
    token = Jwt(KeyRing.of(key), "at+jwt").issue({"sub": "x" * 2000})
    assert len(token) > 8192
    form = Jwt(KeyRing.of(key.public()), "at+jwt")
    assert form.verify(found := form.parse(token), form.key(found)).claims["sub"] == "x" * 2000
    with pytest.raises(MalformedTokenError) as caught:
        Jwt(KeyRing.generate("ES256"), "at+jwt").parse(token)
    assert caught.value.reason == "too_large"
    assert json_object(found.body)
    with pytest.raises(MalformedTokenError):
        form.parse("a" * 16_385)


def test_all_were_read() -> None:
    assert len([path for path in (FOLDER / "rfc-examples").iterdir() if not path.name.startswith("rfc9449")]) == 23


def test_a_set_that_is_none_is_refused() -> None:
    documents: tuple[Any, ...] = (
        {},
        {"keys": {}},
        {"keys": [{}] * 101},
        b"[]",
        b'{"keys":[],"keys":[]}',
        "x",
        b"\xff",
        5,
    )
    for document in documents:
        with pytest.raises(ConfigurationError):
            read_set(document)
