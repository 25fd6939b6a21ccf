"""Introspection: a resource server without the store asks the one that has it (RFC 7662), and believes it briefly."""

from __future__ import annotations

import asyncio
import logging
import ssl
from base64 import b64encode
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLongError
from datetime import timedelta
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Self
from urllib.parse import quote_plus

from msgspec.structs import replace

from ..clock import Clock
from ..errors import ConfigurationError, KeysUnavailableError, UnavailableError
from ..principal import Principal
from ..revocation.view import OnStale
from ..stores.base import Event
from ..tokens.base import KINDS
from ..tokens.introspected import MAX_STALENESS, IntrospectedTokens
from .fetch import SECONDS, check_url, fetch
from .forks import starts_over
from .ticker import drive

log = logging.getLogger("watchword.runtime")

AT_ONCE = 8
"""Questions under way at the same time; further ones wait their turn."""
MOST_WAITING = 2_000
"""Tokens that are asked for, or wait for their turn; further ones are refused at once."""
PAUSE = 1.0
"""Seconds after a failure in which nobody asks again: a server that is down is not asked by every request."""
ABOUT_ONE = frozenset({400, 403, 404, 405, 406, 413, 414, 415, 422, 431})
"""Statuses with which a server, or what stands before it, refuses this one question: no reason to ask no other.

A stranger with odd tokens could otherwise keep everybody's from being asked about.
"""


class Introspection:
    """Opaque access tokens, judged by the server that issued them.

        async with Introspection("https://as.example/oauth/introspect", client_id="orders-api", client_secret=secret,
                                 issuer="https://as.example", audience="https://orders.example") as tokens:
            who = await tokens.authenticate(token)

    Each answer counts for ``max_staleness`` from when it was asked for, and never beyond the token's own end; a
    refusal for a second at most. Of any number of requests with one token only one asks. While the server does not
    answer, what was heard counts until its time is over, and then everything is refused with 503.

    Parameters: url: https. client_id, client_secret: ours, at that server. issuer, audience: what the answer must
    name; audience is one or several that are ours. starts: how its tokens begin. allow_loopback, networks, tls: see
    ``fetch``.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        client_secret: str,
        issuer: str,
        audience: str | Sequence[str],
        starts: Sequence[str] = KINDS["opaque_access"].starts,
        max_staleness: timedelta = MAX_STALENESS,
        clock: Clock | None = None,
        seconds: float = SECONDS,
        allow_loopback: bool = False,
        networks: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        check_url(url, allow_loopback=allow_loopback)
        if not client_id or not client_secret:
            raise ConfigurationError("introspection is for clients that prove who they are: client_id, client_secret")
        self.url = url
        self.kind = replace(KINDS["opaque_access"], starts=tuple(starts))
        self.tokens = IntrospectedTokens(
            issuer=issuer, audience=audience, starts=starts, max_staleness=max_staleness, clock=clock
        )
        self._ask = partial(
            fetch,
            url,
            authorization=_basic(client_id, client_secret),
            allow_loopback=allow_loopback,
            networks=networks,
            seconds=seconds,
            tls=tls,
        )
        self._patience = 2 * seconds
        self._paused_until = float("-inf")
        starts_over(self)

    def start_over(self) -> None:
        """As if nothing were under way: in a forked child no thread is left that could answer."""
        self._lock = Lock()
        self._flights: dict[str, Future[Principal]] = {}
        self._pool: ThreadPoolExecutor | None = None

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """The Principal behind a token; awaits only when nothing fresh was heard of it.

        Raises: MalformedTokenError, TokenNotFoundError, ClaimError and its kin, BindingError; UnavailableError (503).
        """
        digest, token = self.tokens.place(untrusted)
        who = self.tokens.known(digest)
        if who is not None:
            return who
        with self._lock:
            flight, mine = self._flights.get(digest), False
            if flight is None:
                who = self.tokens.known(digest)  # an answer may have come while we waited for the lock
                if who is not None:
                    return who
                flight, mine = self._begin(digest), True
        return await self._end(flight, digest, token, mine=mine)

    def authenticate_blocking(self, untrusted: object) -> Principal:
        """The same for threads, without an event loop."""
        return drive(self.authenticate(untrusted))

    async def revocation_of(self, untrusted: object) -> Event | None:
        raise ConfigurationError(f"a token of {self.tokens.issuer} is revoked there; here it can only end")

    async def close(self) -> None:
        """Let go of the threads that ask. The next question makes new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=False)

    def _begin(self, digest: str) -> Future[Principal]:
        self._ensure_awake()
        if len(self._flights) >= MOST_WAITING:
            raise UnavailableError("too many tokens wait for introspection", reason="overloaded")
        flight: Future[Principal] = Future()
        flight.set_running_or_notify_cancel()  # whoever stops waiting does not stop the question
        self._flights[digest] = flight
        return flight

    def _ensure_awake(self) -> None:
        if self.tokens.clock.monotonic() < self._paused_until:
            raise UnavailableError(f"{self.url} did not answer a moment ago", reason="paused")

    async def _end(self, flight: Future[Principal], digest: str, token: str, *, mine: bool) -> Principal:
        """See the question to its end: in one of our threads under an event loop, right here without one."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            if mine:
                self._fly(flight, digest, token)
            try:
                return flight.result(timeout=self._patience)
            except TooLongError:
                raise UnavailableError(f"{self.url} is slow to answer", reason="too_slow") from None
        if mine:
            self._threads().submit(self._fly, flight, digest, token)
        answer = asyncio.wrap_future(flight)
        answer.add_done_callback(_seen)
        await asyncio.wait([answer], timeout=self._patience)
        if not answer.done():
            raise UnavailableError(f"{self.url} is slow to answer", reason="too_slow")
        return answer.result()

    def _fly(self, flight: Future[Principal], digest: str, token: str) -> None:
        try:
            who = self._heard(digest, token)
        except BaseException as error:  # noqa: BLE001  # handed to those who wait
            self._landed(digest)
            flight.set_exception(error)
        else:
            self._landed(digest)
            flight.set_result(who)

    def _landed(self, digest: str) -> None:
        with self._lock:
            del self._flights[digest]

    def _heard(self, digest: str, token: str) -> Principal:
        self._ensure_awake()
        sent_at = self.tokens.clock.monotonic()
        try:
            answer = self._ask(form={"token": token, "token_type_hint": "access_token"}).body
        except KeysUnavailableError as error:
            if error.http_status not in ABOUT_ONE:
                self._paused_until = self.tokens.clock.monotonic() + PAUSE
            log.warning("%s: %s (%s)", self.url, error, error.reason)
            raise UnavailableError(f"{self.url} cannot be asked: {error}", reason=error.reason) from error
        try:
            return self.tokens.heard(digest, answer, sent_at=sent_at)
        except UnavailableError as error:
            log.warning("%s: %s", self.url, error)
            raise

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="watchword-introspection")
        return self._pool

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Introspection({self.url!r}, issuer={self.tokens.issuer!r}, {len(self.tokens)} kept)"


def _seen(answer: asyncio.Future[Principal]) -> None:
    """An error that comes when everybody has stopped waiting is nobody's: it was logged."""
    if not answer.cancelled():
        answer.exception()


def _basic(client_id: str, client_secret: str) -> str:
    """RFC 6749 §2.3.1: each form-encoded, then joined."""
    joined = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {b64encode(joined.encode()).decode()}"
