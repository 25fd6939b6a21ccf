"""Wycheproof for what lies under the tokens: Ed25519 on both roads, ECDSA P-256 as r‖s, PKCS#1, HMAC, XChaCha20."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.vectors.corpus import each, grouped, published
from watchword.crypto import signing
from watchword.crypto.encryption import xchacha20
from watchword.errors import SignatureError

pytestmark = pytest.mark.usefixtures("vectors")

FILES = {
    "ed25519_test.json": 151,
    "ecdsa_secp256r1_sha256_p1363_test.json": 262,
    "rsa_signature_2048_sha256_test.json": 259,
    "hmac_sha256_test.json": 174,
    "xchacha20_poly1305_test.json": 315,
}
ED25519, ECDSA, RSA, HMAC, XCHACHA20 = (grouped(name) for name in FILES)


def public(vector: dict[str, Any]) -> Any:
    return load_pem_public_key(vector["group"]["publicKeyPem"].encode())


def accepts(verify: signing.Verify, vector: dict[str, Any]) -> bool:
    try:
        verify(bytes.fromhex(vector["sig"]), bytes.fromhex(vector["msg"]))
    except SignatureError:
        return False
    return True


@pytest.mark.parametrize("vector", each(ED25519))
def test_ed25519(vector: dict[str, Any]) -> None:
    assert vars(signing)["crypto_sign"] is not None, (
        "the [fast] extra is part of [dev]: without it, this is one library"
    )
    good = vector["result"] == "valid"
    assert accepts(signing.ed25519_verifier(public(vector)), vector) is good
    assert accepts(signing._openssl_ed25519_verifier(public(vector)), vector) is good


@pytest.mark.parametrize("vector", each(ECDSA))
def test_es256(vector: dict[str, Any]) -> None:
    assert accepts(signing.ecdsa_verifier(public(vector), SHA256(), 32), vector) is (vector["result"] == "valid")


@pytest.mark.parametrize("vector", each(RSA))
def test_rs256(vector: dict[str, Any]) -> None:
    """`acceptable` is a DigestInfo without its NULL: RFC 8017 §9.2 wants it there."""
    assert accepts(signing.rsa_verifier(public(vector), PKCS1v15(), SHA256()), vector) is (vector["result"] == "valid")


@pytest.mark.parametrize("vector", each(HMAC))
def test_hs256(vector: dict[str, Any]) -> None:
    key, message, tag = (bytes.fromhex(vector[name]) for name in ("key", "msg", "tag"))
    whole = vector["group"]["tagSize"] == 256
    assert (signing.hmac_signer(key, "sha256")(message)[: len(tag)] == tag) is (vector["result"] == "valid")
    if whole and vector["result"] == "valid":
        signing.hmac_verifier(key, "sha256")(tag, message)
    else:  # a tag that was cut is no tag
        with pytest.raises(SignatureError):
            signing.hmac_verifier(key, "sha256")(tag, message)


@pytest.mark.parametrize("vector", each(one for one in XCHACHA20 if one[1]["result"] == "valid"))
def test_xchacha20(vector: dict[str, Any]) -> None:
    """The AEAD encrypts from block 1 on; we count from block 0, so one block stands before."""
    key, nonce, message, hidden = (bytes.fromhex(vector[name]) for name in ("key", "iv", "msg", "ct"))
    assert xchacha20(key, nonce, bytes(64) + message)[64:] == hidden
    assert xchacha20(key, nonce, bytes(64) + hidden)[64:] == message


@pytest.mark.parametrize(("name", "count"), FILES.items())
def test_all_were_run(name: str, count: int) -> None:
    assert len(grouped(name)) == published(f"wycheproof/{name}")["numberOfTests"] == count
