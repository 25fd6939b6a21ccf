"""Secrets that an HMAC should not have: a short list of words from tutorials, templates and leaked dictionaries."""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error
from contextlib import suppress

_DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WORDS = (
    *_words(
        """
        secret Secret SECRET mysecret my_secret my-secret mysecretkey my_secret_key my-secret-key supersecret
        super_secret super-secret supersecretkey super-secret-key verysecret topsecret top-secret notsosecret secret123
        secret1234 secretkey secret_key secret-key SECRET_KEY secretKey jwt JWT jwtsecret jwt_secret jwt-secret
        JWT_SECRET jwtSecret jwt-secret-key jwt_secret_key your-256-bit-secret your-384-bit-secret your-512-bit-secret
        your_secret_key your-secret-key your_jwt_secret your-jwt-secret a-string-secret-at-least-256-bits-long
        a-valid-string-secret-that-is-at-least-384-bits-long
        a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long key mykey my_key my-key privatekey
        private_key private-key sharedsecret shared_secret shared-secret signingkey signing_key signing-key token
        accesstoken access_token tokensecret token_secret password Password password1 password123 passw0rd P@ssw0rd
        p@ssw0rd pass admin admin123 root toor test test123 testing tests testkey test_secret test-secret dev
        development local localhost prod production staging demo example sample changeme change_me change-me CHANGEME
        ChangeMe changeit change_this changethis replaceme default none null undefined nil empty foo bar foobar baz
        qwerty qwerty123 abc abc123 abcd1234 letmein welcome iloveyou monkey dragon 1 0 123 1234 12345 123456 1234567
        12345678 123456789 1234567890 0123456789 00000000 11111111 0123456789abcdef 01234567890123456789012345678901
        12345678901234567890123456789012 gsjwtsecret keyboardcat shhhhh shhhhhhared-secret hello helloworld hello_world
        s3cr3t S3cr3t qwertyuiopasdfghjklzxcvbnm123456 09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7
        AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow django-insecure fastapi
        flask express node laravel spring
        """
    ),
    *("", "keyboard cat", "top secret", "my secret", "this is a secret", "super secret key"),
)


def is_weak(algorithm: str, message: bytes, signature: bytes) -> bool:
    """Whether one of the words made this signature. Which one is not said: it is a key."""
    digest = _DIGESTS.get(algorithm)
    return digest is not None and any(
        hmac.compare_digest(hmac.digest(secret, message, digest), signature) for secret in _SECRETS
    )


def _decoded(word: str) -> bytes:
    """The word as some frameworks take it: as base64 of the secret."""
    with suppress(Error, ValueError):
        return b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    return b""


_SECRETS = tuple(dict.fromkeys(secret for word in WORDS for secret in (word.encode(), _decoded(word))))
