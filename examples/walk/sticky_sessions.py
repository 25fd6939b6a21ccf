"""Station 2: two servers with memories of their own; sticky sessions mend that, until a server dies."""

from __future__ import annotations

from examples.walk.stage import Stage
from examples.walk.visitor import line, say, times

TITLE = "Two servers, then sticky sessions"


async def walk(stage: Stage) -> None:
    balancer, _ = await stage.nodes("a", "b", store="memory:")
    ada = stage.browser(balancer)
    say("in turn: ada signs in, at a", [await ada.sign_in()], [204])
    say("six requests, at b and a by turns", await times(6, ada.me), [401, 200] * 3)

    balancer, [a, _] = await stage.nodes("a", "b", store="memory:", sticky=True)
    ada, bob = stage.browser(balancer), stage.browser(balancer)
    say("sticky: two people sign in", [await ada.sign_in(), await bob.sign_in()], [204] * 2)
    say("six requests of each", await times(6, ada.me) + await times(6, bob.me), [200] * 12)
    spread = ", ".join(f"{name} {count}" for name, count in balancer.passed.items())
    line("sign-ins and requests, by server", spread, balancer.passed == {"a": 7, "b": 7})
    await a.stop()
    say("a dies: who was on it", await times(3, ada.me), [401] * 3)
    say("and who was on b", await times(3, bob.me), [200] * 3)
    await a.start()
    ada.cookies["node"] = "a"
    say("a is back, and its memory is not", await times(3, ada.me), [401] * 3)
