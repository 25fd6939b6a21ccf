"""How many attempts an account, an address and everybody together may make: GCRA over a store, one record a key.

GCRA (ITU-T I.371 annex A): a key has one number, the moment at which it is back at rest. An attempt moves it on by the
interval of the rate, and is refused if that would take it further ahead of now than the burst allows. All of it is
integers of microseconds; the interval is rounded up, so never more pass than were asked for.

What is counted is all or nothing. First every key is read, and one that is full refuses the attempt: nothing is written
then. Then each is counted by a swap, of which one wins: first the account, then the address, then everybody; where a
later one was filled meanwhile, the earlier ones get theirs back. So who floods one account uses up nothing of the rest,
and there are never more rows than ``everyone`` lets through.

Limits of it: a burst may be followed by the rate at once, so a minute of ``5/min`` sees up to 10; where the clocks of
two processes differ by more than the burst takes to refill, each forgets what the other counted; and a row's key is a
plain digest, from which somebody who reads the store can guess an address for as long as the row lives.
"""

from __future__ import annotations

import re
from unicodedata import normalize

from msgspec import Struct

from ..clock import Clock, SystemClock
from ..crypto.digest import digest
from ..encoding import folded, neighbourhood
from ..errors import ConfigurationError, RateLimitedError, StoreConflictError
from ..stores.base import Record, Store
from ..stores.whole import Shape, read

RECORD = "limit"
ATTEMPTS = 200
"""A lost race means that another attempt was counted, so that many are let through meanwhile."""
SECOND = 1_000_000
"""Microseconds."""
LARGEST = 1_000_000
UNITS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}
_RATE = re.compile(rf"([1-9][0-9]{{0,6}})/({'|'.join(UNITS)})", re.ASCII)


