"""Station 1: one server, and the sessions in its memory."""

from __future__ import annotations

from examples.walk.stage import Stage
from examples.walk.visitor import say, times

TITLE = "One server, sessions in memory"


async def walk(stage: Stage) -> None:
    balancer, [node] = await stage.nodes("a", store="memory:")
    ada = stage.browser(balancer)
    say("ada signs in", [await ada.sign_in()], [204])
    say("four requests with her cookie", await times(4, ada.me), [200] * 4)

    eve = stage.browser(balancer)
    eve.cookies |= ada.cookies
    say("whoever copied the cookie", await times(2, eve.me), [200] * 2)
    say("ada signs out", [await ada.sign_out()], [204])
    say("her cookie, and its copy", [await ada.me(), await eve.me()], [401] * 2)

    users = [stage.browser(balancer) for _ in range(3)]
    say("three people sign in", [await one.sign_in() for one in users], [204] * 3)
    await node.restart()
    say("the server restarts, as for each release", [await one.me() for one in users], [401] * 3)
