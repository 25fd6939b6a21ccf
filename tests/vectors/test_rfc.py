"""The examples of RFC 7515, 7520, 7638 and 8037 that our algorithms can read: what must verify, and what must not."""

import json
from typing import Any

import pytest

from tests.vectors.corpus import published, published_text
from watchword.encoding import unb64url
from watchword.errors import MalformedTokenError, TokenError, WatchwordError
from watchword.formats import jws
from watchword.keys import jwk
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

pytestmark = pytest.mark.usefixtures("vectors")

RFC_7515 = {"A.1": "HS256", "A.2": "RS256", "A.3": "ES256"}
COOKBOOK = {
    "jws/4_1.rsa_v15_signature.json": "RS256",
    "jws/4_4.hmac-sha2_integrity_protection.json": "HS256",
    "curve25519/jws.json": "Ed25519",
}
DETACHED = {
    "jws/4_5.signature_with_detached_content.json": "bad_signature",
    "rfc7797/hmac-sha2_b64_false.json": "crit_unsupported",
}


def key_of(example: dict[str, Any], algorithm: str) -> Key:
    given = example["input"]["key"]
    return Key.from_jwk(dict(given), algorithm=algorithm)


@pytest.mark.parametrize(("section", "algorithm"), RFC_7515.items())
def test_rfc_7515(section: str, algorithm: str) -> None:
    key = Key.from_jwk(json.loads(published_text(f"rfc-examples/rfc7515_{section}.jwk")), algorithm=algorithm)
    token = published_text(f"rfc-examples/rfc7515_{section}.jwsc")
    message, _, signature = token.rpartition(".")
    ring = KeyRing.of(key if key.algorithm.symmetric else key.public())
    assert json.loads(jws.verify(token, ring)) == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    if algorithm != "ES256":
        assert key.sign(message.encode()) == unb64url(signature.encode())
    with pytest.raises(TokenError):
        jws.verify(f"{message}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}", ring)


def test_rfc_7515_a_4_is_es512() -> None:
    with pytest.raises(WatchwordError):
        Key.from_jwk(json.loads(published_text("rfc-examples/rfc7515_A.4.jwk")), algorithm="ES256")
    ring = KeyRing.generate("ES256")
    with pytest.raises(TokenError) as caught:
        jws.verify(published_text("rfc-examples/rfc7515_A.4.jwsc"), ring)
    assert caught.value.reason == "key_not_found"


def test_rfc_7515_a_5_is_unsecured() -> None:
    token = published_text("rfc-examples/rfc7515_A.5.jwsc")
    assert token.endswith(".")
    with pytest.raises(MalformedTokenError):
        jws.verify(token, KeyRing.generate("ES256"))
    with pytest.raises(TokenError) as caught:
        jws.verify(f"{token}AAAA", KeyRing.generate("ES256"))
    assert caught.value.reason == "alg_not_allowed"


@pytest.mark.parametrize("suffix", ["A.6.jwsg", "A.7.jwsf"])
def test_rfc_7515_json_serializations_are_not_read(suffix: str) -> None:
    with pytest.raises(MalformedTokenError):
        jws.verify(published_text(f"rfc-examples/rfc7515_{suffix}"), KeyRing.generate("ES256"))


@pytest.mark.parametrize(("name", "algorithm"), COOKBOOK.items())
def test_cookbook(name: str, algorithm: str) -> None:
    example = published(f"jose-cookbook/{name}")
    key, token = key_of(example, algorithm), example["output"]["compact"]
    assert jws.verify(token, KeyRing.of(key)).decode() == example["input"]["payload"]
    assert key.sign(example["signing"]["sig-input"].encode()) == unb64url(example["signing"]["sig"].encode())


@pytest.mark.parametrize(("name", "reason"), DETACHED.items())
def test_detached_and_unencoded_content_is_refused(name: str, reason: str) -> None:
    example = published(f"jose-cookbook/{name}")
    with pytest.raises(TokenError) as caught:
        jws.verify(example["output"]["compact"], KeyRing.of(key_of(example, "HS256")))
    assert caught.value.reason == reason


def test_rfc_7638_3_1() -> None:
    key = Key.from_jwk(json.loads(published_text("rfc-examples/rfc7638_3.1.jwk")))
    thumbprint = published_text("rfc-examples/rfc7638_3.1.thp")
    assert jwk.thumbprint_of(key._public) == thumbprint
    assert key.kid == "2011-04-29"
    nameless = {name: value for name, value in key.to_jwk().items() if name != "kid"}
    assert Key.from_jwk(nameless).kid == thumbprint
