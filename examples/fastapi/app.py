"""A members' area in FastAPI.

python examples/fastapi/app.py
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates

from watchword import Principal, Watchword
from watchword.crypto.passwords import check_new_password
from watchword.errors import TokenError
from watchword.integrations.fastapi import Auth
from watchword.server.accounts.password_pool import PasswordPool
from watchword.web.headers import secure_page
from watchword.web.ratelimit import Limits, RateLimit

SIGN_IN = Limits("sign-in", account=RateLimit("5/min"), address=RateLimit("50/min"), everyone=RateLimit("1000/min"))
pages = Jinja2Templates(Path(__file__).parents[1] / "pages")


@dataclass(frozen=True)
class Account:
    """``password`` is an Argon2id hash."""

    password: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]


class Accounts:
    """In the place of your user table: watchword has none."""

    def __init__(self) -> None:
        self.passwords = PasswordPool()  # a few threads, off the event loop
        self._known: dict[str, Account] = {}

    async def add(self, name: str, password: str, *, roles: tuple[str, ...] = (), scopes: tuple[str, ...] = ()) -> None:
        check_new_password(password)
        self._known[name] = Account(await self.passwords.hashed(password), roles, scopes)

    async def check(self, name: str, password: str) -> Account | None:
        """The same work whether or not there is such an account: the time tells nobody."""
        account = self._known.get(name)
        right = await self.passwords.matches(password, account.password if account else None)
        return account if right else None


def create_app(ww: Watchword, accounts: Accounts) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await accounts.passwords.open()
        yield
        accounts.passwords.close()

    app = FastAPI(title="Members", lifespan=lifespan)
    auth = Auth(ww)
    auth.attach(app)  # opens and closes the Watchword, too

    def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
        made = secure_page()  # a fresh nonce, CSP, no-store …
        context = values | {"nonce": made.nonce}
        return pages.TemplateResponse(request, template, context, status_code=status, headers=made.headers)

    async def visitor(request: Request) -> Principal | None:
        """Who looks at a page. A session that has ended is nobody's: sign in again."""
        try:
            return await auth.optional(request)
        except TokenError:
            return None

    @app.get("/", include_in_schema=False)
    async def home(request: Request, who: Annotated[Principal | None, Depends(visitor)]) -> Response:
        if who is None:
            return RedirectResponse("/sign-in", 303)
        devices = await ww.devices.list(who.subject, current=who.device)
        return page(
            request,
            "home.html",
            name=who.subject,
            roles=sorted(who.roles),
            devices=devices,
            now=ww.clock.now(),
        )

    @app.get("/sign-in", include_in_schema=False)
    async def sign_in_page(request: Request) -> Response:
        return page(request, "sign_in.html")

    @app.post("/sign-in")
    async def sign_in(
        request: Request,
        username: Annotated[str, Form(max_length=100)],
        password: Annotated[str, Form(max_length=1000)],
        remember: Annotated[bool, Form()] = False,
    ) -> Response:
        await auth.limit(SIGN_IN, account=username)  # too many: 429 and Retry-After
        account = await accounts.check(username, password)
        if account is None:
            return page(request, "sign_in.html", 401, error="That name and password do not belong together.")
        await ww.limits.forget(SIGN_IN, account=username)
        response = RedirectResponse("/", 303)
        await auth.sign_in(
            response, subject=username, roles=account.roles, scopes=account.scopes, remember=remember
        )  # the cookie goes with the answer; a session that this browser had before has ended
        return response

    @app.post("/sign-out")
    async def sign_out(who: Annotated[Principal, Depends(auth)]) -> Response:
        response = RedirectResponse("/sign-in", 303)
        await auth.sign_out(response, who)
        return response

    @app.post("/devices/end-all")
    async def sign_out_everywhere(who: Annotated[Principal, Depends(auth)]) -> Response:
        await ww.devices.end_all(who.subject, keep=who.device)
        return await sign_out(who)

    @app.post("/devices/{handle}/end")
    async def sign_out_device(handle: str, who: Annotated[Principal, Depends(auth)]) -> Response:
        await ww.devices.end(who.subject, handle)  # only the caller's own
        return RedirectResponse("/", 303)

    @app.get("/me")
    async def me(who: Annotated[Principal, Depends(auth)]) -> dict[str, Any]:
        return {"subject": who.subject, "roles": sorted(who.roles), "scopes": sorted(who.scopes)}

    @app.get("/admin")
    async def admin(who: Annotated[Principal, Depends(auth.require(role="admin"))]) -> dict[str, Any]:
        return {"welcome": who.subject}

    @app.get("/api/orders")
    async def orders(who: Annotated[Principal, Depends(auth.require("orders:read"))]) -> dict[str, Any]:
        """For scripts, too: a session, an access token or an API key that has the scope."""
        return {"orders": [{"id": "o-1", "of": who.subject}]}

    return app


async def with_demo_accounts(accounts: Accounts) -> None:
    """Two accounts with passwords of this run, which it prints."""
    for name, roles in {"ada": ("admin",), "eve": ()}.items():
        password = token_urlsafe(12)
        await accounts.add(name, password, roles=roles, scopes=("orders:read",))
        print(f"{name} {password}", flush=True)


async def main() -> None:
    here = f"http://localhost:{environ.get('PORT', '8000')}"
    ww = Watchword(environ.get("STORE", "memory:"), issuer=here, audience=here)
    accounts = Accounts()
    await with_demo_accounts(accounts)
    config = uvicorn.Config(create_app(ww, accounts), port=int(environ.get("PORT", "8000")), log_level="warning")
    print(here, flush=True)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())
