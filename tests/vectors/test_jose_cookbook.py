"""The JOSE cookbook (RFC 7520, 8037, 7797): what is compact is read; JSON serializations are not tokens here."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.vectors.corpus import FOLDER, each, published
from watchword.encoding import b64url, unb64url
from watchword.errors import AlgorithmError, MalformedTokenError, SealError, SignatureError, TokenError
from watchword.formats import jwe, jws
from watchword.insecure import DEFLATE, PBES2, RSA1_5, Danger
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

pytestmark = pytest.mark.usefixtures("vectors")

COOKBOOK: Final = "jose-cookbook"
COUNTS: Final = {"jwk": 6, "jws": 8, "jwe": 13, "curve25519": 2, "rfc7797": 2}
COMPACT: Final = {"jws": 5, "jwe": 9, "curve25519": 2, "rfc7797": 1}
"""How many of them have a compact form."""
DANGERS: Final[dict[str, Danger]] = {"5_1": RSA1_5, "5_3": PBES2, "5_9": DEFLATE}
"""What is opened only where that is allowed by name."""


def files(folder: str) -> list[tuple[str, dict[str, Any]]]:
    paths = sorted(Path(FOLDER / COOKBOOK / folder).glob("*.json"))
    return [(path.name, published(f"{COOKBOOK}/{folder}/{path.name}")) for path in paths]


EXAMPLES: Final = [
    (f"{folder}/{name}", example)
    for folder in ("jws", "jwe", "curve25519", "rfc7797")
    for name, example in files(folder)
]
NAMED: Final = [(name, {"name": name, **example}) for name, example in EXAMPLES]
SIGNED: Final = [(name, one) for name, one in NAMED if "compact" in one["output"] and "payload" in one["input"]]
SEALED: Final = [(name, one) for name, one in NAMED if "compact" in one["output"] and "plaintext" in one["input"]]


def ring_of(example: dict[str, Any]) -> KeyRing:
    given, alg = example["input"], example["input"]["alg"]
    if "pwd" in given:
        return KeyRing.of(
            Key.from_jwk({"kty": "oct", "k": b64url(given["pwd"].encode()), "kid": "password", "alg": alg})
        )
    return KeyRing.of(Key.from_jwk(given["key"], algorithm={"dir": given.get("enc"), "EdDSA": "Ed25519"}.get(alg, alg)))


@pytest.mark.parametrize("example", each(SIGNED))
def test_signed(example: dict[str, Any]) -> None:
    token, payload = example["output"]["compact"], example["input"]["payload"].encode()
    ring, unencoded = ring_of(example), example["name"].startswith("rfc7797")
    detached = payload if ".." in token else None
    assert jws.verify(token, ring, detached=detached, b64=not unencoded) == payload
    head, _, signature = token.partition(".")[0], 0, token.rpartition(".")[2]
    other = f"{head}.{token.split('.')[1]}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    with pytest.raises(SignatureError):
        jws.verify(other, ring, detached=detached, b64=not unencoded)
    if example.get("reproducible") and example["signing"]["sig"] == signature:
        key = ring.active("sign")
        assert key.sign(example["signing"]["sig-input"].encode()) == unb64url(signature.encode())


def test_detached_and_unencoded_are_asked_for() -> None:
    examples = dict(NAMED)
    detached = examples["jws/4_5.signature_with_detached_content.json"]
    with pytest.raises(SignatureError):
        jws.verify(detached["output"]["compact"], ring_of(detached))
    attached = examples["jws/4_4.hmac-sha2_integrity_protection.json"]["output"]["compact"]
    with pytest.raises(MalformedTokenError) as caught:
        jws.verify(attached, ring_of(detached), detached=detached["input"]["payload"].encode())
    assert caught.value.reason == "malformed"
    unencoded = examples["rfc7797/hmac-sha2_b64_false.json"]
    with pytest.raises(MalformedTokenError) as caught:
        jws.verify(unencoded["output"]["compact"], ring_of(unencoded))
    assert caught.value.reason == "crit_unsupported"


@pytest.mark.parametrize("example", each(SEALED))
def test_sealed(example: dict[str, Any]) -> None:
    token, ring = example["output"]["compact"], ring_of(example)
    danger = DANGERS.get(example["name"].removeprefix("jwe/").split(".")[0])
    allow = [danger] if danger else []
    assert jwe.decrypt(token, ring, allow=allow) == example["input"]["plaintext"].encode()
    head, *others = token.split(".")
    others[2] = ("B" if others[2][0] == "A" else "A") + others[2][1:]
    with pytest.raises(SealError):
        jwe.decrypt(".".join((head, *others)), ring, allow=allow)
    if danger:
        with pytest.raises(MalformedTokenError if danger is DEFLATE else AlgorithmError):
            jwe.decrypt(token, ring, allow=[other for other in DANGERS.values() if other is not danger])


@pytest.mark.parametrize("example", each(NAMED))
def test_json_serializations_are_malformed(example: dict[str, Any]) -> None:
    """T12: also where the compact form of the same text is good."""
    given = example["input"].get("key")
    ring = KeyRing.generate("ES256") if isinstance(given, list) else ring_of(example)
    forms = [json.dumps(value) for name, value in example["output"].items() if name != "compact"]
    assert forms
    for form in forms:
        for read in (jws.verify, jwe.decrypt):
            with pytest.raises(MalformedTokenError):
                read(form, ring)


@pytest.mark.parametrize("example", each((name, {"jwk": jwk}) for name, jwk in files("jwk")))
def test_keys(example: dict[str, Any]) -> None:
    given = example["jwk"]
    algorithm = given.get("alg") or {"EC": "ES512", "RSA": "RS256"}[given["kty"]]
    key = Key.from_jwk(given, algorithm=algorithm)
    assert key.kid == given["kid"]
    assert key.to_jwk(private="d" in given or "k" in given) == given | {"alg": algorithm}


def test_all_were_read() -> None:
    assert {folder: len(files(folder)) for folder in COUNTS} == COUNTS
    compact = [name.split("/")[0] for name, _ in (*SIGNED, *SEALED)]
    assert {folder: compact.count(folder) for folder in COMPACT} == COMPACT
    assert (len(SIGNED), len(SEALED), len(NAMED)) == (7, 10, 25)


def test_a_jws_is_no_jwe() -> None:
    for name, example in (*SIGNED, *SEALED):
        read = jwe.decrypt if "payload" in example["input"] else jws.verify
        with pytest.raises(TokenError):
            read(example["output"]["compact"], ring_of(example))
        assert name
