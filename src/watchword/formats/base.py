"""What a format does, the two types on either side of a signature check, and the table of formats."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from msgspec import Struct

from ..errors import AlgorithmError, ConfigurationError, TokenRevokedError, UnknownKeyError
from ..keys.ring import KeyRing, Slot


class Envelope(Struct, frozen=True, gc=False):
    """A token taken apart and not yet verified: nothing in it is true. ``head`` may choose a key and do no more."""

    head: Mapping[str, Any]
    head_segment: bytes
    message: bytes
    """What the signature must cover, as it stood in the token."""
    signature: bytes
    body: bytes
    """The payload as it travelled; for a format that encrypts, still hidden."""
    algorithm: str = ""
    """What a PASETO's own beginning says: the one algorithm that its key may have."""
    vouched: Slot | None = None
    """The key whose good signature stood under this very head before."""

    def __repr__(self) -> str:
        return f"Envelope(kid={self.head.get('kid')!r})"


class Verified(Struct, frozen=True, gc=False):
    """What a good signature vouches for. Only a format makes one. Times in ``claims`` are whole seconds."""

    claims: dict[str, Any]
    slot: Slot
    typ: str

    def __repr__(self) -> str:
        return f"Verified(typ={self.typ!r}, kid={self.slot.key.kid!r})"


class Format(Protocol):
    """One way to write the tokens of one type (``typ``) with the keys of one ring."""

    name: str
    starts: tuple[str, ...]
    """How tokens of this format begin; routing looks at nothing else."""

    def issue(self, claims: dict[str, Any]) -> str:
        """Write and sign. ``claims`` holds times as whole seconds. Raises: ConfigurationError without an active key."""
        ...

    def parse(self, untrusted: object) -> Envelope:
        """Stage *parse*. Raises: MalformedTokenError."""
        ...

    def key(self, envelope: Envelope) -> Slot:
        """Stage *key*. Raises: AlgorithmError, UnknownKeyError, WrongTypeError."""
        ...

    def verify(self, envelope: Envelope, slot: Slot) -> Verified:
        """Stage *verify*. Raises: SignatureError; MalformedTokenError for a signed payload that is no JSON object."""
        ...


FORMATS: dict[str, str] = {
    "jwt": "watchword.formats.jwt:Jwt",
    "paseto": "watchword.formats.paseto:PasetoPublic",
}
"""Format -> dotted name; a new format is a new file and a row."""


def make_format(name: str, ring: KeyRing, *, typ: str) -> Format:
    """The format of that name, for one ring and one type. Raises: ConfigurationError for an unknown name."""
    made: Format = _named(FORMATS, name)(ring, typ)
    return made


class SealedFormat(Format, Protocol):
    """A format that hides the claims. ``assertion`` is bound to the token and does not travel: only it opens again."""

    def issue(self, claims: dict[str, Any], *, assertion: bytes = b"") -> str: ...

    def verify(self, envelope: Envelope, slot: Slot, *, assertion: bytes = b"") -> Verified:
        """Stage *verify*. Raises: SealError; MalformedTokenError for a sealed payload that is no JSON object."""
        ...


SEALED_FORMATS: dict[str, str] = {
    "paseto": "watchword.formats.paseto:PasetoLocal",
    "jwe": "watchword.formats.jwe:Jwe",
}
"""The formats that hide their claims -> dotted name."""


def make_sealed_format(name: str, ring: KeyRing, *, typ: str, secret: bool = False) -> SealedFormat:
    """As ``make_format``, of those that hide the claims. ``secret``: only what needs a secret to be written."""
    more = {"algorithms": ("A256GCM",)} if secret and name == "jwe" else {}
    made: SealedFormat = _named(SEALED_FORMATS, name)(ring, typ, **more)
    return made


def _named(table: Mapping[str, str], name: str) -> Any:
    target = table.get(name)
    if target is None:
        raise ConfigurationError(f"no format {name!r}; there are: {', '.join(table)}")
    module, _, cls = target.partition(":")
    return getattr(import_module(module), cls)


class Vouched:
    """Heads that a good signature has vouched for, by their encoded segment: read once, then looked up.

    Bounded, and filled only after a signature was right, so that strangers cannot fill it. A key that has left the
    ring or no longer verifies takes its heads along.
    """

    CAPACITY = 256

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._known: dict[bytes, tuple[Mapping[str, Any], Slot]] = {}

    def find(self, segment: bytes) -> tuple[Mapping[str, Any], Slot] | None:
        """What the segment says, and the key that vouched for it; whether that key still counts, ``slot`` tells."""
        return self._known.get(segment)

    def slot(self, envelope: Envelope) -> Slot | None:
        slot = envelope.vouched
        return slot if slot is not None and self._ring.holds(slot, self._ring.clock.now()) else None

    def add(self, envelope: Envelope, slot: Slot) -> None:
        if envelope.vouched is slot:
            return
        if len(self._known) >= self.CAPACITY:
            self._known = {}
        self._known[envelope.head_segment] = (envelope.head, slot)


def usable(ring: KeyRing, kid: str, algorithm: str, use: str = "sign") -> Slot:
    """The slot of ``kid`` if its key may verify (or, with ``use="seal"``, open) this algorithm's tokens now."""
    slot = ring.find(kid)
    if slot is not None and slot.revoked:
        raise TokenRevokedError("the key of this token was revoked")
    if slot is None or slot.key.use != use or not slot.verifies(ring.clock.now()):
        raise UnknownKeyError
    if slot.key.algorithm.name != algorithm:
        raise AlgorithmError("the token's algorithm is not its key's", reason="key_alg_mismatch")
    return slot
