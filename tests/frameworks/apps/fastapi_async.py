"""FastAPI with ``async def`` routes."""

from contextlib import suppress
from typing import Annotated

from fastapi import Depends, FastAPI, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse

from tests.frameworks.apps import AUTH, OPTIONS, URL, fall
from tests.frameworks.requests import ATTEMPTS, FRESH
from watchword import Principal, Watchword
from watchword.integrations.fastapi import Auth

app = FastAPI(default_response_class=PlainTextResponse)
auth = Auth(Watchword(URL, **OPTIONS), **AUTH)
auth.attach(app)

Caller = Annotated[Principal, Depends(auth)]


@app.get("/public")
async def public() -> str:
    return "hello"


@app.get("/me")
async def me(who: Caller) -> str:
    return who.subject


@app.get("/maybe")
async def maybe(who: Annotated[Principal | None, Depends(auth.optional)]) -> str:
    return "nobody" if who is None else who.subject


@app.get("/orders")
async def orders(who: Annotated[Principal, Depends(auth.require("orders:read"))]) -> str:
    return f"orders of {who.subject}"


@app.get("/admin")
async def admin(who: Annotated[Principal, Depends(auth.require(role="admin"))]) -> str:
    return f"admin {who.subject}"


@app.get("/fresh")
async def fresh(who: Annotated[Principal, Depends(auth.require(fresh=FRESH))]) -> str:
    return f"fresh {who.subject}"


@app.post("/write")
async def write(who: Caller) -> str:
    return f"written by {who.subject}"


@app.post("/login")
async def login(response: Response, user: str) -> str:
    await auth.sign_in(response, subject=user)
    return "welcome"


@app.post("/refused")
async def refused(response: Response, user: str) -> str:
    await auth.sign_in(response, subject=user)
    response.status_code = 400
    return "refused"


@app.post("/forget")
async def forget(response: Response, who: Caller) -> str:
    await auth.sign_out(response, who, clear_site_data=True)
    return "forgotten"


@app.post("/attempt")
async def attempt(user: str) -> str:
    await auth.limit(ATTEMPTS, account=user)
    return "counted"


@app.post("/logout")
async def logout(response: Response, who: Caller) -> str:
    await auth.sign_out(response, who)
    return "bye"


@app.websocket("/feed")
async def feed(websocket: WebSocket, who: Caller) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(who.subject)
            await websocket.receive_text()


@app.get("/down")
async def down(user: str) -> str:
    return fall(user)
