"""Issuers of others: found by discovery (OpenID Connect, RFC 8414), their keys kept fresh, each bound to its own."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Sequence
from functools import partial
from random import SystemRandom
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from ..clock import Clock
from ..encoding import json_object
from ..errors import ConfigurationError, KeysUnavailableError, MalformedTokenError, UnknownKeyError
from ..keys.discovery import read_jwks
from ..keys.remote import RemoteKeys, RemotePolicy
from ..principal import Principal
from ..revocation.view import OnStale
from ..stores.base import Event
from ..tokens.foreign import STANDARD, ClaimProfile, ForeignTokens, check_among, kid_among
from .feed_follower import FeedFollower, RevocationFeed
from .fetch import Fetched, check_url, fetch
from .refresh import RemoteRefresh
from .ticker import Chore, TaskTicker, ThreadTicker, drive

MOST_ISSUERS = 32
LOOK_AGAIN = 86_400
"""Seconds after which metadata are read again, though the keys still come from where they said."""


class Issuer:
    """Access tokens of one other issuer.

        async with Issuer.discover("https://id.example", audience="https://api.example", profile=KEYCLOAK) as issuer:
            who = await issuer.authenticate(token)

    The constructor does no I/O. Opening fetches the keys once and then keeps them fresh, on this event loop or
    (``open_blocking``) on a thread; a server that does not answer only makes tokens unverifiable (503) until it does.
    Parameters: url: the issuer, exactly as it writes ``iss``. jwks_uri: where its keys are; None: what its metadata
    say. profile: how it writes its claims. allow_loopback, networks: see ``fetch``. revocations: where it tells of
    them, if it is a watchword: then ``view`` follows, and each check asks it, in memory; past its lease they refuse
    (StaleRevocationError, 503).
    """

    kind = ForeignTokens.kind

    def __init__(
        self,
        url: str,
        *,
        audience: str | Sequence[str],
        profile: ClaimProfile = STANDARD,
        jwks_uri: str | None = None,
        policy: RemotePolicy | None = None,
        clock: Clock | None = None,
        allow_loopback: bool = False,
        networks: Collection[str] = (),
        revocations: RevocationFeed | None = None,
    ) -> None:
        if check_url(url, allow_loopback=allow_loopback).query:
            raise ConfigurationError("an issuer has no query (RFC 8414 §2)")
        if jwks_uri is not None:
            check_url(jwks_uri, allow_loopback=allow_loopback)
        self.url = url
        self._jwks_uri = jwks_uri
        self._found: str | None = None
        self._look_again = 0.0
        self._get = partial(fetch, allow_loopback=allow_loopback, networks=networks)
        read = partial(read_jwks, rsa=profile.rsa)
        self.keys = RemoteKeys(jwks_uri or url, read, policy=policy, clock=clock, jitter=SystemRandom().random())
        self.refresh = RemoteRefresh(self.keys, self._fetch)
        self.follower = None if revocations is None else self._follower(revocations, allow_loopback, networks)
        self.view = None if self.follower is None else self.follower.view
        self.tokens = ForeignTokens(self.keys, issuer=url, audience=audience, profile=profile, view=self.view)
        self._tickers: list[TaskTicker | ThreadTicker] = []

    @classmethod
    def discover(
        cls,
        url: str,
        *,
        audience: str | Sequence[str],
        profile: ClaimProfile = STANDARD,
        policy: RemotePolicy | None = None,
        clock: Clock | None = None,
        allow_loopback: bool = False,
        networks: Collection[str] = (),
        revocations: RevocationFeed | None = None,
    ) -> Self:
        """The issuer whose metadata say where its keys are. They are read when it is opened."""
        return cls(
            url,
            audience=audience,
            profile=profile,
            policy=policy,
            clock=clock,
            allow_loopback=allow_loopback,
            networks=networks,
            revocations=revocations,
        )

    def verify(self, untrusted: object) -> Principal:
        """The Principal behind a token, with the keys that are here; no I/O. Raises: as ``ForeignTokens.verify``."""
        return self.tokens.verify(untrusted)

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """The same, but a key that is not here is waited for: one fetch for all, two seconds at most."""
        return await _patiently([self], untrusted)

    async def revocation_of(self, untrusted: object) -> Event | None:
        """Raises: ConfigurationError, always: a token of another issuer is revoked there."""
        return await self.tokens.revocation_of(untrusted)

    async def wait_for(self, kid: str | None) -> None:
        """Wait for the fetch that may bring this key, or any key while there is none to trust; two seconds at most."""
        if not self.keys.usable:
            await self.refresh.for_unknown(None)
        elif kid is not None and not self.tokens.knows(kid):
            await self.refresh.for_unknown(kid)

    async def open(self) -> None:
        """Fetch the keys and keep them fresh; hear the revocations and follow them.

        Raises: ConfigurationError when the metadata are another issuer's.
        """
        await self.close()
        await self.refresh.tick()
        self._check_metadata()
        if self.follower is not None:
            await self.follower.begin(threaded=False)
        self._start([TaskTicker(chore) for chore in self._chores()])

    def open_blocking(self) -> None:
        """``open`` for threads. A child that is forked later begins anew, at its first check."""
        self.close_blocking()
        drive(self.refresh.tick())
        self._check_metadata()
        if self.follower is not None:
            drive(self.follower.begin(threaded=True))
        self._start([ThreadTicker(chore) for chore in self._chores()])

    async def close(self) -> None:
        for ticker in self._stopped():
            if isinstance(ticker, TaskTicker):
                await ticker.stop()
            else:
                ticker.stop()

    def close_blocking(self) -> None:
        for ticker in self._stopped():
            if isinstance(ticker, ThreadTicker):
                ticker.stop()

    def _stopped(self) -> list[TaskTicker | ThreadTicker]:
        tickers, self._tickers = self._tickers, []
        if self.follower is not None:
            self.follower.end()
        return tickers

    def _start(self, tickers: Sequence[TaskTicker | ThreadTicker]) -> None:
        self._tickers = list(tickers)
        for ticker in tickers:
            ticker.start()

    def _chores(self) -> list[Chore]:
        return [self.refresh] if self.follower is None else [self.refresh, self.follower]

    def _check_metadata(self) -> None:
        if isinstance(self.refresh.last_error, ConfigurationError) and self.keys.state == "empty":
            raise self.refresh.last_error

    def _again(self) -> None:
        """In a forked child: the tickers that are written down are threads of the parent."""
        self._tickers = []
        self.open_blocking()

    def _follower(self, feed: RevocationFeed, allow_loopback: bool, networks: Collection[str]) -> FeedFollower:
        return FeedFollower(
            feed,
            issuer=self.url,
            keys=self.keys,
            refresh=self.refresh,
            restart=self._again,
            clock=self.keys.clock,
            allow_loopback=allow_loopback,
            networks=networks,
        )

    def _fetch(self) -> Fetched:
        """The key document; where its place is not configured it is looked up: first, after it failed, once a day."""
        try:
            return self._get(self._jwks_uri or self._place())
        except KeysUnavailableError:
            self._found = None
            raise

    def _place(self) -> str:
        """Where metadata said that the keys are; that will do for longer while there are no metadata to be had."""
        now, known = self.keys.clock.monotonic(), self._found
        if known is None or now >= self._look_again:
            try:
                known = self._look_up()
            except KeysUnavailableError:
                if known is None:
                    raise
            self._found, self._look_again = known, now + LOOK_AGAIN
        return known

    def _look_up(self) -> str:
        places = well_known(self.url)
        for place in places:
            try:
                found = jwks_uri_of(self._get(place).body, self.url)
            except KeysUnavailableError as error:
                if error.reason != "bad_status" or place is places[-1]:
                    raise
            else:
                return found
        raise KeysUnavailableError("no metadata")

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        heard = "no revocations" if self.view is None else repr(self.view)
        return f"Issuer({self.url!r}, keys {self.keys.state}, profile={self.tokens.profile.name!r}, {heard})"


class Issuers:
    """Several issuers at once, each bound to its own keys: ``Issuers(one, other)``.

    The key id of a token chooses the issuer; then the token must be of that issuer.
    """

    kind = ForeignTokens.kind

    def __init__(self, *issuers: Issuer) -> None:
        if not 0 < len(issuers) <= MOST_ISSUERS or len({one.url for one in issuers}) < len(issuers):
            raise ConfigurationError(f"1 to {MOST_ISSUERS} issuers, each of them once")
        self._issuers = issuers

    def verify(self, untrusted: object) -> Principal:
        """The Principal behind a token of any of them; no I/O. Raises: as ``ForeignTokens.verify``."""
        several = [one.tokens for one in self._issuers]
        try:
            return check_among(several, untrusted)
        except (UnknownKeyError, KeysUnavailableError):
            kid = kid_among(several, untrusted)
            if not any(one.knows(kid) for one in several):
                for one in several:
                    one.missed(kid)
            raise

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """The same, but a key that none of them has is waited for: one fetch from each, two seconds at most."""
        return await _patiently(self._issuers, untrusted)

    async def revocation_of(self, untrusted: object) -> Event | None:
        """Raises: ConfigurationError, always: a token of another issuer is revoked there."""
        return await self._issuers[0].revocation_of(untrusted)

    async def open(self) -> None:
        """Open all of them, or none. Raises: as ``Issuer.open``."""
        try:
            done = await asyncio.gather(*(one.open() for one in self._issuers), return_exceptions=True)
            for failed in done:
                if failed is not None:
                    raise failed
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        for one in self._issuers:
            await one.close()

    def open_blocking(self) -> None:
        """``open`` for threads, one after the other."""
        try:
            for one in self._issuers:
                one.open_blocking()
        except BaseException:
            self.close_blocking()
            raise

    def close_blocking(self) -> None:
        for one in self._issuers:
            one.close_blocking()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def well_known(issuer: str) -> list[str]:
    """Where the metadata of an issuer are, in the order in which they are looked for.

    OpenID Connect Discovery §4 puts the well-known part behind the issuer's path; RFC 8414 §3.1 before it.
    """
    parts = urlsplit(issuer)
    path, host = parts.path.removesuffix("/"), f"{parts.scheme}://{parts.netloc}"
    places = [
        f"{host}{path}/.well-known/openid-configuration",
        f"{host}/.well-known/oauth-authorization-server{path}",
        f"{host}/.well-known/openid-configuration{path}",
    ]
    return list(dict.fromkeys(places))


def jwks_uri_of(body: bytes, issuer: str) -> str:
    """Where an issuer's metadata say that its keys are. Raises: ConfigurationError unless they are of just this issuer.

    Letter case and a slash at the end count (OpenID Connect Discovery §4.3, RFC 8414 §3.3).
    """
    try:
        metadata = json_object(body)
    except MalformedTokenError as error:
        raise ConfigurationError(f"the metadata of {issuer} cannot be read: {error}") from error
    said, place = metadata.get("issuer"), metadata.get("jwks_uri")
    if said != issuer:
        raise ConfigurationError(f"the metadata of {issuer} are those of {str(said)[:200]!a}; write the issuer just so")
    if not isinstance(place, str):
        raise ConfigurationError(f"the metadata of {issuer} name no jwks_uri")
    return place


async def _all(waits: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait for all of them: side by side on a loop, one after the other without."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        for one in waits:
            await one
    else:
        await asyncio.gather(*waits)


async def _patiently(issuers: Sequence[Issuer], untrusted: object) -> Principal:
    several = [one.tokens for one in issuers]
    try:
        return check_among(several, untrusted)
    except (UnknownKeyError, KeysUnavailableError) as error:
        kid = kid_among(several, untrusted)
        if isinstance(error, UnknownKeyError) and (kid is None or any(one.knows(kid) for one in several)):
            raise
    await _all(one.wait_for(kid) for one in issuers)
    return check_among(several, untrusted)
