"""An issuer with a revocation feed on this machine, whose answers can be twisted on their way."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.vectors.revocation_feed import jws
from watchword import Watchword
from watchword.clock import FrozenClock
from watchword.encoding import json_object, unb64url
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.revocation.answer import MEDIA_TYPE, Question, question_of
from watchword.revocation.feed import catch_up
from watchword.runtime.feed_desk import FeedDesk
from watchword.runtime.feed_follower import RevocationFeed
from watchword.runtime.issuer import Issuer
from watchword.runtime.ticker import drive
from watchword.stores.base import Event

AUDIENCE = "https://api.example"
API_KEY = "sk_live_not-a-real-one"

Twist = Callable[[str, Question], str]
"""What comes in the place of a good answer. Raises: ConnectionError, to send nothing."""


class FeedServer:
    """``ww`` is the issuer; ``twist`` stands between its answers and the follower; ``asked`` and ``questions`` tell."""

    def __init__(self, clock: FrozenClock, server: ThreadingHTTPServer) -> None:
        self.clock = clock
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.ring = KeyRing.generate("ES256", clock=clock)
        self.ww = Watchword("memory:", issuer=self.url, audience=AUDIENCE, ring=self.ring, clock=clock)
        self.ww.open_blocking()
        self.twist: Twist = lambda answer, _: answer
        self.asked: Counter[str] = Counter()
        self.questions: list[Question] = []
        self.headers: dict[str, str] = {}

    def feed(self, **more: Any) -> RevocationFeed:
        return RevocationFeed(url=f"{self.url}/revocations", **({"api_key": API_KEY} | more))

    def issuer(self, **more: Any) -> Issuer:
        return Issuer(
            self.url,
            audience=AUDIENCE,
            jwks_uri=f"{self.url}/keys",
            clock=self.clock,
            allow_loopback=True,
            revocations=self.feed(**more),
        )

    def revoke(self, **what: Any) -> None:
        drive(self.ww.revoke(**what))

    def append(self, *events: Event) -> None:
        """Straight into the feed, whatever sort they are of."""
        drive(self.ww.store.append(*events))
        drive(catch_up(self.ww.store, self.ww.view))

    def token(self, subject: str = "user-7", **more: Any) -> str:
        return self.ww.access.issue(subject, **more).token

    def changed(
        self, answer: str, *, key: Key | None = None, header: Mapping[str, Any] | None = None, **to: Any
    ) -> str:
        """``answer`` with other claims, signed again by the issuer's key, or by another."""
        claims = json_object(unb64url(answer.split(".")[1].encode())) | to
        return jws(claims, key or self.ring.active("sign"), **(header or {}))

    def answer(self, target: str) -> tuple[int, str, bytes]:
        path, _, query = target.partition("?")
        self.asked[path] += 1
        if path == "/keys":
            return 200, "application/json", json.dumps(self.ring.jwks()).encode()
        question = question_of(query.encode())
        self.questions.append(question)
        desk = FeedDesk(self.ww.store, self.ww.view, self.ring, issuer=self.url)
        return 200, MEDIA_TYPE, self.twist(asyncio.run(desk.answer(question)), question).encode()


class _Asked(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        house: FeedServer = self.server.house  # type: ignore[attr-defined]
        house.headers = dict(self.headers)
        with suppress(OSError):
            status, kind, body = house.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Not on the terminal."""


@contextmanager
def feed_server(clock: FrozenClock | None = None) -> Iterator[FeedServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Asked)
    server.house = house = FeedServer(clock or FrozenClock(), server)  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield house
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        house.ww.close_blocking()


def ask(issuer: Issuer) -> None:
    """One question of its follower, and the answer."""
    assert issuer.follower is not None
    drive(issuer.follower.tick())


@contextmanager
def followed(issuer: Issuer) -> Iterator[Issuer]:
    """Keys and revocations heard once; further questions are the test's own: ``ask(issuer)``."""
    assert issuer.follower is not None
    drive(issuer.refresh.tick())
    drive(issuer.follower.begin(threaded=True))
    try:
        yield issuer
    finally:
        issuer.close_blocking()
