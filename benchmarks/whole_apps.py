"""One small application, with each way to know its caller: ``python -m benchmarks.whole_apps NAME < SETUP``.

Each answers ``GET /me`` with ``ada`` for whoever is signed in, and refuses everybody else. It is served by uvicorn with
uvloop and httptools, in this process alone. SETUP is one line of JSON; then each line of input is answered with the
nanoseconds of CPU time that this process has used, all of its threads together. It ends when its input does.
"""

# No `from __future__ import annotations`: FastAPI reads signatures that name what a function has at hand.

import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import jwt
import redis.asyncio
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from watchword import Principal, Watchword
from watchword.integrations import fastapi, starlette

ISSUER, AUDIENCE = "https://as.example", "https://api.example"
SECRET = "only for this benchmark"
Setup = dict[str, Any]


def house(setup: Setup, **more: Any) -> Watchword:
    names = {"issuer": ISSUER, "audience": AUDIENCE, "keys": setup["keys"]}
    return Watchword(f"redis://{setup['redis']}?prefix=whole", **names, **more)


def _starlette(me: Callable[[Request], Any], *middleware: Middleware) -> Starlette:
    return Starlette(routes=[Route("/me", me)], middleware=middleware)


def bare_starlette(setup: Setup) -> Starlette:
    async def me(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ada")

    return _starlette(me)


def ours_in_starlette(setup: Setup, **options: Any) -> Starlette:
    auth = starlette.Auth(house(setup, **options))

    async def me(request: Request) -> PlainTextResponse:
        return PlainTextResponse((await auth.require()).subject)

    app = _starlette(me)
    auth.attach(app)
    return app


def ours_reading_each_time(setup: Setup) -> Starlette:
    return ours_in_starlette(setup, session_near=False)


async def _of_session(request: Request) -> PlainTextResponse:
    user = request.session.get("user")
    return PlainTextResponse(user) if user else PlainTextResponse("sign in", 401)


def signed_cookie(setup: Setup) -> Starlette:
    return _starlette(_of_session, Middleware(SessionMiddleware, secret_key=SECRET, https_only=True))


def starsessions_over_redis(setup: Setup) -> Starlette:
    import starsessions
    from starsessions.stores.redis import RedisStore

    async def me(request: Request) -> PlainTextResponse:
        await starsessions.load_session(request)
        return await _of_session(request)

    store = RedisStore(connection=_client(setup))
    return _starlette(me, Middleware(starsessions.SessionMiddleware, store=store))


def _fastapi(who: Callable[..., Any] | None) -> FastAPI:
    app = FastAPI()
    if who is None:

        @app.get("/me", response_class=PlainTextResponse)
        async def anybody() -> str:
            return "ada"

    else:

        @app.get("/me", response_class=PlainTextResponse)
        async def me(subject: Annotated[str, Depends(who)]) -> str:
            return subject

    return app


def bare_fastapi(setup: Setup) -> FastAPI:
    return _fastapi(None)


def ours_in_fastapi(setup: Setup) -> FastAPI:
    auth, app = fastapi.Auth(house(setup)), FastAPI()
    auth.attach(app)

    @app.get("/me", response_class=PlainTextResponse)
    async def me(who: Annotated[Principal, Depends(auth)]) -> str:
        return who.subject

    return app


def pyjwt(setup: Setup) -> FastAPI:
    key = jwt.PyJWK(setup["jwk"]).key

    async def who(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
        return str(_decoded(bearer, key)["sub"])

    return _fastapi(who)


def pyjwt_and_blocklist(setup: Setup) -> FastAPI:
    key, client = jwt.PyJWK(setup["jwk"]).key, _client(setup)

    async def who(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
        claims = _decoded(bearer, key)
        if await client.exists(f"blocklist:{claims['jti']}"):
            raise HTTPException(401)
        return str(claims["sub"])

    return _fastapi(who)


def _decoded(bearer: HTTPAuthorizationCredentials, key: Any) -> dict[str, Any]:
    try:
        return jwt.decode(bearer.credentials, key, algorithms=["ES256"], issuer=ISSUER, audience=AUDIENCE)
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None


def _client(setup: Setup) -> Any:
    host, _, port = setup["redis"].partition(":")
    return redis.asyncio.Redis(host=host, port=int(port), protocol=2)


class App(NamedTuple):
    """``shows``: what its requests present, see ``whole_request.presented``; the bare ones get tokens, too, and read
    none. ``over``: the bare one of its framework.

    ``added``: the most microseconds of CPU that it is to add. ``share``: the least of the bare one's throughput.
    """

    make: Callable[[Setup], Any]
    shows: str = ""
    over: str = ""
    added: float = 0
    share: float = 0


STARLETTE, FASTAPI = "Starlette, no auth", "FastAPI, no auth"
BEARER, BEARER_FASTAPI = "watchword, bearer, seen before", "watchword, bearer, seen before (FastAPI)"
SESSION, SESSION_READ = "watchword, session, kept near", "watchword, session, read from Redis each time"
PYJWT, BLOCKLIST = "PyJWT in a FastAPI dependency", "PyJWT and a Redis blocklist"
STARSESSIONS = "starsessions over Redis"

APPS: dict[str, App] = {
    STARLETTE: App(bare_starlette, "bearer"),
    BEARER: App(ours_in_starlette, "bearer", STARLETTE, added=15, share=0.75),
    "watchword, bearer, each token new": App(ours_in_starlette, "new", STARLETTE),
    SESSION: App(ours_in_starlette, "session", STARLETTE, added=10),
    SESSION_READ: App(ours_reading_each_time, "session", STARLETTE, added=25),
    "Starlette's SessionMiddleware (signed cookie)": App(signed_cookie, "signed", STARLETTE),
    STARSESSIONS: App(starsessions_over_redis, "starsessions", STARLETTE),
    FASTAPI: App(bare_fastapi, "bearer"),
    BEARER_FASTAPI: App(ours_in_fastapi, "bearer", FASTAPI),
    PYJWT: App(pyjwt, "bearer", FASTAPI),
    BLOCKLIST: App(pyjwt_and_blocklist, "bearer", FASTAPI),
}


def main() -> None:
    logging.getLogger("watchword").setLevel(logging.ERROR)
    setup = json.loads(sys.stdin.readline())
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    options = {"http": "httptools", "loop": "uvloop", "access_log": False, "timeout_keep_alive": 3600}
    server = uvicorn.Server(uvicorn.Config(APPS[sys.argv[1]].make(setup), log_level="warning", **options))

    def answer() -> None:
        for _ in sys.stdin:
            _say(time.process_time_ns())
        server.should_exit = True

    _say(listener.getsockname()[1])
    threading.Thread(target=answer, daemon=True).start()
    server.run([listener])


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
