"""Station 4: JWTs. A second service verifies without the store; and how does it hear that somebody signed out?"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from examples.walk.services import jwts, service
from examples.walk.serving import Server
from examples.walk.stage import BOUND, Stage, feed_key
from examples.walk.visitor import becomes, heard, line, say, times
from watchword.encoding import json_object, unb64url

TITLE = "JWT"


async def walk(stage: Stage) -> None:
    balancer, nodes = await stage.nodes("a", "b", store=stage.store)
    key = await feed_key(nodes)
    naive = stage.caller(await stage.start(Server(lambda: service(jwts(balancer.url)))))
    told = stage.caller(await stage.start(Server(lambda: service(jwts(balancer.url, feed_key=key)))))
    api = await stage.node("api", balancer.url, stage.store, max_staleness=timedelta(0), on_stale="ask")
    listed, questions = stage.caller(api, "/me"), api.count_questions()
    ada = stage.browser(balancer)
    say("ada signs in", [await ada.sign_in()], [204])
    token = await ada.token("jwt")
    line("a JWT of her session, as anybody can read it", *_read(token))

    before = sum(node.reads for node in nodes)
    good = [await times(6, partial(one.show, token)) for one in (naive, told)]
    say("six requests to a service with the published keys alone", good[0], [200] * 6)
    say("six to one that follows the revocations as well", good[1], [200] * 6)
    asked = sum(node.reads for node in nodes) - before
    line("sessions read from the store for these twelve", asked, asked == 0)
    say("six to one that reads a list of revocations for each", await times(6, partial(listed.show, token)), [200] * 6)
    line("reads of the list", questions(), questions() == 6)

    say("ada signs out", [await ada.sign_out()], [204])
    say("her JWT, where the keys are all that is known", await times(3, partial(naive.show, token)), [200] * 3)
    say("where the list is read", [await listed.show(token)], [401])
    await heard("and where the View hears of it", partial(told.show, token), BOUND)

    await ada.sign_in()
    fresh = await ada.token("jwt")
    for node in nodes:
        await node.stop()
    say("the issuer is away: keys alone", [await naive.show(fresh)], [200])
    gone = [await becomes(503, partial(told.show, fresh))]
    say(f"and the View, past its bound of {BOUND.seconds} s: nobody knows", gone, [503])
    for node in nodes:
        await node.start()
    say("the issuer is back", [await becomes(200, partial(told.show, fresh))], [200])


def _read(token: str) -> tuple[str, bool]:
    head, claims = (json_object(unb64url(part)) for part in token.encode().split(b".")[:2])
    life = (claims["exp"] - claims["iat"]) // 60
    return f"{head['alg']}, {claims['sub']}, for {life} min", (head["alg"], claims["sub"], life) == ("ES256", "ada", 15)
