"""How old a copy is, told without anybody's clock but our own: a pure state machine.

The record holds one random secret, the *window*, and whoever works with copies replaces it now and then. A row is
sealed under the window that was known before the row was asked for, so it was read after that window began. Each
process asks for the window; one that it hears of for the first time began after its last question that was answered
with an older one was *sent*. So the copies of that window are younger than that question, and are good until ``bound``
seconds after it, on the boot-time clock. Whoever can write to Redis, or set its clock, has no secret to seal with, and
cannot make an old copy young again.
"""

from __future__ import annotations

from msgspec import Struct

from ...clock import Clock
from ...crypto.digest import digest
from ...crypto.encryption import Box
from ...encoding import unb64url

NAMED = 11
"""Characters of a window's name, which is no secret."""


class Window(Struct, frozen=True):
    """One window. ``until``: boot-time seconds until which its copies are believed here."""

    name: str
    version: int
    box: Box
    until: float


def window_of(secret: str, version: int, until: float) -> Window:
    """``secret``: 256 random bits as base64url."""
    raw = unb64url(secret.encode())
    return Window(digest("watchword.window", raw)[:NAMED], version, Box(raw, b"watchword.copy.v1"), until)


class Windows:
    """The windows that are known here. ``bound``: how old a copy may be at most, in seconds.

    One at a time asks: ``due`` says when, and ``asking`` when it has begun.
    """

    def __init__(self, clock: Clock, bound: float) -> None:
        self._clock, self.bound = clock, bound
        self._step = bound / 4
        self.forget()

    def forget(self) -> None:
        """No copy that was sealed until now is believed any more."""
        self._known: dict[str, Window] = {}
        self.newest: Window | None = None
        self._older_at = float("-inf")
        """When the last question that was answered with the newest window was sent."""
        self._since = float("-inf")
        self._due_at = float("-inf")

    def due(self) -> bool:
        return self._clock.monotonic() >= self._due_at

    def asking(self) -> float:
        """When this question is sent: now. Nobody else needs to ask for a while, whatever becomes of it."""
        now = self._clock.monotonic()
        self._due_at = now + self._step
        return now

    def heard(self, secret: str, version: int, *, asked_at: float) -> None:
        """An answer: the window of the record. ``asked_at``: boot-time seconds at which its question was sent."""
        newest, found = self.newest, window_of(secret, version, self._older_at + self.bound)
        if newest is not None and newest.name == found.name:
            self._older_at = asked_at
        elif newest is not None and version <= newest.version:
            self.forget()  # the record was put back to an older state: nobody knows when this one began
            self._take(window_of(secret, version, float("-inf")), asked_at)
        else:
            self._take(found, asked_at)

    def turned(self, secret: str, version: int, *, asked_at: float) -> None:
        """We have made this one the newest, with a write that was sent at ``asked_at``: it did not exist before."""
        self._take(window_of(secret, version, asked_at + self.bound), asked_at)

    def ripe(self) -> bool:
        """Whether it is time for a new one."""
        now = self._clock.monotonic()
        return self.newest is None or now >= self.newest.until or now >= self._since + self._step

    def good(self, name: str) -> Box | None:
        """What opens the copies of this window, if they are young enough."""
        found = self._known.get(name)
        return found.box if found is not None and self._clock.monotonic() < found.until else None

    def _take(self, new: Window, asked_at: float) -> None:
        now = self._clock.monotonic()
        known = {name: held for name, held in self._known.items() if now < held.until}
        self._known = known | {new.name: new}
        self.newest, self._older_at, self._since = new, asked_at, now
