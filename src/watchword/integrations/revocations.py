"""The revocation feed of an application that is its own issuer, as a small ASGI application to mount. No framework.

    app.add_route("/revocations", RevocationFeedApp(ww))    # FastAPI, Starlette; elsewhere: mount it

A follower shows an API key of ours that has the scope ``revocations:read``.
"""

from __future__ import annotations

from ..app import Watchword
from ..authn.authenticator import Authenticator
from ..errors import WatchwordError
from ..revocation.answer import MEDIA_TYPE, question_of
from ..runtime.feed_desk import FeedDesk
from ..web.messages import Connection, Reply
from .asgi import Receive, Scope, Send
from .visit import NothingPresentedError, refusal

SCOPE = "revocations:read"

_HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


class RevocationFeedApp:
    """Answers ``GET`` with what was revoked, for whoever has an API key with ``scope``.

    It opens and closes nothing: the Watchword is the application's.
    """

    def __init__(self, ww: Watchword, *, scope: str = SCOPE) -> None:
        self.ww = ww
        self._scope = scope
        self._authenticator = Authenticator((ww.api_keys,))
        self._desk = FeedDesk(ww.store, ww.view, ww.ring, issuer=ww.issuer)

    @property
    def waiting(self) -> int:
        """Questions that are held now."""
        return self._desk.waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            reply = await self._answer(Connection.from_scope(scope), scope["query_string"])
        except WatchwordError as error:
            reply = refusal(error)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _answer(self, connection: Connection, query: bytes) -> Reply:
        if connection.method != "GET":
            return Reply(405, [(b"allow", b"GET"), *_HEADERS], b"")
        await self._authenticate(connection)
        body = (await self._desk.answer(question_of(query))).encode()
        await self._authenticate(connection)  # again: it may have been held, and this very key be the news
        about = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        return Reply(200, [*about, *_HEADERS], body)

    async def _authenticate(self, connection: Connection) -> None:
        """Raises: NothingPresentedError, TokenError, InsufficientScopeError. A cookie opens nothing here."""
        who = await self._authenticator.authenticate(connection)
        if who is None:
            raise NothingPresentedError
        who.require(self._scope)
