"""An API for a mobile application: access tokens of minutes, refresh tokens that rotate, a list of devices.

It prints its address when it is ready. Environment: API_HOME, a directory of its own for the database and the keys;
API_PASSWORD, the password of the one account, ada.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

from watchword import Principal, Watchword
from watchword.crypto.passwords import hash_password, password_matches
from watchword.integrations.fastapi import Auth
from watchword.tokens.base import Issued
from watchword.web.ratelimit import Limits, RateLimit

CLIENT = "notes-app"
LOGIN = Limits("login", account=RateLimit("5/min"), address=RateLimit("50/min"), everyone=RateLimit("1000/min"))


class SignIn(BaseModel):
    account: str
    password: str
    device: str
    """What the list of devices shows: "Pixel 9"."""


class Spend(BaseModel):
    refresh_token: str


def make_app(ww: Watchword, accounts: Mapping[str, str]) -> FastAPI:
    """``accounts``: name -> Argon2id hash. Watchword owns no user table; this one is the application's."""
    app, auth = FastAPI(title="Notes"), Auth(ww)
    auth.attach(app)

    def answered(refresh: Issued, response: Response) -> dict[str, Any]:
        """Both tokens. The access token belongs to the family: what ends that ends it, too."""
        access = ww.access.issue(
            refresh.subject,
            scopes=refresh.scopes,
            roles=refresh.roles,
            client_id=CLIENT,
            family_id=refresh.family_id,
            auth_time=refresh.auth_time,
            rev=refresh.rev,
        )
        response.headers["cache-control"] = "no-store"
        return {"access_token": access.token, "refresh_token": refresh.token}

    @app.post("/sign-in")
    async def sign_in(asked: SignIn, request: Request, response: Response) -> dict[str, Any]:
        await auth.limit(LOGIN, account=asked.account)
        if not await asyncio.to_thread(password_matches, asked.password, accounts.get(asked.account)):
            raise HTTPException(401, "wrong name or password")
        address = request.client.host if request.client else None
        family = await ww.refresh.issue(
            asked.account, client_id=CLIENT, device=asked.device, ip=address, scopes=["notes"]
        )
        return answered(family, response)

    @app.post("/token")
    async def token(asked: Spend, response: Response) -> dict[str, Any]:
        """401: sign in again. 503: nothing happened, ask again."""
        return answered(await ww.refresh.rotate(asked.refresh_token, client_id=CLIENT), response)

    @app.get("/notes")
    async def notes(who: Annotated[Principal, Depends(auth.require("notes"))]) -> dict[str, Any]:
        return {"of": who.subject, "notes": ["buy milk"]}

    @app.get("/devices")
    async def devices(who: Annotated[Principal, Depends(auth)]) -> list[dict[str, Any]]:
        found = await ww.devices.list(who.subject, current=who.family_id)
        return [msgspec.to_builtins(device) for device in found]

    @app.delete("/devices/{handle}", status_code=204)
    async def end(handle: str, who: Annotated[Principal, Depends(auth)]) -> None:
        if not await ww.devices.end(who.subject, handle):
            raise HTTPException(404, "no device of yours")

    @app.post("/sign-out", status_code=204)
    async def sign_out(response: Response, who: Annotated[Principal, Depends(auth)]) -> None:
        await auth.sign_out(response, who)

    return app


def main() -> None:
    home = Path(os.environ["API_HOME"])
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    ww = Watchword(f"sqlite:///{home / 'notes.db'}", issuer="https://notes.example", audience="https://notes.example")
    app = make_app(ww, {"ada": hash_password(os.environ["API_PASSWORD"])})
    print(base, flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listener])


if __name__ == "__main__":
    main()
