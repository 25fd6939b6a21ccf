"""T28 to T40 for all versions of PASETO and PASERK: each row is refused with its class, its reason and its stage."""

from os import urandom
from typing import Final

import msgspec
import pytest

from tests.hostile import version_paserks, version_tokens
from tests.hostile.version_rows import (
    EVERY,
    LOCAL,
    PAIR,
    Case,
)
from tests.hostile.version_tokens import TOKENS
from watchword.crypto import wrapping
from watchword.crypto.wrapping import PasswordCost
from watchword.encoding import b64url, pae, unb64url
from watchword.errors import (
    ConfigurationError,
    MalformedTokenError,
    SealError,
    SignatureError,
    WatchwordError,
)
from watchword.formats import paseto
from watchword.keys.key import Key

CASES: Final = [*version_tokens.cases(), *version_paserks.cases()]


@pytest.fixture
def no_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> bytes:
        raise AssertionError("a password was stretched")

    for name in ("_AES", "_BLAKE"):
        monkeypatch.setattr(wrapping, name, msgspec.structs.replace(getattr(wrapping, name), stretch=never))


@pytest.mark.usefixtures("no_hashing")
@pytest.mark.parametrize("case", [pytest.param(one, id=f"{one.ids} {one.what}"[:100]) for one in CASES])
def test_refused(case: Case) -> None:
    with pytest.raises(WatchwordError) as caught:
        case.call()
    error = caught.value
    assert type(error) is case.error or (case.error is ConfigurationError and isinstance(error, ConfigurationError))
    assert error.reason == case.reason or case.error is ConfigurationError
    assert (str(error.stage) if error.stage else None) == case.stage
    for secret in (LOCAL[4].to_paserk(private=True)[9:], PAIR[4].to_paserk(private=True)[10:]):
        assert secret not in str(error)


def test_every_id_has_rows() -> None:
    found = {name for case in CASES for name in case.ids.split()}
    assert found >= {f"T{number}" for number in (28, 29, *range(31, 41))}
    assert len(CASES) > 500


@pytest.mark.parametrize("key", EVERY, ids=lambda key: key.algorithm.name)
def test_t30_every_flipped_bit_and_every_other_spelling(key: Key) -> None:
    """T30: the base64 of each segment, and each bit of nonce, ciphertext, tag or signature, and footer."""
    name, local = key.algorithm.name, key.algorithm.symmetric
    verb = paseto.decrypt if local else paseto.verify
    if name in ("v1.local", "v2.local"):
        token = OLD_TOKENS[name]
    elif name == "v2.public":
        token = TOKENS[name]
    else:
        token = paseto.encrypt(b"{}", key, footer=b"f") if local else paseto.sign(b"{}", key, footer=b"f")
    assert verb(token, key) == (b"{}", b"f")
    _, _, body, footer = token.split(".")
    raw = unb64url(body.encode())
    for at in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[at >> 3] ^= 1 << (at & 7)
        with pytest.raises(SealError if local else SignatureError):
            verb(f"{name}.{b64url(bytes(changed))}.{footer}", key)
    for at in range(8):
        with pytest.raises(SealError if local else SignatureError):
            verb(f"{name}.{body}.{b64url(bytes((ord('f') ^ 1 << at,)))}", key)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for other in alphabet:
        if len(body) % 4 and other != body[-1]:
            with pytest.raises((MalformedTokenError, SealError, SignatureError)):
                verb(f"{name}.{body[:-1]}{other}.{footer}", key)
        if other != footer[-1]:
            with pytest.raises((MalformedTokenError, SealError, SignatureError)):
                verb(f"{name}.{body}.{footer[:-1]}{other}", key)
    for wrong in (f"{token}=", f"{token}==", f"{name}.{body}=.{footer}", f"{name}.{body}==.{footer}"):
        with pytest.raises(MalformedTokenError):
            verb(wrong, key)


def test_t37_another_cost_or_password_is_another_key() -> None:
    cost = PasswordCost(memory=8 << 10, passes=1, iterations=1)
    for key in (*LOCAL.values(), *PAIR.values()):
        text = key.to_paserk(password=b"p", cost=cost)
        assert Key.from_paserk(text, password=b"p") == key
        with pytest.raises(SealError):
            Key.from_paserk(text, password=b"q")


OLD_TOKENS: Final[dict[str, str]] = {}


@pytest.fixture(autouse=True, scope="module")
def old_tokens() -> None:
    """v1.local and v2.local are written here, in the tests, and nowhere else."""
    from hashlib import blake2b
    from hmac import digest

    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.hashes import SHA384
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    from watchword.crypto.encryption import _hchacha20, aes_256_ctr

    key, message, footer = LOCAL[4].secret_bytes(), b"{}", b"f"
    nonce = blake2b(message, key=urandom(24), digest_size=24).digest()
    covered = pae(b"v2.local.", nonce, footer)
    hidden = ChaCha20Poly1305(_hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], message, covered)
    OLD_TOKENS["v2.local"] = f"v2.local.{b64url(nonce + hidden)}.{b64url(footer)}"
    nonce = digest(urandom(32), message, "sha384")[:32]
    ek, ak = (
        HKDF(algorithm=SHA384(), length=32, salt=nonce[:16], info=info).derive(key)
        for info in (b"paseto-encryption-key", b"paseto-auth-key-for-aead")
    )
    hidden = aes_256_ctr(ek, nonce[16:], message)
    tag = digest(ak, pae(b"v1.local.", nonce, hidden, footer), "sha384")
    OLD_TOKENS["v1.local"] = f"v1.local.{b64url(nonce + hidden + tag)}.{b64url(footer)}"
