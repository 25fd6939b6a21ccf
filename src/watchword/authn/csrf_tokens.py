"""Tokens against CSRF, for requests whose sender says neither Sec-Fetch-Site nor Origin: bound to one sign-in.

``base64url(salt ‖ HMAC(mac key, context ‖ salt ‖ bound))``: the fresh salt of 128 bits makes each look different, so
that a compressed page gives nothing away (BREACH). Bound to the token of a session, or to the family of an access
token: a new sign-in, and a rotated session, want a new one (ASVS 3.5.1; Cheat Sheet "CSRF Prevention").
"""

from __future__ import annotations

from secrets import token_bytes

from ..crypto.digest import same
from ..encoding import b64url, unb64url
from ..errors import CsrfError, MalformedTokenError
from ..keys.key import Key
from ..keys.ring import KeyRing
from ..principal import Principal

_CONTEXT = b"watchword.csrf.v1"
_SALT_BYTES = 16
_LENGTH = 64


class CsrfTokens:
    """Made with the ring's ``mac`` key, so that all processes of one ring take each other's."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def of(self, who: Principal) -> str:
        """A token for the pages of ``who``: 64 characters. Raises: ConfigurationError without a ``mac`` key."""
        return _written(self._ring.active("mac"), token_bytes(_SALT_BYTES), who)

    def check(self, untrusted: bytes, who: Principal) -> None:
        """Raises: CsrfError unless it was made for this very sign-in."""
        try:
            salt = unb64url(untrusted)[:_SALT_BYTES] if len(untrusted) == _LENGTH else b""
        except MalformedTokenError:
            salt = b""
        keys = self._ring.verifying("mac") if salt else []
        if not any(same(_written(key, salt, who), untrusted) for key in keys):
            raise CsrfError(
                "CSRF: the X-CSRF-Token header does not hold a token of this sign-in; put auth.csrf_token(who) into the"
                " page anew, after each sign-in and each rotation of the session",
                reason="csrf_token",
            )


def _written(key: Key, salt: bytes, who: Principal) -> str:
    bound = who.family_id if who.kind != "session" and who.family_id is not None else who.token_id
    return b64url(salt + key.sign(_CONTEXT + salt + bound.encode()))
