"""Station 5: PASETO, where one party owns both ends. The same again, without an algorithm to be lied to about."""

from __future__ import annotations

from functools import partial

from examples.walk.careless import careless, forged_jwts, forged_pasetos
from examples.walk.services import Pasetos, gateway, jwts, service
from examples.walk.serving import Server
from examples.walk.stage import BOUND, Stage, feed_key
from examples.walk.visitor import heard, line, say, times

TITLE = "PASETO v4.public"


async def walk(stage: Stage) -> None:
    balancer, nodes = await stage.nodes("a", "b", store=stage.store)
    url, key, ring = balancer.url, await feed_key(nodes), nodes[0].ww.ring
    ada = stage.browser(balancer)
    say("ada signs in", [await ada.sign_in()], [204])
    jwt, paseto = await ada.token("jwt"), await ada.token("paseto")

    es256, v4 = (ring.active("sign", format=name).public() for name in ("jwt", "paseto"))
    fooled = stage.caller(await stage.start(Server(lambda: careless(es256))))
    jwts_taken = await stage.start(Server(lambda: service(jwts(url))))
    pasetos_taken = await stage.start(Server(lambda: service(Pasetos(url, feed_key=key))))
    sound, ours = stage.caller(jwts_taken), stage.caller(pasetos_taken)
    lies = forged_jwts(jwt, es256)
    say(
        "JWTs forged by their headers, where the header is believed",
        [await fooled.show(one) for one in lies],
        [200] * 2,
    )
    say("the same, where the key says the algorithm", [await sound.show(one) for one in lies], [401] * 2)
    lies = forged_pasetos(paseto, v4)
    say("PASETOs, forged as far as that goes", [await ours.show(one) for one in lies], [401] * 2)

    before = sum(node.reads for node in nodes)
    say("six requests with hers", await times(6, partial(ours.show, paseto)), [200] * 6)
    asked = sum(node.reads for node in nodes) - before
    line("sessions read from the store for these", asked, asked == 0)

    through = [
        stage.caller(await stage.start(Server(partial(gateway, url, to.url)))) for to in (jwts_taken, pasetos_taken)
    ]
    seen = [await through[0].show(jwt), await through[1].show(paseto), await ours.show(paseto)]
    say("a gateway that knows JWT alone: a JWT, the PASETO, and past it", seen, [200, 401, 200])

    say("ada signs out", [await ada.sign_out()], [204])
    await heard("her PASETO, where the View hears of it", partial(ours.show, paseto), BOUND)
