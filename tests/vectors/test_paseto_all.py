"""PASETO v1 to v4: all 63 published vectors, one test each; v3 and v4 are written again byte for byte as well."""

from base64 import urlsafe_b64decode
from typing import Any, Final

import pytest

from tests.vectors.corpus import each, published
from watchword.encoding import b64url
from watchword.errors import AlgorithmError, ConfigurationError, MalformedTokenError
from watchword.formats import paseto
from watchword.insecure import LEGACY_PASETO
from watchword.keys.key import Key

pytestmark = pytest.mark.usefixtures("vectors")

COUNTS: Final = {1: 14, 2: 15, 3: 17, 4: 17}
STRICT_BASE64: Final = {"3-F-4", "3-F-5", "4-F-4", "4-F-5"}
"""Non-zero spare bits and padding: these must fail before any key is looked at."""


VECTORS: Final[list[dict[str, Any]]] = [
    test | {"version": version} for version in COUNTS for test in published(f"paseto/v{version}.json").get("tests", [])
]


def of(*, fails: bool) -> list[Any]:
    return each((one["name"], one) for one in VECTORS if one["expect-fail"] is fails)


def key_of(vector: dict[str, Any], part: str) -> Key:
    """The vector's key, as our users would load it: PASERK, or PEM for RSA and P-384."""
    version, value = vector["version"], vector[{"local": "key", "secret": "secret-key", "public": "public-key"}[part]]
    if value.startswith("-----BEGIN"):
        return Key.from_pem(value, algorithm=f"v{version}.public", allow=[LEGACY_PASETO])
    return Key.from_paserk(f"k{version}.{part}.{b64url(bytes.fromhex(value))}", allow=[LEGACY_PASETO])


def assertion_of(vector: dict[str, Any]) -> bytes:
    """v1 and v2 vectors have one that must be ignored, for these versions know none."""
    return vector["implicit-assertion"].encode() if vector["version"] > 2 else b""


@pytest.mark.parametrize("vector", of(fails=False))
def test_positive(vector: dict[str, Any]) -> None:
    token, footer, assertion = vector["token"], vector["footer"].encode(), assertion_of(vector)
    payload, version = vector["payload"].encode(), vector["version"]
    if vector["name"].split("-")[1] == "E":
        key = key_of(vector, "local")
        assert paseto.decrypt(token, key, assertion=assertion) == (payload, footer)
        assert paseto.decrypt(token, key, footer=footer, assertion=assertion) == (payload, footer)
        if version > 2:
            nonce = bytes.fromhex(vector["nonce"])
            assert paseto._encrypt(payload, key, footer, assertion, nonce) == token
        else:
            with pytest.raises(ConfigurationError, match="read only"):
                paseto.encrypt(payload, key, footer=footer)
        return
    public, secret = key_of(vector, "public"), key_of(vector, "secret")
    assert public == secret.public()
    assert paseto.verify(token, public, assertion=assertion) == (payload, footer)
    if version == 4:
        assert paseto.sign(payload, secret, footer=footer, assertion=assertion) == token
    elif version == 3:  # ECDSA is not repeatable
        again = paseto.sign(payload, secret, footer=footer, assertion=assertion)
        assert paseto.verify(again, public, assertion=assertion) == (payload, footer)
    else:
        with pytest.raises(ConfigurationError, match="read only"):
            paseto.sign(payload, secret, footer=footer)


@pytest.mark.parametrize("vector", of(fails=True))
def test_negative(vector: dict[str, Any]) -> None:
    token, assertion = vector["token"], assertion_of(vector)
    parts = ["local"] if "key" in vector else ["public", "secret"]
    for key in (key_of(vector, part) for part in parts):
        for use in (paseto.decrypt, paseto.verify):
            with pytest.raises((MalformedTokenError, AlgorithmError)) as caught:
                use(token, key, assertion=assertion)
        if vector["name"] in STRICT_BASE64:
            with pytest.raises(MalformedTokenError) as caught:
                paseto.decrypt(token, key, assertion=assertion)
            assert str(caught.value.stage) == "parse"


@pytest.mark.parametrize("vector", each((one["name"], one) for one in VECTORS if one["name"] in STRICT_BASE64))
def test_negative_is_only_the_spelling(vector: dict[str, Any]) -> None:
    """Spelt as base64url is spelt, the same token opens: nothing else in it is wrong."""
    head, purpose, body, *footer = vector["token"].split(".")
    body, *footer = (
        b64url(urlsafe_b64decode(one.rstrip("=") + "==="[: -len(one.rstrip("=")) % 4])) for one in (body, *footer)
    )
    key = key_of(vector, "local")
    paseto.decrypt(".".join((head, purpose, body, *footer)), key, assertion=assertion_of(vector))


def test_all_63_were_run() -> None:
    counts = {version: sum(one["version"] == version for one in VECTORS) for version in COUNTS}
    assert counts == COUNTS
    assert len(of(fails=False)) + len(of(fails=True)) == len(VECTORS) == 63
