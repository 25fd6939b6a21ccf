"""Watchword: the composition root. Every component is made here, wired to one store, one ring and one view."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Self

from .authn.authenticator import Authenticator
from .authn.bearers import Bearers
from .authn.binding import Binding, BindingPolicy
from .authn.risk import ProfileName, risk_of
from .clock import Clock, SteadyClock, SystemClock
from .config import Settings, read_settings
from .errors import ConfigurationError, WatchwordError
from .keys.ring import KeyRing
from .keys.sources import fresh_slots, load_or_create
from .options import Options as Options
from .options import keywords as keywords
from .policy.base import Decision, Facts, Policy, authorize, checked
from .principal import Principal
from .revocation.event import Revocation
from .revocation.matrix import Word
from .revocation.view import OnStale, Signal, View
from .runtime.chores import Chores
from .runtime.follow import Follower, reach
from .runtime.health import Health
from .runtime.janitor import Janitor
from .runtime.last_used import LastUsed
from .runtime.metrics import Metrics, Outcome, collect
from .runtime.refresh import KeyFileRefresh, drop_key
from .runtime.revoker import Revoker
from .runtime.ticker import Chore, TaskTicker, ThreadSignal, ThreadTicker
from .runtime.ticker import drive as drive
from .runtime.verifiers import Verifier, Verifiers
from .stores.base import Audit, open_store
from .tokens.access import AccessTokens
from .tokens.api_keys import ApiKeys
from .tokens.base import Authenticates, check_formats, first
from .tokens.devices import Devices
from .tokens.one_time import OneTimeTokens
from .tokens.opaque_access import OpaqueAccessTokens
from .tokens.refresh import RefreshTokens
from .tokens.roles import Roles
from .tokens.sealed import SealedTokens
from .tokens.service import ServiceTokens
from .tokens.sessions import SessionInfo, Sessions
from .web.ratelimit import Limiter
from .web.token_cookies import Cookies


class Watchword:
    """Every kind of token over one store, and one way to stop any of them.

    Parameters:
        url: ``memory:`` (starts empty each time), ``sqlite:///path.db`` (four slashes for an absolute path) or
            ``postgresql://user:password@host/database`` or ``redis://host`` (then ``keys`` or ``ring`` is needed).
        carrier: ``redis://host``: a Redis beside an SQL store, which carries news and keeps copies; it may vanish.
        issuer: the ``iss`` of our tokens, an https URL. audience: the ``aud`` they are for, one or several.
        migrate: ``never`` refuses to open a database that ``watchword db upgrade`` has not been run on.
        keys: the key file; ``<database>.keys`` unless named. ``ring``: your own KeyRing instead, never written
        anywhere. audit_retention: how long rows of the audit trail are kept (for ever unless said).
        max_staleness: how old the last word about revocations may be (5 s) before checks refuse to answer.
        on_stale: what they do then: ``closed``; ``ask``, one read of the store per request (with a max_staleness of 0
        always: the plain blocklist); ``open``, for ``open_for`` at most, and only where that is of low risk.
        session_idle, session_absolute, access_lifetime, refresh_grace, opaque_access_lifetime, sealed_lifetime,
        service_lifetime: see the kinds. single_service: access tokens are encrypted, and no other service verifies
        them; a new key file then has no signing keys.
        session_limit: so many live sessions of a subject at most; on_session_limit is told of each that ends for it.
        session_near: sessions that were looked up answer from memory under the lease; False: each request reads.
        environment: ``live`` or ``test``: which API keys are good here. api_key_prefix: how they begin (``sk``).
        one_time_every: at most one e-mail link in this time for a subject and purpose (5 min).
        policy: who may do what, for ``authorize``: ``RBAC``, ``Scopes``, ``OPA``, ``Cedar`` or your own.
        formats: kind -> how its new tokens are written (``{"access": "paseto"}``); the key decides otherwise.
        strict: claims that look personal in a readable token are an error; otherwise a warning, once a name.
        binding: how credentials are held to their sender. profile: ``high_risk`` caps access tokens at 5 min and the
        grace at 0, and wants every credential bound to a key or a device, and a sign-in of the last 15 min.

    The constructor does no I/O. ``async with ww:`` (or ``await ww.open()``) migrates the store, loads or creates the
    keys and hears the first answer of the feed; before that every verb raises ConfigurationError.
    """

    def __init__(
        self,
        url: str,
        *,
        issuer: str,
        audience: str | Sequence[str],
        carrier: str | None = None,
        migrate: Literal["auto", "never"] = "auto",
        keys: str | Path | None = None,
        ring: KeyRing | None = None,
        clock: Clock | None = None,
        audit_retention: timedelta | None = None,
        max_staleness: timedelta = timedelta(seconds=5),
        on_stale: OnStale = "closed",
        open_for: timedelta = timedelta(0),
        session_idle: timedelta = timedelta(minutes=30),
        session_absolute: timedelta | None = None,
        session_limit: int | None = None,
        on_session_limit: Callable[[str, SessionInfo], object] | None = None,
        session_near: bool = True,
        access_lifetime: timedelta | None = None,
        refresh_grace: timedelta = timedelta(seconds=10),
        opaque_access_lifetime: timedelta | None = None,
        sealed_lifetime: timedelta | None = None,
        environment: str = "live",
        api_key_prefix: str = "sk",
        one_time_every: timedelta = timedelta(minutes=5),
        service_lifetime: timedelta | None = None,
        single_service: bool = False,
        policy: Policy | None = None,
        formats: Mapping[str, str | None] = MappingProxyType({}),
        strict: bool = False,
        binding: BindingPolicy | None = None,
        profile: ProfileName = "default",
    ) -> None:
        self.risk = risk = risk_of(profile)
        self.clock: Clock = clock or SystemClock()
        risk.stale(on_stale, open_for)
        self.view = View(
            max_staleness=max_staleness, clock=self.clock, lock=threading.Lock(), on_stale=on_stale, open_for=open_for
        )
        self.store = open_store(url, migrate=migrate, carrier=carrier, max_staleness=max_staleness, clock=self.clock)
        self.issuer = issuer
        self.policy = checked(policy)
        self.key_file = Path(keys) if keys is not None else self.store.keys_beside
        if self.key_file is None and ring is None and self.store.lasts:
            raise ConfigurationError("this store has no place for a key file beside it: name one with keys='app.keys'")
        self._own_ring = ring
        self.ring = ring if ring is not None else KeyRing(None, clock=self.clock)
        reach(self.view, None)
        shared: dict[str, Any] = {"view": self.view, "clock": self.clock}
        kept: dict[str, Any] = {"view": self.view, "clock": SteadyClock(self.clock)}
        self.sessions = Sessions(
            self.store,
            idle=session_idle,
            absolute=session_absolute,
            limit=session_limit,
            on_limit=on_session_limit,
            near=session_near,
            **kept,
        )
        self.access = AccessTokens(
            self.ring,
            issuer=issuer,
            audience=audience,
            lifetime=risk.lifetime(access_lifetime),
            cap=risk.access_cap,
            bound=risk.required,
            single_service=single_service,
            format=formats.get("access"),
            strict=strict,
            **shared,
        )
        self.refresh = RefreshTokens(self.store, self.ring, grace=risk.grace(refresh_grace), **kept)
        ours: dict[str, Any] = {"issuer": issuer, **shared}
        alone = first(audience)[0]
        self.opaque_access = OpaqueAccessTokens(
            self.store,
            audience=audience,
            lifetime=risk.lifetime(opaque_access_lifetime),
            cap=risk.access_cap,
            issuer=issuer,
            **kept,
        )
        self.sealed = SealedTokens(
            self.ring, store=self.store, audience=alone, lifetime=sealed_lifetime, format=formats.get("sealed"), **ours
        )
        written: dict[str, Any] = {"format": formats.get("service"), "strict": strict, **ours}
        self.service = ServiceTokens(self.ring, audience=alone, lifetime=service_lifetime, lazy=True, **written)
        self.api_keys = ApiKeys(self.store, environment=environment, prefix=api_key_prefix, **kept)
        self.roles = Roles(self.store, api_keys=self.api_keys, **kept)
        self.one_time = OneTimeTokens(self.store, every=one_time_every, **kept)
        self.devices = Devices(self.store, self.sessions, self.refresh, **kept)
        self.limits = Limiter(self.store, clock=self.clock)
        names = (issuer, *first(audience))
        self.binding = Binding(self.ring, clock=self.clock, names=names, policy=risk.binding(binding))
        self._carried: tuple[Authenticates, ...] = (self.sessions, self.opaque_access, self.api_keys)
        secrets: tuple[Authenticates, ...] = (*self._carried, self.refresh, self.one_time)
        kinds: tuple[Authenticates, ...] = (*secrets, self.access, self.service)
        check_formats(formats, [self.sealed.kind, *(one.kind for one in kinds)])
        self._verifiers = Verifiers(self.store, self.view)
        self._revoker = Revoker(
            self.store,
            self.view,
            kinds,
            api_keys=self.api_keys,
            sessions=self.sessions,
            roles=self.roles,
            drop_key=self._drop_key,
        )
        self._janitor = Janitor(self.store, self.clock, audit_retention)
        self._outcomes: Counter[Outcome] = Counter()
        self._chores = Chores(self.store, self.view)

    @classmethod
    def from_config(cls, path: str | Path) -> Self:
        """The Watchword of a ``watchword.toml`` (and of ``WATCHWORD_…`` variables, which win)."""
        return cls.from_settings(read_settings(path))

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings.url, **keywords(settings))

    async def open(self) -> None:
        """Migrate, load or create the keys, hear the feed, follow it on this event loop; opening again starts over."""
        await self.close()
        try:
            await self.store.open()
            self._wire(asyncio.Event)
            await self._verifiers.join(asyncio.get_running_loop())
        except BaseException as error:
            await self.close()
            self._chores.failed(error)
            raise
        self._chores.begin(self._duties(), TaskTicker)

    async def close(self) -> None:
        """Stop following and let go of the store. Afterwards every verb asks to be opened again."""
        await self._chores.end()
        self._unwire()
        await self._drain(asyncio.get_running_loop())
        await self.store.close()

    def open_blocking(self) -> None:
        """``open`` for threads: a daemon thread follows. Raises: ConfigurationError for a store that suspends."""
        self.close_blocking()
        try:
            self.store.open_blocking()
            if self.store.suspends:
                raise ConfigurationError("this store suspends, so it cannot be used without an event loop")
            self._wire(ThreadSignal)
            drive(self._verifiers.join(None))
        except BaseException as error:
            self.close_blocking()
            self._chores.failed(error)
            raise
        self._chores.begin(self._duties(), ThreadTicker)

    def close_blocking(self) -> None:
        self._chores.end_blocking()
        self._unwire()
        drive(self._drain(None))
        self.store.close_blocking()

    def authenticator(
        self,
        *,
        cookie: Cookies | None = None,
        origins: Iterable[str] = (),
        issuers: Authenticates | None = None,
    ) -> Authenticator:
        """The corridor over this Watchword's kinds, for an integration.

        ``origins``: other origins that may send our cookie. ``issuers``: an Issuer or Issuers whose access tokens are
        taken beside our own; they open and close by themselves.
        """
        access = self.access if issuers is None else Bearers(self.access, self.ring, issuers)
        kinds = (*self._carried, access)
        return Authenticator(
            kinds, cookie=cookie, origins=origins, binding=self.binding, end=self.end, outcomes=self._outcomes
        )

    async def end(self, who: Principal) -> None:
        """End what a caller's credential belongs to: its session, or else its refresh family, and their tokens."""
        if who.session_id is not None and not await self.sessions.end(who.session_id):
            await self.revoke(session=who.session_id)
        elif who.session_id is None and who.family_id is not None:
            await self.revoke(family=who.family_id)

    async def revoke(
        self,
        *,
        token: str | None = None,
        session: str | None = None,
        family: str | None = None,
        subject: str | None = None,
        client: str | None = None,
        key: str | None = None,
        everything: bool = False,
        wait: bool = False,
        timeout: timedelta | None = None,
    ) -> Revocation:
        """Stop a token of ours, or all that a session, family, subject, client, key or everything stands for.

        Exactly one keyword. Returns after the fact is durable and this process applies it; other processes follow
        within ``max_staleness``, normally within milliseconds. A token that has ended by itself needs nothing; one
        that is not ours is a TokenError. A key is also taken off the ring, unless that is your own, and replaced.

        ``wait``: return when every process that follows has heard it, or refuses by itself: after its
        ``max_staleness``, or ``timeout`` if that is shorter, those that did not answer are ``missing``.
        """
        given = {"session": session, "family": family, "subject": subject, "client": client, "key": key}
        done = await self._revoker.revoke(token=token, everything=everything, **given)
        return await self._verifiers.heard(done, timeout) if wait else done

    async def subject_changed(
        self,
        subject: str,
        what: Word,
        *,
        keep: str | None = None,
        roles: Iterable[str] | None = None,
        api_keys: bool = False,
        wait: bool = False,
        timeout: timedelta | None = None,
    ) -> Revocation:
        """Something happened to a subject: end what the event matrix says dies of it; after your own record changed.

        Parameters: what: ``password``, ``disabled``, ``roles``, ``suspicious``, ``device_lost``. keep, with a new
        password: the session, an id or a token, that may go on. api_keys, with it: those end too. roles: what they are
        now; unsaid, who has any signs in again. wait, timeout: as for ``revoke``.
        """
        done = await self._revoker.subject_changed(subject, what, keep=keep, roles=roles, api_keys=api_keys)
        return await self._verifiers.heard(done, timeout) if wait else done

    async def verifiers(self) -> list[Verifier]:
        """The processes that follow this store, how far each had heard when it last said so, and when that was."""
        return await self._verifiers.list()

    async def authorize(
        self, who: Principal, action: str, resource: Facts | None = None, context: Facts | None = None
    ) -> Decision:
        """Return when the policy lets ``who`` do ``action``. ``resource`` and ``context``: JSON objects about them.

        Raises: PolicyDeniedError, PolicyUnavailableError; ConfigurationError when there is no policy.
        """
        if self.policy is None:
            raise ConfigurationError("there is no policy to ask: Watchword(…, policy=RBAC(…))")
        return await authorize(self.policy, self.store, self.clock, who, action, resource, context)

    async def events(self, *, subject: str | None = None, after: int = 0, limit: int = 1000) -> list[Audit]:
        """The audit trail, oldest first: what was issued, rotated, ended and revoked, and when. Never a token."""
        return await self.store.audited(after=after, subject=subject, limit=limit)

    async def health(self) -> Health:
        """Whether this process can judge credentials now, and what is missing. Also before it is open.

        It takes as long as the store takes to answer or to give up, and it never raises UnavailableError.
        """
        return await self._chores.health()

    def metrics(self) -> Metrics:
        """What was counted since this Watchword was made. No I/O."""
        signed, kept = (self.access, self.service), (self.sessions, self.opaque_access, self.api_keys)
        return collect(self.store, self.view, self._outcomes, signed=signed, kept=kept)

    def _wire(self, signal: Callable[[], Signal]) -> None:
        if self._own_ring is None and not self.ring.opened:
            fresh = fresh_slots(signing=not self.access.single_service)
            self.ring.adopt(fresh if self.key_file is None else load_or_create(self.key_file, fresh))
        if self.access.single_service:
            self.access.check_ring()
        reach(self.view, self.store)
        for one in (self.view, *(kind.near for kind in (self.sessions, self.opaque_access, self.api_keys))):
            one.signal = None if self.store.pulls_inline else signal

    def _unwire(self) -> None:
        reach(self.view, None)
        if self._own_ring is None:
            self.ring.adopt(None)

    async def _drain(self, loop: asyncio.AbstractEventLoop | None) -> None:
        for last in (self.api_keys.flush(), self._verifiers.leave(loop)):
            with suppress(WatchwordError):  # what cannot be written now is lost; the rest closes all the same
                await last

    def _drop_key(self, kid: str) -> None:
        if self._own_ring is None:
            drop_key(self.ring, self.key_file, kid)

    def _duties(self) -> list[Chore]:
        chores: list[Chore] = [Follower(self.store, self.view, self._verifiers), self._janitor]
        chores.append(LastUsed(self.api_keys))
        if self._own_ring is None and self.key_file is not None:
            chores.append(KeyFileRefresh(self.ring, self.key_file))
        return chores

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Watchword(issuer={self.issuer!r}, ring={self.ring!r}, view={self.view!r})"
