"""Two processes over one store, an authorization server that forgives no reuse: one refresh."""

import asyncio
import sys
from pathlib import Path

from watchword import Watchword
from watchword.bff.grants import Grants

from .house import AUDIENCE, ISSUER, Strict, served, signed_in


async def test_two_processes_are_one_refresh(tmp_path: Path) -> None:
    source, url = Strict(), f"sqlite:///{tmp_path}/app.db"
    async with served(source) as port, Watchword(url, issuer=ISSUER, audience=AUDIENCE) as ww:
        session, _ = await signed_in(ww)
        await Grants(ww, source).keep(session, source.first(life=1))
        ended = ww.clock.now() + 1
        command = [
            sys.executable,
            "-m",
            "tests.unit.bff.refresher",
            url,
            f"http://127.0.0.1:{port}/token",
            session.token,
        ]
        pipe = asyncio.subprocess.PIPE
        ones = [await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe) for _ in range(2)]
        for one in ones:
            assert one.stdout is not None
            assert await one.stdout.readline() == b"ready\n"
        while ww.clock.now() < ended:  # noqa: ASYNC110  # two processes go by the machine's own clock
            await asyncio.sleep(0.05)
        source.go.clear()
        said = [asyncio.ensure_future(one.communicate(b"go\n")) for one in ones]
        await source.begun.wait()
        await asyncio.sleep(0.3)  # the other has come to the lease by now; if it has not, it finds what was written
        source.go.set()
        got = {out.decode().strip() for out, _ in await asyncio.gather(*said)}
        assert got == {"at-1"}
        assert (source.calls, source.dead) == (1, False)
