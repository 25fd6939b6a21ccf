"""Following the revocations of an issuer over HTTP: a view that is kept fresh beside the requests, never by them.

One question is under way at a time, each with a nonce of its own, and the lease of its answer runs from when it was
sent. What is not the issuer's signed answer to just that question renews nothing; past the lease checks refuse (503).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from base64 import b64encode
from collections.abc import Callable, Collection
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from random import SystemRandom
from threading import Lock, Thread
from urllib.parse import quote_plus

from msgspec import Struct

from ..clock import Clock
from ..crypto.digest import new_id
from ..errors import ConfigurationError, UnavailableError, UnknownKeyError, WatchwordError
from ..keys.remote import RemoteKeys
from ..keys.ring import KeyRing
from ..revocation.answer import MEDIA_TYPE, MOST_WAIT, Answer, Question, kid_of, read
from ..revocation.view import View
from .fetch import SECONDS, check_url, fetch
from .forks import starts_over
from .refresh import RemoteRefresh
from .ticker import drive

log = logging.getLogger("watchword.runtime")

GAP = 0.01
"""Seconds between an answer and the next question, so that a storm of revocations comes in few answers."""
LONGEST_PAUSE = 5.0
"""Seconds after which a server that does not answer is asked again, at most."""
SLACK = 5.0
"""Seconds that a thread waits beyond those of a question and its answer: a key may be fetched as well."""
MOST_ENTRIES = 2_000_000
"""Revocations of one issuer that are held; with more, its tokens are refused (503) rather than memory used up."""


class RevocationFeed(Struct, frozen=True, kw_only=True):
    """Where an issuer tells of its revocations, and what we show there: a client's id and secret, or an API key.

    ``max_staleness``: how old its last word may be. ``tls``: a context of your own, for a private authority.
    """

    url: str
    client_id: str | None = None
    client_secret: str | None = None
    api_key: str | None = None
    max_staleness: timedelta = timedelta(seconds=5)
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if bool(self.client_id and self.client_secret) + bool(self.api_key) != 1:
            raise ConfigurationError("a feed is read with client_id and client_secret, or with an api_key")

    @property
    def authorization(self) -> str:
        """The Authorization header (RFC 6749 §2.3.1: id and secret each form-encoded, then joined)."""
        if self.api_key:
            return f"Bearer {self.api_key}"
        joined = f"{quote_plus(str(self.client_id))}:{quote_plus(str(self.client_secret))}"
        return f"Basic {b64encode(joined.encode()).decode()}"

    def __repr__(self) -> str:
        return f"RevocationFeed({self.url!r}, client_id={self.client_id!r}, max_staleness={self.max_staleness})"


class FeedFollower:
    """Keeps ``view`` in step with a RevocationFeed; a chore for a task or a thread.

    Parameters: issuer: who has to have signed. keys: that issuer's, and nobody else's. refresh: asked for a key that
    is not among them. restart: what begins anew on threads in a forked child, at the first check there.
    """

    name = "revocation feed"

    def __init__(
        self,
        feed: RevocationFeed,
        *,
        issuer: str,
        keys: KeyRing | RemoteKeys,
        refresh: RemoteRefresh | None = None,
        restart: Callable[[], None] | None = None,
        clock: Clock | None = None,
        allow_loopback: bool = False,
        networks: Collection[str] = (),
    ) -> None:
        if check_url(feed.url, allow_loopback=allow_loopback).query:
            raise ConfigurationError("the URL of a feed has no query: the question is one")
        self.feed, self.issuer = feed, issuer
        self.view = View(max_staleness=feed.max_staleness, clock=clock)
        self.seconds = 0.0
        self.more = False
        self.last_error: WatchwordError | None = None
        self._remote = keys if isinstance(keys, RemoteKeys) else None
        self._ring = keys.ring if isinstance(keys, RemoteKeys) else keys
        self._refresh, self._restart = refresh, restart
        self._wait = min(self.view.max_staleness / 4, MOST_WAIT)
        self._patience = min(self.view.max_staleness / 4, SECONDS)
        self._pause = 0.0
        self._life = 0
        self._begun = self._threaded = False
        self._get = partial(
            fetch,
            authorization=feed.authorization,
            allow_loopback=allow_loopback,
            networks=networks,
            tls=feed.tls,
            types=(MEDIA_TYPE,),
        )
        starts_over(self)

    def start_over(self) -> None:
        """Nothing is known and nothing under way: in a forked child, the first check begins anew, if threads did it."""
        self._lock, self._reviving = Lock(), Lock()
        self._flight: Future[None] | None = None
        self.end()
        if self._threaded:
            self.view.pull = self._revive

    async def begin(self, *, threaded: bool) -> None:
        """Hear all there is, if the server answers; then keep on with a ticker."""
        self.end()
        self._begun, self._threaded = True, threaded
        await self.tick()
        while self.more:
            await self.tick()

    def end(self) -> None:
        """Let go of the question that is under way, and of all that was heard."""
        with self._lock:
            self._life += 1
            _land(self._flight)
            self.view.forget()
            self.view.pull = None
            self._begun = self.more = False
            self._pause, self.seconds = 0.0, GAP

    async def tick(self) -> None:
        """One question and its answer. Nothing is raised but what is no WatchwordError: the lease tells the rest."""
        with self._lock:
            if not self._begun:
                return
            flight, life, begins = self._flight, self._life, False
            if flight is None or flight.done():
                flight, begins = Future(), True
                flight.set_running_or_notify_cancel()
                self._flight = flight
        if begins:
            Thread(target=self._fly, args=(flight, life), name="watchword-revocations", daemon=True).start()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._wait_for(flight, life)
        else:
            await asyncio.wrap_future(flight)

    def _wait_for(self, flight: Future[None], life: int) -> None:
        """Not for ever: a thread may never come back in a child that was forked while another held a lock of OpenSSL.

        Then nothing more is heard there, and whoever checks is told so, rather than kept.
        """
        longest = self._wait + self._patience + SLACK
        try:
            flight.result(timeout=longest)
        except TimeoutError:
            self._failed(life, UnavailableError(f"no answer within {longest:g} s", reason="too_slow"))

    def _fly(self, flight: Future[None], life: int) -> None:
        try:
            self._ask(life)
        except WatchwordError as error:
            self._failed(life, error)
        except Exception:  # whatever it was, the next question may do better; until then the lease runs out
            log.exception("%s: the revocations could not be heard", self.feed.url)
            self._failed(life, UnavailableError("see the log"))
        finally:
            with self._lock:
                _land(flight)

    def _ask(self, life: int) -> None:
        view, clock = self.view, self.view.clock
        wait = self._wait if view.fresh() and not self.more and not self._pause else 0.0
        question = Question(new_id(), view.epoch, view.seq, wait)
        sent_at = clock.monotonic()
        body = self._get(f"{self.feed.url}?{question.query}", seconds=wait + self._patience).body
        answer = self._read(body, question)
        early = clock.monotonic() - sent_at < wait / 2 and not answer.feed.events
        with self._lock:
            if life == self._life:
                self._hear(answer, question, sent_at)
                self._pause, self.last_error = 0.0, None
                self.seconds = 0.0 if self.more else max(GAP, wait / 2 if early else 0.0)

    def _read(self, body: bytes, question: Question) -> Answer:
        """What the answer says; a key that is not here is fetched, where that is due, and then it is read again."""
        understood = partial(read, body, question, issuer=self.issuer, ring=self._ring, dead=self.view.has_lost)
        try:
            if self._remote is not None:
                self._remote.ensure_usable()
            return understood()
        except (UnknownKeyError, UnavailableError):
            if self._refresh is None or self._remote is None:
                raise
            drive(self._refresh.for_unknown(kid_of(body) if self._remote.usable else None))
            self._remote.ensure_usable()
            return understood()

    def _hear(self, answer: Answer, question: Question, sent_at: float) -> None:
        complete, view = not answer.more, self.view
        if len(view) + len(answer.feed.events) > MOST_ENTRIES:
            raise UnavailableError(f"{self.feed.url} tells of more than {MOST_ENTRIES} revocations", reason="too_large")
        heard = view.hear(answer.feed, asked_after=question.seq, sent_at=sent_at, complete=complete)
        if not heard and answer.after == 0:  # another life of the feed, or a number it never reached: begin anew
            view.hear(answer.feed, asked_after=0, sent_at=sent_at, complete=complete)
        self.more = answer.more

    def _failed(self, life: int, error: WatchwordError) -> None:
        with self._lock:
            if life != self._life:
                return
            first = min(self.view.max_staleness / 16, 0.25)
            self._pause = min(2 * self._pause or first, LONGEST_PAUSE)
            self.seconds, self.more = self._pause * (0.5 + SystemRandom().random()), False
            self.last_error = error
        log.warning("%s: %s (%s)", self.feed.url, error, error.reason)

    def _revive(self) -> None:
        """The first check in a forked child: the threads of the parent are not here."""
        with self._reviving:
            if self.view.pull is not None and self._restart is not None:
                self._restart()

    def __repr__(self) -> str:
        return f"FeedFollower({self.feed.url!r}, {self.view!r})"


def _land(flight: Future[None] | None) -> None:
    if flight is not None and not flight.done():
        flight.set_result(None)
