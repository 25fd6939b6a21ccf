"""``SESSION_ENGINE = "watchword.integrations.django.sessions"``: Django's sessions, kept by watchword.

``django.contrib.auth`` signs in and out as ever. Each session is one of watchword's: opaque, stored by its digest,
ended by idle and absolute time, in ``ww().sessions.list(str(user.pk))``, and stopped by ``revoke``.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError

from ...errors import StoreConflictError, TokenError
from ...tokens.base import KINDS
from .auth import ww

NOBODY = "django:nobody"
"""The subject of a session in which nobody is signed in."""


class SessionStore(SessionBase):  # type: ignore[misc]  # Django has no types
    """``session_key`` is the session token. Data are plain JSON of 16 KiB at most, whatever SESSION_SERIALIZER says."""

    _session_key: str | None

    def load(self) -> dict[str, Any]:
        data = self._read()
        if data is None:
            self._session_key = None
            return {}
        return data

    def exists(self, session_key: str) -> bool:
        return self._read(session_key) is not None

    def create(self) -> None:
        self._session_key = self._start(self._get_session(no_load=True) if hasattr(self, "_session_cache") else {})
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        """Write the data. Whoever signs in or out meanwhile gets a new session; the old one ends with it."""
        data = self._get_session(no_load=must_create)
        if self.session_key is None or must_create:
            self._session_key = self._start(data)
            return
        sessions = ww().sessions
        try:
            who = sessions.authenticate(self.session_key)
            if who.subject != _subject(data):
                self._session_key = self._start(data, replaces=self.session_key)
                return
            sessions.update(self.session_key, data=data, remove=who.claims.keys() - data.keys())
        except (TokenError, StoreConflictError):
            raise UpdateError from None

    def delete(self, session_key: str | None = None) -> None:
        key = self.session_key if session_key is None else session_key
        if key is not None and _ours(key):
            ww().sessions.end(key)

    def cycle_key(self) -> None:
        """A new token for the same session; the old one is dead."""
        data = self._session
        before = self.session_key
        if before is None or self._read() is None:
            self.create()
        else:
            self._session_key = ww().sessions.rotate(before).token
        self._session_cache = data

    @classmethod
    def clear_expired(cls) -> None:
        """The janitor does."""

    async def aload(self) -> dict[str, Any]:
        return self.load()

    async def aexists(self, session_key: str) -> bool:
        return self.exists(session_key)

    async def acreate(self) -> None:
        self.create()

    async def asave(self, must_create: bool = False) -> None:
        self.save(must_create)

    async def adelete(self, session_key: str | None = None) -> None:
        self.delete(session_key)

    async def acycle_key(self) -> None:
        self.cycle_key()

    def _start(self, data: dict[str, Any], replaces: str | None = None) -> str:
        try:
            return ww().sessions.start(_subject(data), data=data, replaces=replaces).token
        except StoreConflictError:
            raise CreateError from None

    def _read(self, session_key: str | None = None) -> dict[str, Any] | None:
        key = self.session_key if session_key is None else session_key
        if key is None or not _ours(key):
            return None
        try:
            data: dict[str, Any] = _plain(ww().sessions.authenticate(key).raw_claims)
        except TokenError:
            return None
        return data

    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and _ours(key)


def _ours(key: str) -> bool:
    return key.startswith(KINDS["session"].starts[0])


def _subject(data: dict[str, Any]) -> str:
    return str(data.get(SESSION_KEY) or NOBODY)


def _plain(data: Any) -> Any:
    if isinstance(data, dict) or hasattr(data, "items"):
        return {name: _plain(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(one) for one in data]
    return data
