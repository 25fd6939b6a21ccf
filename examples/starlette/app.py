"""A members' area in Starlette.

python examples/starlette/app.py
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from watchword import Watchword
from watchword.crypto.passwords import check_new_password
from watchword.integrations.starlette import Auth
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


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    made = secure_page()  # a fresh nonce, CSP, no-store …
    context = values | {"nonce": made.nonce}
    return pages.TemplateResponse(request, template, context, status_code=status, headers=made.headers)


class Members:
    """The endpoints. ``request.user`` is who looks at a page; ``auth.require`` refuses whoever may not."""

    def __init__(self, ww: Watchword, accounts: Accounts) -> None:
        self.ww, self.accounts, self.auth = ww, accounts, Auth(ww)

    async def home(self, request: Request) -> Response:
        if not request.user.is_authenticated:  # nobody, or a session that has ended
            return RedirectResponse("/sign-in", 303)
        who = request.user.principal
        devices = await self.ww.devices.list(who.subject, current=who.device)
        return page(
            request,
            "home.html",
            name=who.subject,
            roles=sorted(who.roles),
            devices=devices,
            now=self.ww.clock.now(),
        )

    async def sign_in_page(self, request: Request) -> Response:
        return page(request, "sign_in.html")

    async def sign_in(self, request: Request) -> Response:
        async with request.form(max_files=0, max_fields=10) as form:
            name, password = str(form.get("username", "")), str(form.get("password", ""))
            remember = form.get("remember") == "yes"
        await self.auth.limit(SIGN_IN, account=name)  # too many: 429 and Retry-After
        account = await self.accounts.check(name, password)
        if account is None:
            return page(request, "sign_in.html", 401, error="That name and password do not belong together.")
        await self.ww.limits.forget(SIGN_IN, account=name)
        # The cookie goes with the answer; a session that this browser had before has ended.
        await self.auth.sign_in(name, roles=account.roles, scopes=account.scopes, remember=remember)
        return RedirectResponse("/", 303)

    async def sign_out(self, request: Request) -> Response:
        await self.auth.sign_out(await self.auth.require())
        return RedirectResponse("/sign-in", 303)

    async def sign_out_everywhere(self, request: Request) -> Response:
        who = await self.auth.require()
        await self.ww.devices.end_all(who.subject, keep=who.device)
        return await self.sign_out(request)

    async def sign_out_device(self, request: Request) -> Response:
        who = await self.auth.require()
        await self.ww.devices.end(who.subject, request.path_params["handle"])  # only the caller's own
        return RedirectResponse("/", 303)

    async def me(self, request: Request) -> Response:
        who = await self.auth.require()
        return JSONResponse({"subject": who.subject, "roles": sorted(who.roles), "scopes": sorted(who.scopes)})

    async def orders(self, request: Request) -> Response:
        """For scripts, too: a session, an access token or an API key that has the scope."""
        who = await self.auth.require("orders:read")
        return JSONResponse({"orders": [{"id": "o-1", "of": who.subject}]})


@requires("role:admin")  # Starlette's own decorator knows our roles and scopes
async def admin(request: Request) -> Response:
    return JSONResponse({"welcome": request.user.identity})


def create_app(ww: Watchword, accounts: Accounts) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await accounts.passwords.open()
        yield
        accounts.passwords.close()

    members = Members(ww, accounts)
    app = Starlette(
        routes=[
            Route("/", members.home),
            Route("/sign-in", members.sign_in_page),
            Route("/sign-in", members.sign_in, methods=["POST"]),
            Route("/sign-out", members.sign_out, methods=["POST"]),
            Route("/devices/end-all", members.sign_out_everywhere, methods=["POST"]),
            Route("/devices/{handle}/end", members.sign_out_device, methods=["POST"]),
            Route("/me", members.me),
            Route("/admin", admin),
            Route("/api/orders", members.orders),
        ],
        lifespan=lifespan,
    )
    members.auth.attach(app)  # opens and closes the Watchword, too
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
