"""The feed desk: answers followers in other processes and languages, and holds an answer until there is news.

Each answer is read from the record after its question came, never from this process's view, which may be as old as its
own lease. The view only wakes those who wait: one look every 10 ms for all of them together. Nothing is queued for
anybody, so a slow follower costs the one answer that it is reading.
"""

from __future__ import annotations

import asyncio

from ..keys.ring import KeyRing
from ..revocation.answer import MOST_EVENTS, Answer, Question, page, signer, write
from ..revocation.view import View
from ..stores.base import Feed, Store

LOOK_EVERY = 0.01
"""Seconds between looks at the view, while somebody waits."""
MOST_WAITING = 256
"""Questions that are held at a time; further ones are answered at once, and their followers ask again in a while."""


class FeedDesk:
    """Answers questions about one feed, signed with ``ring`` in the name of ``issuer``."""

    def __init__(self, store: Store, view: View, ring: KeyRing, *, issuer: str) -> None:
        self._store, self._view, self._ring, self._issuer = store, view, ring, issuer
        self._clock = view.clock
        self._watch: asyncio.Task[None] | None = None
        self._news: asyncio.Event | None = None
        self._reads: dict[int, asyncio.Task[Feed]] = {}
        self.waiting = 0

    async def answer(self, question: Question) -> str:
        """The signed answer: at once, if there is something to tell, else when there is or ``wait`` is over.

        Raises: UnavailableError; ConfigurationError when no key of the ring can sign it.
        """
        held = question.wait > 0 and self.waiting < MOST_WAITING
        found = await (self._held(question) if held else self._read(question))
        key = signer(self._ring, self._view.has_lost)
        return write(question, found, issuer=self._issuer, now=self._clock.now(), key=key)

    async def _held(self, question: Question) -> Answer:
        loop = asyncio.get_running_loop()
        over = loop.time() + question.wait
        self.waiting += 1
        try:
            while True:
                news = self._listen(loop)  # before the record is read, so that nothing falls between the two
                found = await self._read(question)
                if _tells(found, question) or loop.time() >= over:
                    return found
                try:
                    async with asyncio.timeout_at(over):
                        await news.wait()
                except TimeoutError:
                    pass  # read once more: the answer is as new as it can be
        finally:
            self.waiting -= 1

    async def _read(self, question: Question) -> Answer:
        after = question.seq
        feed = await self._shared(after)
        if after and (feed.epoch != question.epoch or feed.head < after):
            after = 0
            feed = await self._shared(after)
        told, more = page(feed, more=len(feed.events) == MOST_EVENTS)
        return Answer(told, after, more)

    async def _shared(self, after: int) -> Feed:
        """One read for all who want it in this turn of the loop; who comes after it has begun gets another."""
        read = self._reads.get(after)
        if read is None or read.get_loop() is not asyncio.get_running_loop():
            read = self._reads[after] = asyncio.get_running_loop().create_task(self._tail(after))
        return await asyncio.shield(read)

    async def _tail(self, after: int) -> Feed:
        del self._reads[after]
        return await self._store.tail(after, now=self._clock.now(), limit=MOST_EVENTS)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> asyncio.Event:
        """What is set at the next move of the view."""
        watch, news = self._watch, self._news
        if watch is None or news is None or watch.done() or watch.get_loop() is not loop:
            news = self._news = asyncio.Event()
            self._watch = loop.create_task(self._look(self._position()), name="watchword-feed-desk")
        return news

    async def _look(self, seen: tuple[str, int]) -> None:
        while self.waiting:
            await asyncio.sleep(LOOK_EVERY)
            now = self._position()
            if now != seen and self._news is not None:
                seen, news = now, self._news
                self._news = asyncio.Event()
                news.set()

    def _position(self) -> tuple[str, int]:
        return self._view.epoch, self._view.seq


def _tells(found: Answer, question: Question) -> bool:
    """Whether there is anything in it that whoever asked does not know."""
    return bool(found.feed.events) or found.more or found.feed.epoch != question.epoch or found.after != question.seq
