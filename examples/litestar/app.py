"""A members' area in Litestar.

python examples/litestar/app.py
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import uvicorn
from litestar import Controller, Litestar, Request, get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.template import TemplateConfig

from watchword import Principal, Watchword
from watchword.crypto.passwords import check_new_password
from watchword.errors import TokenError
from watchword.integrations.litestar import Auth
from watchword.server.accounts.password_pool import PasswordPool
from watchword.web.headers import secure_page
from watchword.web.ratelimit import Limits, RateLimit

SIGN_IN = Limits("sign-in", account=RateLimit("5/min"), address=RateLimit("50/min"), everyone=RateLimit("1000/min"))
Asked = Request[Principal, Any, Any]
PAGES = Path(__file__).parents[1] / "pages"


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


@dataclass(frozen=True)
class Form:
    username: str
    password: str
    remember: str = ""


def page(template: str, status: int = 200, **values: Any) -> Template:
    made = secure_page()  # a fresh nonce, CSP, no-store …
    context = values | {"nonce": made.nonce}
    return Template(template, context=context, status_code=status, headers=made.headers)


def create_app(ww: Watchword, accounts: Accounts) -> Litestar:
    auth = Auth(ww)

    async def visitor() -> Principal | None:
        """Who looks at a page. A session that has ended is nobody's: sign in again."""
        try:
            return await auth.optional()
        except TokenError:
            return None

    @get("/", include_in_schema=False)
    async def home() -> Template | Redirect:
        who = await visitor()
        if who is None:
            return Redirect("/sign-in", status_code=303)
        devices = await ww.devices.list(who.subject, current=who.device)
        return page("home.html", name=who.subject, roles=sorted(who.roles), devices=devices, now=ww.clock.now())

    @get("/sign-in", include_in_schema=False)
    async def sign_in_page() -> Template:
        return page("sign_in.html")

    @post("/sign-in")
    async def sign_in(data: URLEncodedBody[Form]) -> Template | Redirect:
        await auth.limit(SIGN_IN, account=data.username)  # too many: 429 and Retry-After
        account = await accounts.check(data.username, data.password)
        if account is None:
            return page("sign_in.html", 401, error="That name and password do not belong together.")
        await ww.limits.forget(SIGN_IN, account=data.username)
        # The cookie goes with the answer; a session that this browser had before has ended.
        await auth.sign_in(data.username, roles=account.roles, scopes=account.scopes, remember=data.remember == "yes")
        return Redirect("/", status_code=303)

    class Devices(Controller):
        """What a caller does about being signed in. The guard leaves the caller in ``request.user``."""

        guards = (auth.require(),)

        @post("/sign-out")
        async def sign_out(self, request: Asked) -> Redirect:
            await auth.sign_out(request.user)
            return Redirect("/sign-in", status_code=303)

        @post("/devices/end-all")
        async def sign_out_everywhere(self, request: Asked) -> Redirect:
            await ww.devices.end_all(request.user.subject, keep=request.user.device)
            await auth.sign_out(request.user)
            return Redirect("/sign-in", status_code=303)

        @post("/devices/{handle:str}/end")
        async def sign_out_device(self, request: Asked, handle: FromPath[str]) -> Redirect:
            await ww.devices.end(request.user.subject, handle)  # only the caller's own
            return Redirect("/", status_code=303)

    @get("/me", guards=[auth.require()])
    async def me(request: Asked) -> dict[str, Any]:
        who = request.user
        return {"subject": who.subject, "roles": sorted(who.roles), "scopes": sorted(who.scopes)}

    @get("/admin", guards=[auth.require(role="admin")])
    async def admin(request: Asked) -> dict[str, str]:
        return {"welcome": request.user.subject}

    @get("/api/orders", guards=[auth.require("orders:read")])
    async def orders(request: Asked) -> dict[str, Any]:
        """For scripts, too: a session, an access token or an API key that has the scope."""
        return {"orders": [{"id": "o-1", "of": request.user.subject}]}

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await accounts.passwords.open()
        yield
        accounts.passwords.close()

    return Litestar(
        [home, sign_in_page, sign_in, Devices, me, admin, orders],
        plugins=[auth],  # opens and closes the Watchword, too
        lifespan=[lifespan],
        template_config=TemplateConfig(directory=PAGES, engine=JinjaTemplateEngine),
    )


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
