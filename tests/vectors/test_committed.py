"""The specifications' own values that travel with the code, so that a fresh clone tests itself."""

import hmac
import json
from typing import Any

import pytest

from tests.vectors.corpus import committed
from watchword.clock import FrozenClock
from watchword.crypto.encryption import _hchacha20, xchacha20
from watchword.encoding import b64url, pae, unb64url
from watchword.errors import SealError, TokenError
from watchword.formats import jws, paseto
from watchword.keys import jwk
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.sealed import SealedTokens

JOSE, PASETO, XCHACHA = committed("jose.json"), committed("paseto.json"), committed("xchacha.json")
SEALED = committed("sealed.json")


def by_name(rows: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(row, id=row["name"]) for row in rows]


@pytest.mark.parametrize("row", by_name(JOSE["jws"]))
def test_jws(row: dict[str, Any]) -> None:
    key = Key.from_jwk(row["jwk"], algorithm=row["algorithm"])
    message, _, signature = row["compact"].rpartition(".")
    assert jws.verify(row["compact"], KeyRing.of(key)).decode() == row["payload"]
    if row["deterministic"]:
        assert key.sign(message.encode()) == unb64url(signature.encode())


def test_unsecured() -> None:
    with pytest.raises(TokenError):
        jws.verify(JOSE["unsecured"]["compact"], KeyRing.generate("ES256"))


@pytest.mark.parametrize("row", by_name(JOSE["thumbprints"]))
def test_thumbprint(row: dict[str, Any]) -> None:
    assert jwk.thumbprint_of(Key.from_jwk(row["jwk"], algorithm=row["algorithm"])._public) == row["thumbprint"]


@pytest.mark.parametrize("row", by_name(PASETO["tests"]))
def test_paseto(row: dict[str, Any]) -> None:
    payload = row["payload"].encode()
    if "nonce" in row:
        local = Key.from_paserk(f"k4.local.{b64url(bytes.fromhex(row['key']))}")
        assert paseto.decrypt(row["token"], local) == (payload, b"")
        assert paseto._encrypt(payload, local, b"", b"", bytes.fromhex(row["nonce"])) == row["token"]
    else:
        secret = Key.from_paserk(f"k4.secret.{b64url(bytes.fromhex(row['secret-key']))}")
        assert paseto.verify(row["token"], secret.public()) == (payload, b"")
        assert paseto.sign(payload, secret) == row["token"]


def test_hchacha20() -> None:
    row = XCHACHA["hchacha20"]
    assert _hchacha20(bytes.fromhex(row["key"]), bytes.fromhex(row["nonce"])).hex() == row["subkey"]


def test_xchacha20() -> None:
    row = {name: bytes.fromhex(value) for name, value in XCHACHA["xchacha20"].items()}
    assert xchacha20(row["key"], row["nonce"], row["plaintext"]) == row["ciphertext"]


# Sealed tokens, as docs/reference/tokens.md defines them


def sealed_by(key: Key, audience: str) -> SealedTokens:
    return SealedTokens(KeyRing.of(key, clock=FrozenClock(1_800_000_000)), audience=audience)


@pytest.mark.parametrize("row", by_name(SEALED["paseto"]))
def test_sealed_paseto(row: dict[str, Any]) -> None:
    key, footer = Key.from_paserk(row["key"]), row["footer"].encode()
    assertion = pae(b"watchword.sealed.v1", *(row[name].encode() for name in ("purpose", "subject", "audience")))
    assert assertion.hex() == row["assertion"]
    written = paseto._encrypt(row["payload"].encode(), key, footer, assertion, bytes.fromhex(row["nonce"]))
    assert written == row["token"]
    opened = sealed_by(key, row["audience"]).open(row["token"], purpose=row["purpose"], bound_to=row["subject"])
    assert opened == json.loads(row["payload"])["data"]


@pytest.mark.parametrize("row", by_name(SEALED["jwe"]))
def test_sealed_jwe(row: dict[str, Any]) -> None:
    salt, _, bound = row["header"]["ww_bound"].partition(".")
    assert b64url(hmac.digest(salt.encode(), bytes.fromhex(row["assertion"]), "sha256")) == bound
    assert json.loads(unb64url(row["token"].partition(".")[0].encode())) == row["header"]
    sealed = sealed_by(Key.from_jwk(row["jwk"]), row["audience"])
    opened = sealed.open(row["token"], purpose=row["purpose"], bound_to=row["subject"])
    assert opened == json.loads(row["payload"])["data"]
    with pytest.raises(SealError):
        sealed.open(row["token"], purpose=row["purpose"], bound_to="somebody-else")
