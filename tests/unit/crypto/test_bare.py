"""The primitives alone do what ours do: what they sign is right, and what was changed is not."""

from __future__ import annotations

import pytest

from watchword.crypto.bare import argon2id, bare, bare_aes_gcm, openssl, rsa_2048
from watchword.errors import SignatureError
from watchword.keys.key import Key


@pytest.mark.parametrize("name", ["RS256", "ES256", "Ed25519", "v4.public"])
def test_what_is_signed_verifies_and_nothing_else_does(name: str) -> None:
    calls = bare(name)
    assert [one.name for one in calls][-1] == "cryptography"
    for one in calls:
        signed = one.sign(*one.signing(b"a message"))
        one.verify(*one.verifying(signed, b"a message"))
        changed = bytes(signed[:-1]) + bytes([signed[-1] ^ 1])
        with pytest.raises(Exception, match=r"^$|(?i:signature|forged)"):
            one.verify(*one.verifying(changed, b"a message"))


def test_libsodium_comes_first_where_it_is_installed() -> None:
    pytest.importorskip("nacl")
    assert [one.name for one in bare("Ed25519")] == ["PyNaCl", "cryptography"]


def test_a_mac_is_the_same_twice() -> None:
    [one] = bare("HS256")
    mac = one.sign(*one.signing(b"a message"))
    assert mac == one.verify(*one.verifying(mac, b"a message"))
    assert len(mac) == 32


def test_aes_gcm_opens_what_it_sealed() -> None:
    encrypt, decrypt = bare_aes_gcm()
    assert decrypt(bytes(12), encrypt(bytes(12), b"text", None), None) == b"text"


def test_an_rsa_key_of_2048_bits_is_taken_for_rs256() -> None:
    key = Key.from_pem(rsa_2048(), algorithm="RS256")
    signature = key.sign(b"a message")
    assert len(signature) == 256
    key.verify(signature, b"a message")
    with pytest.raises(SignatureError):
        key.verify(signature, b"another")


def test_argon2id_takes_its_parameters() -> None:
    assert len(argon2id(64, 1, 1)) == 32
    assert argon2id(64, 1, 1) != argon2id(64, 1, 1), "a salt of its own"


def test_openssl_has_a_version() -> None:
    assert openssl().startswith("OpenSSL")
