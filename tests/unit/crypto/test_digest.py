"""Digests and secrets: enough randomness, bound to their purpose."""

from hashlib import blake2b, sha256

from watchword.crypto.digest import digest, new_id, new_secret, paserk_id, same, thumbprint
from watchword.encoding import b64url, unb64url


def test_secrets_have_256_bits_and_ids_128() -> None:
    assert {len(unb64url(new_secret().encode())) for _ in range(50)} == {32}
    assert {len(unb64url(new_id().encode())) for _ in range(50)} == {16}
    assert len({new_secret() for _ in range(1000)} | {new_id() for _ in range(1000)}) == 2000


def test_a_digest_belongs_to_its_purpose() -> None:
    assert digest("session", b"secret") == b64url(sha256(b"session\0secret").digest())
    found = {digest(purpose, secret) for purpose, secret in (("a", b"b"), ("ab", b""), ("", b"ab"), ("a", b"\0b"))}
    assert len(found) == 4


def test_same() -> None:
    assert same("a", b"a")
    assert same("\u00e9", "\u00e9")
    for one, other in (("a", "b"), ("a", ""), ("a", "a "), ("\u00e9", "e"), (b"\xff", b"\xfe")):
        assert not same(one, other)


def test_ids_of_keys() -> None:
    assert paserk_id("k4.lid.", "k4.local.x") == "k4.lid." + b64url(
        blake2b(b"k4.lid.k4.local.x", digest_size=33).digest()
    )
    assert thumbprint(b"{}") == b64url(sha256(b"{}").digest())
