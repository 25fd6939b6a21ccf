"""What goes over the carrier: the position of the feed, signed. It wakes a follower, which then asks the record.

``1.EPOCH.SEQ.MAC``, with HMAC-SHA-256 over what stands before it, under a secret that lies in the record. A message is
heeded once at most, because it must name a later position than the last one did, and than the record had reached when
we began: whatever is forged, replayed or comes out of order wakes nobody, and whatever is lost or cut short is asked
for within a second anyway.
"""

from __future__ import annotations

from ...crypto.signing import hmac_signer, hmac_verifier
from ...encoding import b64url, unb64url
from ...errors import TokenError
from ..base import Feed

LONGEST = 200
"""Characters of a message."""


class Messages:
    """Writes and reads them. ``secret``: 256 random bits."""

    def __init__(self, secret: bytes) -> None:
        self._sign, self._verify = hmac_signer(secret, "sha256"), hmac_verifier(secret, "sha256")
        self._epoch, self._last = "", -1

    def heard(self, feed: Feed) -> None:
        """What the record told us: which life of the feed this is. Who asked, and what for, makes no difference."""
        if feed.epoch != self._epoch:
            self._epoch, self._last = feed.epoch, feed.head

    def write(self, epoch: str, seq: int) -> bytes:
        said = f"1.{epoch}.{seq}".encode()
        return said + b"." + b64url(self._sign(said)).encode()

    def news(self, untrusted: object) -> bool:
        """Whether this is a message of ours about something later than all that we were woken for. Heeded once."""
        if not isinstance(untrusted, bytes) or len(untrusted) > LONGEST:
            return False
        said, _, mac = untrusted.rpartition(b".")
        try:
            self._verify(unb64url(mac), said)
        except TokenError:
            return False
        _, epoch, seq = said.decode().split(".")
        if epoch != self._epoch or int(seq) <= self._last:
            return False
        self._last = int(seq)
        return True
