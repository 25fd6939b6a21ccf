"""What the gateway asks: one forward-auth for each service; and where people sign in and out."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.gateway.plan import HEADERS, SERVICES, TOKEN_HEADER
from watchword import Watchword
from watchword.bff.forward_auth import ForwardAuth, Mint
from watchword.crypto.digest import same
from watchword.integrations.starlette import Auth
from watchword.web.ratelimit import Limits, RateLimit

SIGN_IN = Limits("sign-in", account=RateLimit("10/min"), address=RateLimit("50/min"))


def make_app(ww: Watchword, accounts: dict[str, tuple[str, tuple[str, ...]]]) -> Starlette:
    """``accounts``: name -> password and scopes; in the place of your user table, which has hashes."""
    auth = Auth(ww)

    async def sign_in(request: Request) -> Response:
        form = await request.json()
        name, password = str(form["name"]), str(form["password"])
        await auth.limit(SIGN_IN, account=name)
        known, scopes = accounts.get(name, ("", ()))
        if not known or not same(known, password):
            return JSONResponse({"error": "wrong_password"}, 401)
        await auth.sign_in(name, scopes=scopes)
        return Response(status_code=204)

    async def sign_out(request: Request) -> Response:
        await auth.sign_out(await auth.require())
        return Response(status_code=204)

    async def jwks(request: Request) -> Response:
        return JSONResponse(ww.ring.jwks(), headers={"cache-control": "public, max-age=300"})

    asked = [
        Route(
            f"/_auth/{service.name}",
            ForwardAuth(
                ww,
                gateway="nginx",
                headers=HEADERS,
                scopes=service.scopes,
                mint=Mint(audience=service.audience, header=TOKEN_HEADER),
            ),
        )
        for service in SERVICES
    ]
    app = Starlette(
        routes=[
            *asked,
            Route("/account/sign-in", sign_in, methods=["POST"]),
            Route("/account/sign-out", sign_out, methods=["POST"]),
            Route("/.well-known/jwks.json", jwks),
        ]
    )
    auth.attach(app)
    return app
