"""Nonces that no server has to remember: a number of the current five minutes under a MAC (RFC 9449 §8, §9)."""

from __future__ import annotations

from ..crypto.digest import same
from ..encoding import b64url
from ..errors import ConfigurationError
from ..keys.key import Key
from ..keys.ring import KeyRing

ROTATION = 300
"""Seconds. A nonce is good in its own period and in the next one."""
_CONTEXT = b"watchword.dpop.nonce.v1"


class Nonces:
    """Made with the ring's ``mac`` key, so that all processes of one ring take each other's.

    A ring without one (public keys alone) gets a key of this process.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._own = Key.generate("HS256", use="mac")

    def fresh(self) -> str:
        try:
            key = self._ring.active("mac")
        except ConfigurationError:
            key = self._own
        return _nonce(key, self._period())

    def takes(self, nonce: str) -> bool:
        now = self._period()
        keys = [*self._ring.verifying("mac"), self._own]
        return any(same(_nonce(key, period), nonce) for key in keys for period in (now, now - 1))

    def _period(self) -> int:
        return self._ring.clock.now() // ROTATION


def _nonce(key: Key, period: int) -> str:
    return b64url(key.sign(_CONTEXT + period.to_bytes(8, "big"))[:24])
