"""The same words without ``await``: for threads (Flask, Django, scripts). One line for each verb of a kind.

``from watchword.blocking import Watchword``. Opened lazily by the first verb, once in each process: after a fork the
child leaves its parent's connections, view and follower alone and opens its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, Unpack

from . import app
from .config import read_settings
from .errors import WatchwordError
from .keys.ring import KeyRing
from .runtime.health import Health, not_open
from .runtime.ticker import drive
from .tokens import api_keys, devices, one_time, opaque_access, refresh, roles, sealed, sessions
from .tokens.access import AccessTokens
from .tokens.service import ServiceTokens
from .web import ratelimit

F = TypeVar("F")
P = ParamSpec("P")
R = TypeVar("R")


class _Face(Generic[F]):
    """The blocking side of one component, found anew at each call."""

    def __init__(self, find: Callable[[], F]) -> None:
        self._find = find


def _now(verb: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[Any, P], R]:
    """The verb driven to its end in one step; same parameters, same errors."""

    def call(face: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return drive(verb(face._find(), *args, **kwargs))

    return update_wrapper(call, verb)


def _plain(verb: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """A verb that is plain ``def`` in both worlds."""

    def call(face: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return verb(face._find(), *args, **kwargs)

    return update_wrapper(call, verb)


def _truly(look: Callable[[app.Watchword], Coroutine[Any, Any, Health]]) -> Callable[[Any], Health]:
    """The same for health, which never raises because it cannot open: that is what it is asked about."""

    def call(self: Any) -> Health:
        try:
            return drive(look(self._find()))
        except WatchwordError as error:
            return not_open(error.reason)

    return update_wrapper(call, look)


class Sessions(_Face[sessions.Sessions]):
    """``tokens.sessions.Sessions`` for threads."""

    start = _now(sessions.Sessions.start)
    authenticate = _now(sessions.Sessions.authenticate)
    update = _now(sessions.Sessions.update)
    rotate = _now(sessions.Sessions.rotate)
    list = _now(sessions.Sessions.list)
    end = _now(sessions.Sessions.end)
    end_all = _now(sessions.Sessions.end_all)
    outlive = _now(sessions.Sessions.outlive)
    revocation_of = _now(sessions.Sessions.revocation_of)


class RefreshTokens(_Face[refresh.RefreshTokens]):
    """``tokens.refresh.RefreshTokens`` for threads."""

    issue = _now(refresh.RefreshTokens.issue)
    rotate = _now(refresh.RefreshTokens.rotate)
    list = _now(refresh.RefreshTokens.list)
    authenticate = _now(refresh.RefreshTokens.authenticate)
    family_of = _now(refresh.RefreshTokens.family_of)
    unproven = _now(refresh.RefreshTokens.unproven)
    revocation_of = _now(refresh.RefreshTokens.revocation_of)


class OpaqueAccessTokens(_Face[opaque_access.OpaqueAccessTokens]):
    """``tokens.opaque_access.OpaqueAccessTokens`` for threads."""

    issue = _now(opaque_access.OpaqueAccessTokens.issue)
    authenticate = _now(opaque_access.OpaqueAccessTokens.authenticate)
    unproven = _now(opaque_access.OpaqueAccessTokens.unproven)
    introspect = _now(opaque_access.OpaqueAccessTokens.introspect)
    list = _now(opaque_access.OpaqueAccessTokens.list)
    revoke = _now(opaque_access.OpaqueAccessTokens.revoke)
    revocation_of = _now(opaque_access.OpaqueAccessTokens.revocation_of)


class SealedTokens(_Face[sealed.SealedTokens]):
    """``tokens.sealed.SealedTokens`` for threads; ``seal`` and ``open`` are plain ``def`` in both worlds."""

    seal = _plain(sealed.SealedTokens.seal)
    open = _plain(sealed.SealedTokens.open)
    redeem = _now(sealed.SealedTokens.redeem)
    void = _now(sealed.SealedTokens.void)


class ApiKeys(_Face[api_keys.ApiKeys]):
    """``tokens.api_keys.ApiKeys`` for threads."""

    issue = _now(api_keys.ApiKeys.issue)
    authenticate = _now(api_keys.ApiKeys.authenticate)
    rotate = _now(api_keys.ApiKeys.rotate)
    list = _now(api_keys.ApiKeys.list)
    revoke = _now(api_keys.ApiKeys.revoke)
    settle = _now(api_keys.ApiKeys.settle)
    flush = _now(api_keys.ApiKeys.flush)
    remembered_for = _now(api_keys.ApiKeys.remembered_for)
    revocation_of = _now(api_keys.ApiKeys.revocation_of)


class OneTimeTokens(_Face[one_time.OneTimeTokens]):
    """``tokens.one_time.OneTimeTokens`` for threads."""

    issue = _now(one_time.OneTimeTokens.issue)
    look = _now(one_time.OneTimeTokens.look)
    redeem = _now(one_time.OneTimeTokens.redeem)
    void = _now(one_time.OneTimeTokens.void)
    set_lifetime = _now(one_time.OneTimeTokens.set_lifetime)
    authenticate = _now(one_time.OneTimeTokens.authenticate)
    revocation_of = _now(one_time.OneTimeTokens.revocation_of)


class Devices(_Face[devices.Devices]):
    """``tokens.devices.Devices`` for threads."""

    list = _now(devices.Devices.list)
    end = _now(devices.Devices.end)
    end_all = _now(devices.Devices.end_all)


class Roles(_Face[roles.Roles]):
    """``tokens.roles.Roles`` for threads."""

    set = _now(roles.Roles.set)
    changed = _now(roles.Roles.changed)
    of = _now(roles.Roles.of)


class Limiter(_Face[ratelimit.Limiter]):
    """``web.ratelimit.Limiter`` for threads."""

    hit = _now(ratelimit.Limiter.hit)
    forget = _now(ratelimit.Limiter.forget)


class Watchword(_Face[app.Watchword]):
    """``watchword.Watchword`` for threads: the same parameters, the same words, no event loop.

    Raises: ConfigurationError at the first verb for a store that can only be used under an event loop.
    """

    def __init__(self, url: str, **options: Unpack[app.Options]) -> None:
        super().__init__(self._opened)
        self._url, self._options = url, options
        self._cores: dict[int, app.Watchword] = {}
        self._locks: dict[int, threading.Lock] = {}
        app.Watchword(url, **options)  # a mistake in the parameters shows here, not at the first verb
        self.sessions = Sessions(lambda: self._opened().sessions)
        self.roles = Roles(lambda: self._opened().roles)
        self.refresh = RefreshTokens(lambda: self._opened().refresh)
        self.opaque_access = OpaqueAccessTokens(lambda: self._opened().opaque_access)
        self.sealed = SealedTokens(lambda: self._opened().sealed)
        self.api_keys = ApiKeys(lambda: self._opened().api_keys)
        self.one_time = OneTimeTokens(lambda: self._opened().one_time)
        self.devices = Devices(lambda: self._opened().devices)
        self.limits = Limiter(lambda: self._opened().limits)

    revoke = _now(app.Watchword.revoke)
    subject_changed = _now(app.Watchword.subject_changed)
    verifiers = _now(app.Watchword.verifiers)
    authorize = _now(app.Watchword.authorize)
    end = _now(app.Watchword.end)
    events = _now(app.Watchword.events)
    metrics = _plain(app.Watchword.metrics)
    health = _truly(app.Watchword.health)

    @classmethod
    def from_config(cls, path: str | Path) -> Self:
        """The Watchword of a ``watchword.toml``."""
        settings = read_settings(path)
        return cls(settings.url, **app.keywords(settings))

    @property
    def access(self) -> AccessTokens:
        """Access tokens are plain ``def`` in both worlds."""
        return self._opened().access

    @property
    def service(self) -> ServiceTokens:
        """Service tokens are plain ``def`` in both worlds."""
        return self._opened().service

    @property
    def ring(self) -> KeyRing:
        return self._opened().ring

    def open(self) -> None:
        """Open now instead of at the first verb."""
        self._opened()

    def close(self) -> None:
        """Stop following and let go of the store, in this process. The next verb opens it again."""
        core = self._cores.pop(os.getpid(), None)
        if core is not None:
            core.close_blocking()

    @property
    def core(self) -> app.Watchword:
        """The Watchword of this process, opened; its verbs never suspend. For integrations."""
        return self._opened()

    def _opened(self) -> app.Watchword:
        pid = os.getpid()
        core = self._cores.get(pid)
        if core is not None:
            return core
        with self._locks.setdefault(pid, threading.Lock()):
            if pid not in self._cores:
                fresh = app.Watchword(self._url, **self._options)
                fresh.open_blocking()
                self._cores[pid] = fresh  # a parent's core stays in the dictionary, so that nothing closes it here
        return self._cores[pid]

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
