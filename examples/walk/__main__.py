"""From one server to PASETO, station by station: ``python -m examples.walk``; see README.md.

Everything runs on this machine, in this process and a temporary directory. Exit code 1: a line is not as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from types import ModuleType

from examples.walk import central_store, one_server, signed_jwt, signed_paseto, sticky_sessions
from examples.walk.stage import stage
from examples.walk.visitor import title

STATIONS: dict[int, ModuleType] = dict(
    enumerate((one_server, sticky_sessions, central_store, signed_jwt, signed_paseto), 1)
)


async def walk(numbers: list[int], store: str | None) -> None:
    for number in numbers:
        title(number, STATIONS[number].TITLE)
        async with stage(store) as fresh:
            await STATIONS[number].walk(fresh)


def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m examples.walk", description="From one server to PASETO.")
    reader.add_argument("--station", type=int, choices=STATIONS, help="this one alone")
    reader.add_argument("--store", metavar="URL", help="a Redis or PostgreSQL, empty and for this alone; or SQLite")
    given = reader.parse_args()
    logging.getLogger("watchword").setLevel(logging.CRITICAL)  # what is refused here is meant to be refused
    asyncio.run(walk(list(STATIONS) if given.station is None else [given.station], given.store))


if __name__ == "__main__":
    main()
