"""Station 3: one store for all servers. Any of them answers; the price is a read for each request, or hardly any."""

from __future__ import annotations

from datetime import timedelta

from examples.walk.stage import Stage
from examples.walk.visitor import heard, line, say, times

TITLE = "A central store"


async def walk(stage: Stage) -> None:
    balancer, [a, b] = await stage.nodes("a", "b", store=stage.store, session_near=False)
    ada = stage.browser(balancer)
    say("ada signs in, at a", [await ada.sign_in()], [204])
    say("six requests, at b and a by turns", await times(6, ada.me), [200] * 6)
    line("sessions read from the store", a.reads + b.reads, a.reads + b.reads == 6)
    await a.stop()
    say("a dies: everything goes to b", await times(3, ada.me), [200] * 3)
    await a.start()
    await b.restart()
    say("both have been restarted since", await times(4, ada.me), [200] * 4)
    say("ada signs out, at one of them", [await ada.sign_out()], [204])
    say("her cookie, at both", await times(2, ada.me), [401] * 2)

    balancer, [a, b] = await stage.nodes("a", "b", store=stage.store)
    ada = stage.browser(balancer)
    say("kept near, under a lease: ada signs in", [await ada.sign_in()], [204])
    say("twelve requests", await times(12, ada.me), [200] * 12)
    line("sessions read from the store, one by each server", a.reads + b.reads, a.reads + b.reads == 2)
    say("ada signs out, at one of them", [await ada.sign_out()], [204])
    for node in (a, b):
        copy = stage.browser(node)
        copy.cookies |= ada.cookies
        await heard(f"her cookie, at {node.name}", copy.me, timedelta(seconds=node.ww.view.max_staleness))
