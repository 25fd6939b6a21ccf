"""A load balancer: to the nodes in turn, or (sticky) to the node that a browser came to first."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from examples.walk.node import Node
from examples.walk.serving import Server

STICKY = "node"
"""The cookie that says where a browser was."""
HOP = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


class Balancer(Server):
    def __init__(self, *, sticky: bool = False) -> None:
        super().__init__(self._app)
        self.sticky = sticky
        self.nodes: Sequence[Node] = ()
        self.passed: Counter[str] = Counter()
        """Requests, by node."""
        self._turn = 0

    def _app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._pass, methods=["GET", "POST"])], lifespan=self._live)

    @asynccontextmanager
    async def _live(self, app: Starlette) -> AsyncIterator[None]:
        limits = httpx2.Limits(max_keepalive_connections=0)  # so that a node that died is noticed at once
        async with httpx2.AsyncClient(limits=limits, timeout=10, trust_env=False) as self._http:
            yield

    async def _pass(self, request: Request) -> Response:
        """To the first of them that takes the connection."""
        headers = [pair for pair in request.headers.items() if pair[0] not in HOP]
        body, asked = await request.body(), f"{request.url.path}?{request.url.query}"
        for node in self._order(request.cookies.get(STICKY)):
            try:
                answer = await self._http.request(request.method, node.url + asked, headers=headers, content=body)
            except httpx2.ConnectError:
                continue
            self.passed[node.name] += 1
            return self._answer(answer, node, was=request.cookies.get(STICKY))
        return Response("no node answers", 503)

    def _order(self, stuck_to: str | None) -> Iterator[Node]:
        if self.sticky:
            yield from (node for node in self.nodes if node.name == stuck_to)
        for _ in self.nodes:
            self._turn += 1
            yield self.nodes[(self._turn - 1) % len(self.nodes)]

    def _answer(self, answer: httpx2.Response, node: Node, *, was: str | None) -> Response:
        made = Response(answer.content, answer.status_code)
        for name, value in answer.headers.multi_items():
            if name not in HOP:
                made.headers.append(name, value)
        if self.sticky and was != node.name:
            made.set_cookie(STICKY, node.name, httponly=True, samesite="lax")
        return made
