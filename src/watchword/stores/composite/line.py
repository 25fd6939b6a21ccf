"""Asking the Redis beside the record: within a deadline, through a breaker, and never with an error.

Whatever it does (is away, silent, slow, full, read-only, talks nonsense), the answer is None, and the record is asked.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ...errors import ConfigurationError, StoreUnavailableError
from ..breaker import Breaker
from ..redis.address import Address
from ..redis.lane import Lane, LoopLane, ThreadLane
from ..redis.wire import Command, Refused

log = logging.getLogger("watchword.stores")


class Line:
    """One Redis, for a loop or for threads. ``address.timeout`` bounds each question, however the answer drips in."""

    def __init__(self, address: Address, breaker: Breaker) -> None:
        self._address, self._breaker = address, breaker
        self._lane: Lane | None = None
        self.why: object = None
        """Why the last question had no answer."""

    def open(self, *, threads: bool) -> None:
        self.close()
        self._lane = ThreadLane(self._address, whole=True) if threads else LoopLane(self._address)

    def close(self) -> None:
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.close()

    async def ask(self, *commands: Command) -> list[Any] | None:
        """The replies; None when there are none, or one of them is an error."""
        lane, before = self._lane, self._breaker.state
        if lane is None or not self._breaker.allows():
            return None
        replies, why = await self._asked(lane, commands)
        self.why = why
        if replies is None:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        self._tell(before, why)
        return replies

    async def _asked(self, lane: Lane, commands: tuple[Command, ...]) -> tuple[list[Any] | None, object]:
        try:
            if lane.suspends:
                async with asyncio.timeout(self._address.timeout):
                    replies = await lane.ask(*commands, look=False)
            else:
                replies = await lane.ask(*commands, look=False)
        except TimeoutError:
            return None, "no answer in time"
        except StoreUnavailableError as error:
            return None, error
        except ConfigurationError as error:
            return None, error
        except Exception as error:  # noqa: BLE001 - whatever it was, it is no reason to fail where SQL answers
            return None, type(error).__name__
        for reply in replies:
            if isinstance(reply, Refused):
                return None, reply.said()
        return replies, None

    def _tell(self, before: str, why: object) -> None:
        now = self._breaker.state
        if before == "closed" and now != "closed":
            log.warning("%s is left alone for now, and the record asked instead: %s", self._address, why)
        elif before != "closed" and now == "closed":
            log.info("%s answers again", self._address)
