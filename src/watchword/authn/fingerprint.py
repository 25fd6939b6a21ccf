"""The device a request seems to come from, by signals with names, kept as salted HMACs and never as they are.

All of them can be spoofed: a thief who took the token can have taken these as well. So a change is a reason to ask for
a fresh sign-in, and never by itself a reason to call a token bad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..crypto.digest import new_id, same
from ..encoding import b64url, neighbourhood
from ..errors import ConfigurationError, WatchwordError
from ..keys.key import Key
from ..keys.ring import KeyRing
from ..web.cookies import read_cookies
from ..web.messages import Connection
from ..web.user_agent import device_of

DEVICE_COOKIE = "__Host-Http-ww_device"
_DEVICE_HEADER = b"x-device-id"
_CONTEXT = b"watchword.fingerprint.v1"
_TAG_BYTES = 9
_LONGEST_ID = 128


def device_id(connection: Connection) -> str | None:
    """What the device calls itself: our cookie, or the header ``X-Device-Id`` of an application of its own."""
    try:
        found = read_cookies(connection.headers_of(b"cookie"), DEVICE_COOKIE)
        header = None if found is not None else connection.header(_DEVICE_HEADER)
    except WatchwordError:
        return None
    said = found if header is None else header.decode("latin-1")
    return said[:_LONGEST_ID] if said else None


def _agent(connection: Connection) -> str | None:
    return device_of(connection.headers_of(b"user-agent"))


def _network(connection: Connection) -> str | None:
    return neighbourhood(connection.ip)


SIGNALS: dict[str, Callable[[Connection], str | None]] = {"device": device_id, "agent": _agent, "network": _network}
"""A new signal is a function and a row."""


class Fingerprints:
    """Takes and compares fingerprints, under the ring's ``mac`` key. ``signals``: those that are looked at."""

    def __init__(self, ring: KeyRing, signals: Iterable[str] = tuple(SIGNALS)) -> None:
        self._ring = ring
        self._signals = tuple(signals)
        unknown = [name for name in self._signals if name not in SIGNALS]
        if unknown or not self._signals:
            raise ConfigurationError(f"fingerprint signals are some of {', '.join(SIGNALS)}, not {unknown}")

    def of(self, connection: Connection, *, device: str | None = None) -> str:
        """``<salt>.<signal>-<tag>.…``, for ``fpt``. ``device``: an id that the request does not show yet.

        Raises: ConfigurationError on a ring without a ``mac`` key.
        """
        salt, key = new_id(), self._ring.active("mac")
        shown = {name: SIGNALS[name](connection) for name in self._signals}
        if device is not None and "device" in shown:
            shown["device"] = device
        tags = [f"{name}-{_tag(key, salt, name, value)}" for name, value in shown.items() if value is not None]
        return ".".join([salt, "key-" + _tag(key, salt, "key", ""), *tags])

    def changed(self, fpt: str, connection: Connection) -> frozenset[str]:
        """The signals that were shown when ``fpt`` was taken, and are not the same now. Missing is changed.

        Empty also where it cannot be told: a fingerprint under a key that is gone, or none of ours.
        """
        salt, *pairs = fpt.split(".")
        tags = dict(pair.partition("-")[::2] for pair in pairs)
        proven = tags.pop("key", "")
        key = next((key for key in self._ring.verifying("mac") if same(_tag(key, salt, "key", ""), proven)), None)
        if key is None:
            return frozenset()
        now = {name: SIGNALS[name](connection) for name in self._signals if name in tags}
        return frozenset(
            name for name, value in now.items() if value is None or not same(_tag(key, salt, name, value), tags[name])
        )


def _tag(key: Key, salt: str, name: str, value: str) -> str:
    covered = b"\0".join([_CONTEXT, salt.encode(), name.encode(), value.encode()])
    return b64url(key.sign(covered)[:_TAG_BYTES])
