"""The wire form of refresh tokens: ``ww_rt_<family>.<generation>.<secret>.<mac>``, and how a successor is kept.

The MAC is under the ring's ``mac`` key: without it nobody can even name a family.
"""

from __future__ import annotations

from msgspec import Struct

from ..crypto.digest import digest, same
from ..crypto.encryption import open_under, seal_under
from ..encoding import b64url, gate, malformed, unb64url
from ..errors import SealError, SignatureError, TokenNotFoundError
from ..keys.ring import KeyRing
from ..revocation.stale import asked
from ..revocation.view import View
from ..stores.base import Record
from .base import KINDS

FAMILY, SEALED = "refresh", "refresh_sealed"
KIND = KINDS["refresh"]
PREFIX = KIND.starts[0]
_CONTEXT = b"watchword.refresh.v1"
_MAC_BYTES = 16


class Presented(Struct, frozen=True):
    """A refresh token taken apart, its MAC found right."""

    family_id: str
    generation: int
    secret: str

    def __repr__(self) -> str:
        return f"Presented(family_id={self.family_id!r}, generation={self.generation})"


def write(ring: KeyRing, family_id: str, generation: int, secret: str) -> str:
    body = f"{PREFIX}{family_id}.{generation}.{secret}"
    return f"{body}.{b64url(ring.active(str(KIND.use)).sign(_CONTEXT + body.encode())[:_MAC_BYTES])}"


async def read(untrusted: object, ring: KeyRing, view: View | None) -> Presented:
    """Stages *parse* and *verify*. Raises: MalformedTokenError, SignatureError."""
    token = gate(untrusted, 256)
    body, _, mac = token.rpartition(b".")
    parts = body.removeprefix(PREFIX.encode()).split(b".")
    if not body.startswith(PREFIX.encode()) or len(parts) != 3 or len(parts[0]) != 22 or len(parts[2]) != 43:
        malformed("not a refresh token")
    family, generation, secret = parts
    if not generation.isdigit() or generation.startswith(b"0") or len(generation) > 9:
        malformed("not a refresh token")
    unb64url(family), unb64url(secret)
    found = unb64url(mac)
    now = ring.clock.now()
    macs = [slot.key for slot in ring if slot.key.use == KIND.use and slot.verifies(now)]
    fitting = [key.kid for key in macs if same(key.sign(_CONTEXT + body)[:_MAC_BYTES], found)]
    judge = await asked(view, None, *fitting)
    if all(judge is not None and judge.key_is_revoked(kid) for kid in fitting):
        raise SignatureError("not a refresh token of ours")
    return Presented(family.decode(), int(generation), secret.decode())


def kept(secret: str) -> str:
    """What a family remembers of a secret."""
    return digest(FAMILY, unb64url(secret.encode()))


def place(presented: Presented) -> str:
    """Where the successor of a token is kept."""
    return f"{presented.family_id}.{presented.generation}"


def sealed(presented: Presented, successor: str, until: int) -> Record:
    """The successor, sealed under its predecessor's own secret: a copy of the database opens nothing."""
    hidden = seal_under(unb64url(presented.secret.encode()), successor.encode(), _CONTEXT)
    return Record(kind=SEALED, key=place(presented), data={"sealed": b64url(hidden)}, expires_at=until)


def unsealed(presented: Presented, record: Record) -> str:
    try:
        hidden = unb64url(record.data["sealed"].encode())
        return open_under(unb64url(presented.secret.encode()), hidden, _CONTEXT).decode()
    except SealError:
        raise TokenNotFoundError("the kept successor does not open; sign in again") from None
