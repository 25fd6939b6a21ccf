"""Every danger, by name: nothing unsafe can be switched on without an import from here.

Each name is a Danger that a function takes in ``allow=[…]``: ``jwe.decrypt(token, ring, allow=[RSA1_5])``. What it is
good for, and what it costs, stands beside it.
"""

from __future__ import annotations


class Danger:
    """Permission for one unsafe thing. Text is not one: ``allow=["RSA1_5"]`` allows nothing."""

    __slots__ = ("name", "why")

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why

    def __repr__(self) -> str:
        return f"<danger {self.name}: {self.why}>"


RSA1_5 = Danger("RSA1_5", "PKCS #1 v1.5 encryption has padding oracles; use RSA-OAEP-256 for whatever is new")
"""JWE: read and write for a peer that knows nothing else. All failures look alike (RFC 7516 §11.5)."""

PBES2 = Danger("PBES2", "a password is guessed offline, and each token makes us stretch it; use A256KW")
"""JWE: keys from passwords, with ``p2c`` from 1000 to 1,000,000; every token may cost half a second."""

DEFLATE = Danger("DEFLATE", "compression tells the length of secrets, and a small token may unfold to a large text")
"""JWE: read ``zip: DEF``, up to 250,000 bytes. Nothing is ever compressed here."""

LEGACY_PASETO = Danger("LEGACY_PASETO", "PASETO v1 and v2 are deprecated and bind no implicit assertion; move to v4")
"""PASETO: ``Key.from_paserk("k2.local.…", allow=[LEGACY_PASETO])`` reads old tokens; nothing is written with it."""

INSECURE_COOKIE = Danger("INSECURE_COOKIE", "whoever listens on the way reads the cookie and is signed in; use https")
"""Cookies: without ``Secure`` and without a ``__Host-`` name, on localhost alone: ``CookiePolicy(allow=[…])``."""

CROSS_SITE_COOKIE = Danger("CROSS_SITE_COOKIE", "every site's requests carry the cookie; use same_site='lax'")
"""Cookies: ``same_site="none"``, for an application that other sites show in a frame. CSRF is checked all the same."""
