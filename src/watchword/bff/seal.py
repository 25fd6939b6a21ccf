"""Tokens at rest: each is sealed under the ring, for one session and one place in its row."""

from __future__ import annotations

from ..encoding import gate, pae
from ..errors import ConfigurationError, MalformedTokenError
from ..formats.base import make_sealed_format
from ..keys.ring import KeyRing

CONTEXT = b"watchword.bff.v1"
LONGEST = 5_500
"""Bytes of a token that can be kept."""


class Vault:
    """Seals and opens under the secret ``seal`` keys of a ring (v4.local, or A256GCM)."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._formats = {name: make_sealed_format(name, ring, typ="grant", secret=True) for name in ("paseto", "jwe")}

    def seal(self, token: str, session_id: str, place: str) -> str:
        """Raises: ConfigurationError for a token that is too long, or when the ring has no secret key to seal with."""
        if len(token) > LONGEST:
            raise ConfigurationError(f"a token of {len(token)} bytes cannot be kept; at most {LONGEST} are")
        paseto = any(slot.key.use == "seal" and slot.key.algorithm.format == "paseto" for slot in self._ring)
        form = self._formats["paseto" if paseto else "jwe"]
        return form.issue({"token": token}, assertion=_assertion(session_id, place))

    def open(self, sealed: str, session_id: str, place: str) -> str:
        """Raises: TokenError for what was sealed elsewhere, under another key, or was changed."""
        text = gate(sealed, self._ring.max_token).decode("ascii")
        for form in self._formats.values():
            if text.startswith(form.starts):
                envelope = form.parse(text)
                verified = form.verify(envelope, form.key(envelope), assertion=_assertion(session_id, place))
                return str(verified.claims["token"])
        raise MalformedTokenError("what is kept for this session is not a sealed token")


def _assertion(session_id: str, place: str) -> bytes:
    return pae(CONTEXT, session_id.encode(), place.encode())
