"""pyseto and we read each other: v3 and v4 tokens, plain and locked PASERK, ids; and we read its v1 and v2."""

from typing import Any

import pyseto
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from watchword.crypto import sealing
from watchword.crypto.material import write_pem
from watchword.crypto.wrapping import PasswordCost
from watchword.encoding import b64url, unb64url
from watchword.errors import SealError, SignatureError
from watchword.formats import paseto
from watchword.insecure import LEGACY_PASETO
from watchword.keys.key import Key

LOCALS = ("v3.local", "v4.local")
PAIRS = ("v3.public", "v4.public")
CHEAP = PasswordCost(memory=64 << 10, passes=2, iterations=1000)


def theirs(key: Key, *, private: bool = True) -> pyseto.KeyInterface:
    return pyseto.Key.from_paserk(key.to_paserk(private=private))


def changed(token: str) -> str:
    """`token` with one bit turned over, in the last bytes of its body."""
    version, purpose, body, *footer = token.split(".")
    raw = bytearray(unb64url(body.encode()))
    raw[-4] ^= 1
    return ".".join([version, purpose, b64url(bytes(raw)), *footer])


def sealing_pems(pair: Key) -> tuple[bytes, bytes]:
    """(private, public) PEM as pyseto wants them for a seal: for v4 it does not turn Ed25519 into X25519 by itself."""
    if pair.algorithm.name == "v3.public":
        return pair.to_pem(), pair.public().to_pem()
    private = sealing._montgomery_private(pair._private)
    return write_pem(private, None, None), write_pem(None, private.public_key(), None)


@pytest.mark.parametrize("name", LOCALS)
def test_local(name: str) -> None:
    key = Key.generate(name)
    token = pyseto.encode(theirs(key), b'{"a":1}', footer=b"f", implicit_assertion=b"i").decode()
    assert paseto.decrypt(token, key, footer=b"f", assertion=b"i") == (b'{"a":1}', b"f")
    ours = paseto.encrypt(b'{"a":1}', key, footer=b"f", assertion=b"i")
    read = pyseto.decode(theirs(key), ours, implicit_assertion=b"i")
    assert (read.payload, read.footer) == (b'{"a":1}', b"f")
    for wrong, assertion in ((changed(ours), b"i"), (ours, b"j"), (ours, b"")):
        with pytest.raises(pyseto.PysetoError):
            pyseto.decode(theirs(key), wrong, implicit_assertion=assertion)
    for wrong, assertion in ((changed(token), b"i"), (token, b"j"), (token, b"")):
        with pytest.raises(SealError):
            paseto.decrypt(wrong, key, assertion=assertion)


@pytest.mark.parametrize("name", PAIRS)
def test_public(name: str) -> None:
    key = Key.generate(name)
    token = pyseto.encode(theirs(key), b'{"a":1}', footer=b"f", implicit_assertion=b"i").decode()
    assert paseto.verify(token, key.public(), footer=b"f", assertion=b"i") == (b'{"a":1}', b"f")
    ours = paseto.sign(b'{"a":1}', key, footer=b"f", assertion=b"i")
    read = pyseto.decode(theirs(key, private=False), ours, implicit_assertion=b"i")
    assert (read.payload, read.footer) == (b'{"a":1}', b"f")
    for wrong, assertion in ((changed(ours), b"i"), (ours, b"j"), (ours, b"")):
        with pytest.raises(pyseto.PysetoError):
            pyseto.decode(theirs(key, private=False), wrong, implicit_assertion=assertion)
    for wrong, assertion in ((changed(token), b"i"), (token, b"j"), (token, b"")):
        with pytest.raises(SignatureError):
            paseto.verify(wrong, key.public(), assertion=assertion)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("footer", [b"", b"f"])
def test_we_read_its_older_versions(version: int, footer: bytes) -> None:
    """Never written here; read by whoever names the danger."""
    shared = pyseto.Key.new(version, "local", bytes(range(32)))
    ours = Key.from_paserk(shared.to_paserk(), allow=[LEGACY_PASETO])
    token = pyseto.encode(shared, b'{"a":1}', footer=footer).decode()
    assert paseto.decrypt(token, ours) == (b'{"a":1}', footer)
    with pytest.raises(SealError):
        paseto.decrypt(changed(token), ours)
    pair = rsa.generate_private_key(65537, 2048) if version == 1 else Ed25519PrivateKey.generate()
    pems = write_pem(pair, None, None), write_pem(None, pair.public_key(), None)
    verifying = Key.from_pem(pems[1], algorithm=f"v{version}.public", allow=[LEGACY_PASETO])
    token = pyseto.encode(pyseto.Key.new(version, "public", pems[0]), b'{"a":1}', footer=footer).decode()
    assert paseto.verify(token, verifying) == (b'{"a":1}', footer)
    with pytest.raises(SignatureError):
        paseto.verify(changed(token), verifying)


@pytest.mark.parametrize("name", LOCALS + PAIRS)
def test_plain_paserk_and_ids(name: str) -> None:
    key = Key.generate(name)
    other = theirs(key)
    assert other.to_paserk() == key.to_paserk(private=True)
    assert other.to_paserk_id() == key.paserk_id(private=not name.endswith("local"))
    if name.endswith("public"):
        assert theirs(key, private=False).to_paserk_id() == key.kid


@pytest.mark.parametrize("name", LOCALS + PAIRS)
def test_wrapped(name: str) -> None:
    key, lock = Key.generate(name), Key.generate(f"{name[:2]}.local")
    ours = key.to_paserk(wrapping_key=lock)
    assert pyseto.Key.from_paserk(ours, wrapping_key=lock.secret_bytes()).to_paserk() == key.to_paserk(private=True)
    assert Key.from_paserk(theirs(key).to_paserk(wrapping_key=lock.secret_bytes()), wrapping_key=lock) == key


@pytest.mark.parametrize("name", LOCALS + PAIRS)
def test_under_a_password(name: str) -> None:
    key = Key.generate(name)
    ours = key.to_paserk(password=b"p", cost=CHEAP)
    assert pyseto.Key.from_paserk(ours, password=b"p").to_paserk() == key.to_paserk(private=True)
    cost: dict[str, Any] = {"iteration": 1000} if name.startswith("v3") else {"memory_cost": 64, "time_cost": 2}
    text = theirs(key).to_paserk(password=b"p", **cost)
    assert Key.from_paserk(text, password=b"p") == key


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_sealed(version: str) -> None:
    key, pair = Key.generate(f"{version}.local"), Key.generate(f"{version}.public")
    sealed = key.to_paserk(sealing_key=pair.public())
    secret, public = sealing_pems(pair)
    assert pyseto.Key.from_paserk(sealed, unsealing_key=secret).to_paserk() == key.to_paserk(private=True)
    assert Key.from_paserk(theirs(key).to_paserk(sealing_key=public), sealing_key=pair) == key
