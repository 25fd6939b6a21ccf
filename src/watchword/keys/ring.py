"""KeyRing: which key signs now, which still verify, which are only announced; pure, told the time by its clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from msgspec import Struct

from ..clock import Clock, SystemClock
from ..encoding import LARGE_HEADER, LARGE_TOKEN, MAX_HEADER, MAX_TOKEN
from ..errors import ConfigurationError, KeyUseError
from .key import Key, no_key


class State(StrEnum):
    """announced (published, not yet used) -> active (signs) -> retiring (verifies only) -> retired (nothing)."""

    ANNOUNCED = "announced"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"


class RotationPolicy(Struct, frozen=True, kw_only=True):
    """How long a key is published before it signs, and kept after it has signed last (D-26).

    ``token_life``: the longest life of what is signed or sealed. ``mac_life``: the same for what stands under a ``mac``
    key, which is refresh tokens, and what a session has of ours.
    """

    discovery_cache: timedelta = timedelta(minutes=5)
    token_life: timedelta = timedelta(minutes=60)
    mac_life: timedelta = timedelta(days=30)
    leeway: timedelta = timedelta(seconds=60)

    @property
    def lead(self) -> int:
        """Seconds from announcing to signing: every verifier has fetched the document again by then."""
        return int(self.discovery_cache.total_seconds()) + 60

    @property
    def keep(self) -> int:
        """Seconds from the last signature to retiring: every token of this key has expired by then."""
        return self.keep_of("sign")

    def keep_of(self, use: str) -> int:
        """The same for a key of this use: sign, seal or mac."""
        life = self.mac_life if use == "mac" else self.token_life
        return int((life + self.leeway).total_seconds()) + 300


class Slot:
    """One key on a ring with the times of its life (seconds since 1970); its state follows from the clock."""

    __slots__ = ("activates_at", "announced_at", "key", "retires_at", "revoked", "signs_until")

    def __init__(
        self,
        key: Key,
        *,
        announced_at: int,
        activates_at: int,
        signs_until: int | None = None,
        retires_at: int | None = None,
        revoked: bool = False,
    ) -> None:
        if not isinstance(key, Key):
            raise no_key(key)
        if key.algorithm.read_only:
            raise KeyUseError(f"read only: a {key.algorithm.name} key opens old tokens one by one, and is on no ring")
        self.key = key
        self.announced_at = announced_at
        self.activates_at = activates_at
        self.signs_until = signs_until
        self.retires_at = retires_at
        self.revoked = revoked
        """Retired before its time, because it is in the wrong hands."""

    def state(self, now: int) -> State:
        if self.revoked or (self.retires_at is not None and now >= self.retires_at):
            return State.RETIRED
        if now < self.activates_at:
            return State.ANNOUNCED
        if self.signs_until is not None and now >= self.signs_until:
            return State.RETIRING
        return State.ACTIVE

    def verifies(self, now: int) -> bool:
        """Whether tokens of this key are good at all: active or retiring."""
        alive = self.retires_at is None or now < self.retires_at
        return now >= self.activates_at and alive and not self.revoked


class KeyRing:
    """Keys with states: one is active for each use (sign, mac, seal) and algorithm, and the first one is the default.

    ``ring.active("sign")`` signs; ``ring.find(kid)`` verifies. A ring made by ``Watchword`` is empty until it is
    opened. ``max_token`` and ``max_header`` are the bytes that a token of its keys may have.
    """

    def __init__(
        self, slots: Iterable[Slot] | None = (), *, policy: RotationPolicy | None = None, clock: Clock | None = None
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.policy = policy or RotationPolicy()
        self.adopt(slots)

    @classmethod
    def generate(cls, *algorithms: str, policy: RotationPolicy | None = None, clock: Clock | None = None) -> Self:
        """A ring with one fresh active key for each algorithm: ``KeyRing.generate("ES256", "v4.public")``."""
        return cls.of(*(Key.generate(name) for name in algorithms or ("ES256",)), policy=policy, clock=clock)

    @classmethod
    def of(cls, *keys: Key, policy: RotationPolicy | None = None, clock: Clock | None = None) -> Self:
        """A ring of keys that are active at once. Public keys verify and never sign."""
        slots = [Slot(key, announced_at=0, activates_at=0) for key in keys]
        signers = [(key.algorithm.name, key.use) for key in keys if key.can_sign]
        if len(set(signers)) != len(signers):
            raise KeyUseError("two active keys for one algorithm and use; announce() the second, then activate() it")
        return cls(slots, policy=policy, clock=clock)

    @classmethod
    def load(cls, path: str | Path, *, policy: RotationPolicy | None = None, clock: Clock | None = None) -> Self:
        """The ring in a key file (see ``keys.sources``).

        Raises: ConfigurationError when it is missing, open to others or broken.
        """
        from .sources import read_file

        return cls(read_file(path), policy=policy, clock=clock)

    @classmethod
    @contextmanager
    def changing(
        cls, path: str | Path, *, policy: RotationPolicy | None = None, clock: Clock | None = None
    ) -> Iterator[Self]:
        """The ring in a key file, saved again at the end where nothing was raised and something was changed.

        Two processes that change one file do so one after the other, so neither loses what the other wrote.
        Raises: as ``load`` and ``save``.
        """
        from .sources import locked, written

        with locked(path):
            ring = cls.load(path, policy=policy, clock=clock)
            before = written(ring)
            yield ring
            if written(ring) != before:
                ring.save(path)

    def save(self, path: str | Path) -> None:
        """Write the ring, private keys and all, to a key file (0600), in one step; running processes soon read it."""
        from .sources import write_file

        write_file(path, self)

    def adopt(self, slots: Iterable[Slot] | None) -> None:
        """Replace every key in one step, as when a key file was read; None closes the ring again."""
        self._hold(slots or ())
        self.opened = slots is not None

    def add(self, key: Key) -> None:
        """Put another verifying key on the ring, active at once; it becomes the signer only where none is active."""
        self._place(Slot(key, announced_at=self.clock.now(), activates_at=0))

    def active(self, use: str = "sign", *, algorithm: str | None = None, format: str | None = None) -> Key:
        """The key that signs, MACs or seals now. Raises: ConfigurationError if there is none."""
        now = self.clock.now()
        for slot in self:
            row = slot.key.algorithm
            fits = slot.key.use == use and algorithm in (None, row.name) and format in (None, row.format)
            if fits and slot.key.can_sign and slot.state(now) is State.ACTIVE:
                return slot.key
        named = algorithm or format
        wanted = repr(use) if named is None else f"{named!r} with the use {use!r}"
        raise ConfigurationError(
            f"this ring has no active key for {wanted}; make one with KeyRing.generate(...) (public keys only verify)"
        )

    def verifying(self, use: str) -> list[Key]:
        """The keys of this use that are good now, active or retiring."""
        now = self.clock.now()
        return [slot.key for slot in self if slot.key.use == use and slot.verifies(now)]

    def ensure_open(self) -> None:
        """Raise ConfigurationError while the keys of this ring have not been read."""
        if not self.opened:
            raise ConfigurationError("open it first: 'async with ww:' or 'await ww.open()' reads the keys")

    def find(self, kid: str) -> Slot | None:
        """The slot of a key id, in whatever state; ask ``slot.verifies(now)``."""
        self.ensure_open()
        return self._slots.get(kid)

    def holds(self, slot: Slot, now: int) -> bool:
        """Whether this very slot is on the ring and its key verifies; never so on a ring that is not open."""
        return self._slots.get(slot.key.kid) is slot and slot.verifies(now)

    def announce(self, key: Key) -> None:
        """Publish a key that will sign after ``policy.lead`` seconds."""
        now = self.clock.now()
        self._place(Slot(key, announced_at=now, activates_at=now + self.policy.lead))

    def activate(self, kid: str) -> None:
        """Make an announced key the signer now; the one before it verifies for ``policy.keep_of(use)`` seconds more.

        Raises: ConfigurationError before its lead has passed: some verifier may not have heard of it.
        """
        slot, now = self._known(kid), self.clock.now()
        if now < slot.announced_at + self.policy.lead:
            raise ConfigurationError(
                f"key {kid} was announced less than {self.policy.lead} s ago; wait, or verifiers will refuse it"
            )
        if slot.signs_until is not None or slot.state(now) is State.RETIRED:
            raise ConfigurationError(f"key {kid} has had its turn; announce a fresh one")
        for other in self._alike(slot.key):
            if other is not slot and other.state(now) is State.ACTIVE:
                other.signs_until, other.retires_at = now, now + self.policy.keep_of(slot.key.use)
        slot.activates_at = min(slot.activates_at, now)

    def replace(self, kid: str) -> Key:
        """Emergency: a fresh key of the same algorithm and use signs from now on, and the old one verifies nothing.

        There is no lead: verifiers that have not fetched the new key refuse its tokens until they do.
        """
        slot, now = self._known(kid), self.clock.now()
        fresh = slot.key.successor()
        self.retire(kid)
        self._place(Slot(fresh, announced_at=now, activates_at=now))
        return fresh

    def revoke(self, kid: str) -> None:
        """The key is in the wrong hands: it verifies nothing from now on, and if it was the signer, a fresh one is.

        ``Watchword.revoke(key=…)`` calls it for a ring of its own, after it has told the others.
        """
        slot, signs = self._known(kid), self._known(kid).state(self.clock.now()) is State.ACTIVE
        slot.revoked = True
        if signs and slot.key.can_sign:
            self.replace(kid)
        else:
            self.retire(kid)

    def retire(self, kid: str) -> None:
        """From now on this key verifies nothing."""
        self._known(kid).retires_at = self.clock.now()

    def jwks(self) -> dict[str, Any]:
        """The JWK Set (RFC 7517 §5): public keys that sign, and those to encrypt for; see ``discovery``."""
        from .discovery import jwks

        return jwks(self)

    def paseto_keys(self) -> dict[str, Any]:
        """The PASETO key document of the same ring: PASERK ids, public keys, states."""
        from .discovery import paseto_keys

        return paseto_keys(self)

    def __iter__(self) -> Iterator[Slot]:
        self.ensure_open()
        return iter(list(self._slots.values()))

    def __len__(self) -> int:
        return len(self._slots)

    def __repr__(self) -> str:
        keys = ", ".join(f"{slot.key.algorithm.name}:{slot.key.kid[:12]}" for slot in self._slots.values())
        return f"KeyRing({keys})" if self.opened else "KeyRing(not open)"

    def _place(self, slot: Slot) -> None:
        placed, alike = list(self), self._alike(slot.key)
        after = placed.index(alike[-1]) + 1 if alike else len(placed)  # beside its like: a rotation keeps the default
        self._hold([*placed[:after], slot, *placed[after:]])

    def _hold(self, slots: Iterable[Slot]) -> None:
        self._slots = _by_kid(slots)
        large = any(slot.key.algorithm.large for slot in self._slots.values())
        self.max_token, self.max_header = (LARGE_TOKEN, LARGE_HEADER) if large else (MAX_TOKEN, MAX_HEADER)

    def _alike(self, key: Key) -> list[Slot]:
        """The keys that take turns with this one: of its algorithm and use, with a private half."""
        purpose = (key.algorithm.name, key.use)
        return [slot for slot in self if slot.key.can_sign and (slot.key.algorithm.name, slot.key.use) == purpose]

    def _known(self, kid: str) -> Slot:
        slot = self.find(kid)
        if slot is None:
            raise ConfigurationError(f"no key {kid!r} on this ring")
        return slot


def _by_kid(slots: Iterable[Slot]) -> dict[str, Slot]:
    found: dict[str, Slot] = {}
    for slot in slots:
        if slot.key.kid in found:
            raise ConfigurationError(f"two keys with the kid {slot.key.kid!r}")
        found[slot.key.kid] = slot
    return found


def checked(ring: object) -> KeyRing:
    """``ring``. Raises: KeyUseError for a bare Key, bytes or text."""
    if not isinstance(ring, KeyRing):
        raise KeyUseError(
            f'a KeyRing is wanted here, not {type(ring).__name__}: KeyRing.of(key), KeyRing.generate("ES256")'
        )
    return ring
