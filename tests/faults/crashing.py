"""A process that is killed while it uses a link: ``python -m tests.faults.crashing URL KEYS TOKEN POINT TABLE``.

``POINT``: ``before`` its effect, ``within`` it, when its row is written, or ``after`` redeem returned.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from tests.faults.setting import AUDIENCE, ISSUER
from watchword.blocking import Watchword

POINTS = ("before", "within", "after")


def main(url: str, keys: str, token: str, point: str, table: str) -> None:
    def die(here: str) -> None:
        if here == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def effect(connection: Any) -> None:
        die("before")
        connection.execute(f"INSERT INTO {table} VALUES (1)")  # noqa: S608  # a name of the test's own
        die("within")

    with Watchword(url, keys=keys, issuer=ISSUER, audience=AUDIENCE) as ww:
        ww.one_time.redeem(token, purpose="password-reset", effect=effect)
        die("after")


if __name__ == "__main__":
    main(*sys.argv[1:])