class RateLimit:
    """So many in a time: ``RateLimit("5/min")``.

    Units: s, min, h, d. ``burst`` of them may come at once: as many as the rate names, unless said.
    Raises: ConfigurationError.
    """

    __slots__ = ("burst", "interval", "rate")

    def __init__(self, rate: str, *, burst: int | None = None) -> None:
        found = _RATE.fullmatch(rate) if isinstance(rate, str) else None
        if found is None:
            raise ConfigurationError(f"a rate is a number and a unit (s, min, h, d), such as '5/min', not {rate!r}")
        count = int(found[1])
        self.rate, self.burst = rate, count if burst is None else burst
        if count > LARGEST or type(self.burst) is not int or not 0 < self.burst <= LARGEST:
            raise ConfigurationError(f"a rate and its burst are 1 to {LARGEST}")
        self.interval = -(-UNITS[found[2]] * SECOND // count)
        """Microseconds from one to the next, rounded up."""

    @property
    def room(self) -> int:
        """Microseconds by which a key may be ahead of now."""
        return self.burst * self.interval

    def __repr__(self) -> str:
        return f"RateLimit({self.rate!r}, burst={self.burst})"


class Limits:
    """What is limited, under which name: ``Limits("login", account=RateLimit("5/min"), address=RateLimit("50/min"))``.

    Parameters: account: attempts on one account. address: attempts from one address (of IPv6: from one /56). everyone:
    all attempts together; it bounds the rows of the others too. Who shares a store and a name shares the count.
    Raises: ConfigurationError when nothing is limited.
    """

    __slots__ = ("name", "parts")

    def __init__(
        self,
        name: str,
        *,
        account: RateLimit | None = None,
        address: RateLimit | None = None,
        everyone: RateLimit | None = None,
    ) -> None:
        given = {"account": account, "address": address, "everyone": everyone}
        self.name, self.parts = name, {part: limit for part, limit in given.items() if limit is not None}
        if not self.parts or not name:
            raise ConfigurationError("Limits have a name and at least one of account=, address= and everyone=")

    def __repr__(self) -> str:
        return f"Limits({self.name!r}, {', '.join(f'{part}={limit}' for part, limit in self.parts.items())})"


class _Row(Struct):
    rest: int


_SHAPE = Shape(_Row, _Row, owned=False)


class Limiter:
    """Counts attempts over a store, in all processes that share it; stands alone: ``Limiter(store)``.

    While the store does not answer, every attempt is UnavailableError: nobody is let through uncounted.
    """

    def __init__(self, store: Store, *, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()

    async def hit(self, limits: Limits, *, account: str | None = None, address: str | None = None) -> None:
        """Count one attempt, before what it is an attempt at. ``account``: the name that was typed, there or not.

        ``address``: the peer's. Raises: RateLimitedError with the seconds to wait, and then nothing is counted;
        UnavailableError; ConfigurationError when one that is limited is not said.
        """
        keys = _keys(limits, account, address)
        for key, limit in keys:
            await self._look(key, limit)
        counted: list[tuple[str, RateLimit]] = []
        try:
            for key, limit in keys:
                await self._move(key, limit, limit.interval)
                counted.append((key, limit))
        except RateLimitedError:
            for key, limit in counted:
                await self._move(key, limit, -limit.interval)
            raise

    async def forget(self, limits: Limits, *, account: str) -> None:
        """Begin anew for an account: after a good sign-in, if you like. Address and everybody stay as they are."""
        await self._store.drop(RECORD, _key(limits, "account", _account(account)))

    async def _look(self, key: str, limit: RateLimit) -> None:
        """Raises: RateLimitedError when the key is full."""
        record, now = await self._row(key), self._clock.now() * SECOND
        if record is None:
            return
        rest = _rest(record, limit, now)
        if rest < record.data["rest"]:  # the clock went back, or the limit was changed: full, as of now
            await self._write(key, record, rest)
        _next(rest, limit, now)

    async def _move(self, key: str, limit: RateLimit, by: int) -> None:
        """Count one, or give one back. Raises: RateLimitedError, StoreConflictError after ATTEMPTS lost races."""
        for _ in range(ATTEMPTS):
            now, record = self._clock.now() * SECOND, await self._row(key)
            rest = now if record is None else _rest(record, limit, now)
            moved = _next(rest, limit, now) if by > 0 else max(now, rest + by)
            if await self._write(key, record, moved):
                return
        raise StoreConflictError

    async def _write(self, key: str, before: Record | None, rest: int) -> bool:
        row = Record(kind=RECORD, key=key, data={"rest": rest}, expires_at=-(-rest // SECOND))
        if before is not None:
            return await self._store.swap(row, version=before.version)
        try:
            await self._store.put(row)
        except StoreConflictError:
            return False
        return True

    async def _row(self, key: str) -> Record | None:
        """Of any age: a row that is past is still in the way of a new one."""
        return await read(self._store, RECORD, key, _SHAPE, now=0)


def _rest(record: Record, limit: RateLimit, now: int) -> int:
    """Never behind now, and never further ahead than full: a clock that went back locks nobody out."""
    rest: int = record.data["rest"]
    return min(max(rest, now), now + limit.room)


def _next(rest: int, limit: RateLimit, now: int) -> int:
    wait = rest + limit.interval - now - limit.room
    if wait > 0:
        raise RateLimitedError("too many attempts", retry_after=-(-wait // SECOND))
    return rest + limit.interval


def _keys(limits: Limits, account: str | None, address: str | None) -> list[tuple[str, RateLimit]]:
    said = {
        "account": None if account is None else _account(account),
        "address": None if not address else _address(address),
        "everyone": "",
    }
    keys = []
    for part, limit in limits.parts.items():
        if (text := said[part]) is None:
            raise ConfigurationError(
                f"{limits.name!r} limits each {part}: say {part}=; a proxy or a socket may hide it"
            )
        keys.append((_key(limits, part, text), limit))
    return keys


def _key(limits: Limits, part: str, text: str) -> str:
    return digest(f"{RECORD}:{part}:{limits.name}", text.encode("utf-8", "surrogatepass"))


def _account(account: str) -> str:
    """The same for all spellings of a name: of case, of width, and all that accounts take for one."""
    return normalize("NFKC", normalize("NFKC", folded(account.strip())).casefold())


def _address(address: str) -> str:
    """Its network, which one subscriber has or can rent. What is no address counts as it is written."""
    return neighbourhood(address) or address
