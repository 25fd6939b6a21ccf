"""PASETO version 4: all 17 published vectors, opened and written again byte for byte, or refused at their stage."""

from typing import Any

import pytest

from tests.vectors.corpus import each, published
from watchword.encoding import b64url
from watchword.errors import Stage, TokenError
from watchword.formats import paseto
from watchword.keys.key import Key

pytestmark = pytest.mark.usefixtures("vectors")

TESTS: list[dict[str, Any]] = published("paseto/v4.json").get("tests", [])
GOOD = [(test["name"], test) for test in TESTS if not test["expect-fail"]]
BAD = [(test["name"], test) for test in TESTS if test["expect-fail"]]

STAGES = dict.fromkeys(("4-F-1", "4-F-2", "4-F-3", "4-F-4", "4-F-5"), Stage.PARSE)
"""Where each token that must fail is stopped: another purpose or version, stray bits, padding."""


def local(vector: dict[str, Any]) -> Key:
    return Key.from_paserk(f"k4.local.{b64url(bytes.fromhex(vector['key']))}")


def public(vector: dict[str, Any]) -> Key:
    return Key.from_paserk(f"k4.public.{b64url(bytes.fromhex(vector['public-key']))}")


def secret(vector: dict[str, Any]) -> Key:
    return Key.from_paserk(f"k4.secret.{b64url(bytes.fromhex(vector['secret-key']))}")


def read(vector: dict[str, Any], assertion: bytes) -> tuple[bytes, bytes]:
    """The payload and the footer, by the key that the vector brings."""
    if "key" in vector:
        return paseto.decrypt(vector["token"], local(vector), assertion=assertion)
    return paseto.verify(vector["token"], public(vector), assertion=assertion)


@pytest.mark.parametrize("vector", each(GOOD))
def test_opens_and_is_written_again(vector: dict[str, Any]) -> None:
    token, payload = vector["token"], vector["payload"].encode()
    footer, assertion = vector["footer"].encode(), vector["implicit-assertion"].encode()
    assert read(vector, assertion) == (payload, footer)
    if "key" in vector:
        nonce = bytes.fromhex(vector["nonce"])
        assert paseto._encrypt(payload, local(vector), footer, assertion, nonce) == token
    else:
        assert paseto.sign(payload, secret(vector), footer=footer, assertion=assertion) == token


@pytest.mark.parametrize("vector", each(GOOD))
def test_does_not_open_with_another_assertion(vector: dict[str, Any]) -> None:
    for assertion in (b"other", vector["implicit-assertion"].encode() + b"\0"):
        with pytest.raises(TokenError) as caught:
            read(vector, assertion)
        assert caught.value.stage is Stage.VERIFY


@pytest.mark.parametrize("vector", each(BAD))
def test_fails(vector: dict[str, Any]) -> None:
    with pytest.raises(TokenError) as caught:
        read(vector, vector["implicit-assertion"].encode())
    assert caught.value.stage is STAGES[vector["name"]]


@pytest.mark.parametrize("vector", each(one for one in GOOD if "secret-key-pem" in one[1]))
def test_the_pem_is_the_same_key(vector: dict[str, Any]) -> None:
    assert Key.from_pem(vector["secret-key-pem"], algorithm="v4.public") == secret(vector)
    assert Key.from_pem(vector["public-key-pem"], algorithm="v4.public") == public(vector)
    assert secret(vector).public() == public(vector)


def test_all_17_were_run() -> None:
    names = [*(f"4-E-{n}" for n in range(1, 10)), *(f"4-S-{n}" for n in (1, 2, 3)), *(f"4-F-{n}" for n in range(1, 6))]
    assert [name for name, _ in GOOD + BAD] == names
    assert len(TESTS) == 17
