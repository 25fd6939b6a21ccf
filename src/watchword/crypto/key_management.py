"""Key management of JWE (RFC 7518 §4, RFC 8037 §3.2): how a content key travels to the owner of a key.

For each algorithm a function prepares a key once and returns the bare operation. Wrapping answers with a fresh content
key; unwrapping raises SealError, or MalformedTokenError where the header lacks what the algorithm needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import pbkdf2_hmac
from os import urandom
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from msgspec import Struct

from ..encoding import b64url, malformed, unb64url
from ..errors import ConfigurationError, SealError, WeakKeyError
from . import material
from .content import Content
from .points import check_agreement

LEAST_ROUNDS, MOST_ROUNDS = 1_000, 1_000_000
"""PBES2: RFC 7518 §4.8.1.2 wants at least 1000; the upper bound is what one token may cost us, about half a second."""


class Wrapped(Struct, frozen=True):
    """A content key, how it travels, and what the header must say about that."""

    key: bytes
    encrypted_key: bytes
    header: dict[str, Any]

    def __repr__(self) -> str:
        return "Wrapped(key=<hidden>)"


Header = Mapping[str, Any]
Wrap = Callable[[Content], Wrapped]
Unwrap = Callable[[Content, Header, bytes], bytes]


def _bytes(header: Header, name: str, *, least: int = 1, most: int = 512) -> bytes:
    value = header.get(name)
    if not isinstance(value, str) or not value.isascii():
        malformed(f"the header's {name!r} is not base64url")
    raw = unb64url(value.encode("ascii"))
    if not least <= len(raw) <= most:
        malformed(f"the header's {name!r} does not have the size it must have")
    return raw


def _nothing(encrypted_key: bytes) -> None:
    if encrypted_key:
        malformed("this algorithm sends no encrypted key")


# The key itself (RFC 7518 §4.5)


def direct_wrapper(secret: bytes) -> Wrap:
    return lambda content: Wrapped(secret, b"", {})


def direct_unwrapper(secret: bytes) -> Unwrap:
    def unwrap(content: Content, header: Header, encrypted_key: bytes) -> bytes:
        _nothing(encrypted_key)
        return secret

    return unwrap


# AES Key Wrap (§4.4)


def _kw_open(key: bytes, encrypted_key: bytes) -> bytes:
    try:
        return aes_key_unwrap(key, encrypted_key)
    except (InvalidUnwrap, ValueError):
        raise SealError from None


def kw_wrapper(secret: bytes) -> Wrap:
    def wrap(content: Content) -> Wrapped:
        key = urandom(content.key_size)
        return Wrapped(key, aes_key_wrap(secret, key), {})

    return wrap


def kw_unwrapper(secret: bytes) -> Unwrap:
    return lambda content, header, encrypted_key: _kw_open(secret, encrypted_key)


# AES-GCM Key Encryption (§4.7)


def gcmkw_wrapper(secret: bytes) -> Wrap:
    cipher = AESGCM(secret)

    def wrap(content: Content) -> Wrapped:
        key, iv = urandom(content.key_size), urandom(12)
        both = cipher.encrypt(iv, key, None)
        return Wrapped(key, both[:-16], {"iv": b64url(iv), "tag": b64url(both[-16:])})

    return wrap


def gcmkw_unwrapper(secret: bytes) -> Unwrap:
    cipher = AESGCM(secret)

    def unwrap(content: Content, header: Header, encrypted_key: bytes) -> bytes:
        iv, tag = _bytes(header, "iv", least=12, most=12), _bytes(header, "tag", least=16, most=16)
        try:
            return cipher.decrypt(iv, encrypted_key + tag, None)
        except InvalidTag:
            raise SealError from None

    return unwrap


# RSA (§4.2, §4.3)


def rsa_wrapper(public: rsa.RSAPublicKey, pad: AsymmetricPadding) -> Wrap:
    def wrap(content: Content) -> Wrapped:
        key = urandom(content.key_size)
        return Wrapped(key, public.encrypt(key, pad), {})

    return wrap


def rsa_unwrapper(private: rsa.RSAPrivateKey, pad: AsymmetricPadding) -> Unwrap:
    def unwrap(content: Content, header: Header, encrypted_key: bytes) -> bytes:
        try:
            return private.decrypt(encrypted_key, pad)
        except ValueError:
            raise SealError from None

    return unwrap


# Agreement (§4.6): ``wraps`` is the length of the AES key that wraps, or 0 where the agreed key is the content key


def concat_kdf(shared: bytes, algorithm: str, size: int, apu: bytes = b"", apv: bytes = b"") -> bytes:
    """RFC 7518 §4.6.2 (NIST SP 800-56A §5.8.1) with SHA-256."""
    pieces = (algorithm.encode(), apu, apv)
    info = b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces) + (size * 8).to_bytes(4, "big")
    return ConcatKDFHash(SHA256(), size, info).derive(shared)


def agree(private: Any, public: Any) -> bytes:
    """The shared secret. Raises: SealError for a key on another curve, or when the secret would be zero."""
    try:
        if isinstance(private, X25519PrivateKey):
            secret: bytes = private.exchange(public)
        else:
            secret = private.exchange(ec.ECDH(), public)
    except (ValueError, TypeError):
        raise SealError from None
    return secret


def _like(key: Any) -> Any:
    """A fresh private key on the curve of ``key``."""
    return ec.generate_private_key(key.curve) if hasattr(key, "curve") else X25519PrivateKey.generate()


def _sender(header: Header) -> Any:
    epk = header.get("epk")
    if not isinstance(epk, dict) or "d" in epk:
        malformed("the header's 'epk' is not a public JWK")
    try:
        _, public = material.from_jwk_members(epk)
        check_agreement(public)
    except (ConfigurationError, WeakKeyError):
        raise SealError from None
    return public


def ecdh_wrapper(public: Any, name: str, wraps: int) -> Wrap:
    def wrap(content: Content) -> Wrapped:
        private = _like(public)
        header = {"epk": material.jwk_members(private.public_key(), None)}
        shared = agree(private, public)
        if not wraps:
            return Wrapped(concat_kdf(shared, content.name, content.key_size), b"", header)
        key = urandom(content.key_size)
        return Wrapped(key, aes_key_wrap(concat_kdf(shared, name, wraps), key), header)

    return wrap


def ecdh_unwrapper(private: Any, name: str, wraps: int) -> Unwrap:
    def unwrap(content: Content, header: Header, encrypted_key: bytes) -> bytes:
        parties = [_bytes(header, party) if party in header else b"" for party in ("apu", "apv")]
        shared = agree(private, _sender(header))
        if wraps:
            return _kw_open(concat_kdf(shared, name, wraps, *parties), encrypted_key)
        _nothing(encrypted_key)
        return concat_kdf(shared, content.name, content.key_size, *parties)

    return unwrap


# Passwords (§4.8)


def _stretched(password: bytes, name: str, digest: str, size: int, salt: bytes, rounds: int) -> bytes:
    return pbkdf2_hmac(digest, password, name.encode() + b"\0" + salt, rounds, size)


def pbes2_wrapper(password: bytes, name: str, digest: str, size: int, rounds: int) -> Wrap:
    stretched = partial(_stretched, password, name, digest, size)

    def wrap(content: Content) -> Wrapped:
        key, salt = urandom(content.key_size), urandom(16)
        header = {"p2s": b64url(salt), "p2c": rounds}
        return Wrapped(key, aes_key_wrap(stretched(salt, rounds), key), header)

    return wrap


def pbes2_unwrapper(password: bytes, name: str, digest: str, size: int) -> Unwrap:
    stretched = partial(_stretched, password, name, digest, size)

    def unwrap(content: Content, header: Header, encrypted_key: bytes) -> bytes:
        salt, rounds = _bytes(header, "p2s", least=8), header.get("p2c")
        if type(rounds) is not int or not LEAST_ROUNDS <= rounds <= MOST_ROUNDS:
            malformed(f"the header's 'p2c' is not from {LEAST_ROUNDS} to {MOST_ROUNDS}")
        return _kw_open(stretched(salt, rounds), encrypted_key)

    return unwrap
