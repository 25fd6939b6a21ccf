"""A process that asks for a bearer: ``python -m tests.unit.bff.refresher DATABASE TOKEN_ENDPOINT SESSION``.

It says ``ready``, waits for a line, asks ten times at once, and says what it got.
"""

from __future__ import annotations

import asyncio
import sys

from watchword import Watchword
from watchword.bff.grants import Grants
from watchword.bff.oauth import OAuthTokens

from .house import AUDIENCE, ISSUER


async def main(url: str, endpoint: str, session: str) -> None:
    async with Watchword(url, issuer=ISSUER, audience=AUDIENCE) as ww:
        source = OAuthTokens(endpoint, client_id="bff", client_secret="s", allow_loopback=True)
        grants = Grants(ww, source)
        who = await ww.sessions.authenticate(session)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        got = await asyncio.gather(*(grants.bearer(who) for _ in range(10)))
        sys.stdout.write(f"{' '.join(sorted(set(got)))}\n")
        await grants.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
