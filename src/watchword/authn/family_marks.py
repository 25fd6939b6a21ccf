"""Marks of refresh families: what a browser shows beside its refresh cookie, so that nobody else's family is taken.

``<family>.<HMAC(mac key, context ‖ family)>``: 22 and 43 characters. It is no credential: by itself it opens nothing. A
sibling host can plant a refresh cookie, which lies on a path; it cannot plant a ``__Host-`` cookie, which holds this.
"""

from __future__ import annotations

from ..crypto.digest import same
from ..encoding import b64url
from ..keys.key import Key
from ..keys.ring import KeyRing

_CONTEXT = b"watchword.family.v1"


class FamilyMarks:
    """Made with the ring's ``mac`` key, so that all processes of one ring take each other's."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def of(self, family_id: str) -> str:
        """The mark of a family: 66 characters. Raises: ConfigurationError without a ``mac`` key."""
        return _written(self._ring.active("mac"), family_id)

    def family_of(self, untrusted: str | None) -> str | None:
        """The family that a mark of ours names; None for anything else."""
        if untrusted is None:
            return None
        family_id = untrusted.partition(".")[0]
        good = any(same(_written(key, family_id), untrusted) for key in self._ring.verifying("mac"))
        return family_id if good else None


def _written(key: Key, family_id: str) -> str:
    return f"{family_id}.{b64url(key.sign(_CONTEXT + family_id.encode()))}"
