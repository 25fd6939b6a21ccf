"""Asking the policy: what is raised, what is written down, and what the outside gets to read of it."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx2
import pytest
from fastapi import Depends, FastAPI

from watchword import FrozenClock, Principal, Watchword, blocking
from watchword.errors import ConfigurationError, PolicyDeniedError, PolicyUnavailableError
from watchword.integrations.asgi import Auth as AsgiAuth
from watchword.integrations.fastapi import Auth
from watchword.policy.base import Decision, Facts
from watchword.policy.rbac import RBAC, Role

OPTIONS: dict[str, Any] = {"issuer": "https://app.example", "audience": "https://api.example"}
SHOP = {"clerk": Role(permissions=["orders:read"]), "admin": Role(permissions=["orders:refund"], inherits=["clerk"])}


class Told:
    """A policy that says what it is told, and is recorded."""

    recorded = True

    def __init__(self, decision: Decision | Exception) -> None:
        self.decision = decision
        self.asked: list[tuple[str, Facts | None, Facts | None]] = []

    async def decide(
        self, who: Principal, action: str, resource: Facts | None = None, context: Facts | None = None
    ) -> Decision:
        self.asked.append((action, resource, context))
        if isinstance(self.decision, Exception):
            raise self.decision
        return self.decision


YES = Decision(allowed=True, policy="told", rule="rule-1", decision_id="d-1")
NO = Decision(allowed=False, policy="told", rule="rule-2", reason="it is late", decision_id="d-2")


@pytest.fixture
async def ww() -> AsyncIterator[Watchword]:
    async with Watchword("memory:", policy=RBAC(SHOP), clock=FrozenClock(), **OPTIONS) as opened:
        yield opened


async def signed_in(ww: Watchword, *roles: str) -> Principal:
    return await ww.sessions.authenticate((await ww.sessions.start("ada", roles=roles)).token)


async def test_yes_is_returned_and_no_is_raised(ww: Watchword) -> None:
    admin, clerk = await signed_in(ww, "admin"), await signed_in(ww, "clerk")
    assert (await ww.authorize(admin, "orders:refund")).rule == "admin > orders:refund"
    with pytest.raises(PolicyDeniedError, match=r"rbac does not allow 'orders:refund': none of the roles \['clerk'\]"):
        await ww.authorize(clerk, "orders:refund")


async def test_roles_touch_neither_store_nor_network(ww: Watchword, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await signed_in(ww, "admin")
    rows = len(await ww.events())

    def never(*_: object, **__: object) -> NoReturn:
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(socket, "socket", never)
    for verb in ("get", "put", "swap", "find", "append", "take", "drop", "tail", "tail_now"):
        monkeypatch.setattr(ww.store, verb, never)
    await ww.authorize(admin, "orders:read", {"id": "o-1"}, {"late": True})
    with pytest.raises(PolicyDeniedError):
        await ww.authorize(admin, "users:write")
    monkeypatch.undo()
    assert len(await ww.events()) == rows


@pytest.mark.parametrize("decision", [YES, NO])
async def test_what_an_engine_decides_stands_in_the_trail(decision: Decision) -> None:
    policy = Told(decision)
    async with Watchword("memory:", policy=policy, **OPTIONS) as ww:
        who = await signed_in(ww)
        if decision.allowed:
            assert await ww.authorize(who, "orders:refund", {"id": "o-1"}, {"late": True}) == decision
        else:
            with pytest.raises(PolicyDeniedError) as denied:
                await ww.authorize(who, "orders:refund", {"id": "o-1"}, {"late": True})
            assert denied.value.decision_id == "d-2"
        assert policy.asked == [("orders:refund", {"id": "o-1"}, {"late": True})]
        (row,) = [row for row in await ww.events(subject="ada") if row.name == "decided"]
        assert row.detail == {
            "action": "orders:refund",
            "policy": "told",
            "rule": decision.rule,
            "decision_id": decision.decision_id,
            "allowed": decision.allowed,
        }


async def test_without_a_policy_there_is_nothing_to_ask() -> None:
    async with Watchword("memory:", **OPTIONS) as ww:
        with pytest.raises(ConfigurationError, match="no policy"):
            await ww.authorize(await signed_in(ww), "orders:read")
        with pytest.raises(ConfigurationError, match="nobody could ever have 'orders:read'"):
            Auth(ww).require(permission="orders:read")


def test_threads_ask_as_well() -> None:
    with blocking.Watchword("memory:", policy=RBAC(SHOP), **OPTIONS) as ww:
        who = ww.sessions.authenticate(ww.sessions.start("ada", roles=["clerk"]).token)
        assert ww.authorize(who, "orders:read").allowed
        with pytest.raises(PolicyDeniedError):
            ww.authorize(who, "orders:refund")


def shop(ww: Watchword) -> FastAPI:
    app, auth = FastAPI(), Auth(ww)
    auth.attach(app)

    @app.get("/refund")
    async def refund(who: Annotated[Principal, Depends(auth.require(permission="orders:refund"))]) -> str:
        return who.subject

    @app.get("/scoped")
    async def scoped(who: Annotated[Principal, Depends(auth.require("orders", permission="orders:refund"))]) -> str:
        return who.subject

    return app


async def got(app: Any, path: str, token: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://app.example") as client:
        return await client.get(path, headers={"authorization": f"Bearer {token}"})


async def test_a_route_is_for_those_whom_the_policy_lets_in(ww: Watchword) -> None:
    app = shop(ww)
    assert (await got(app, "/refund", ww.access.issue("ada", roles=["admin"]).token)).json() == "ada"
    refused = await got(app, "/refund", ww.access.issue("ada", roles=["clerk"]).token)
    assert refused.status_code == 403
    assert refused.json() == {"error": "access_denied", "error_description": "This caller may not do this."}
    assert "www-authenticate" not in refused.headers


async def test_a_permission_does_not_stand_in_for_a_scope(ww: Watchword) -> None:
    app = shop(ww)
    narrow = await got(app, "/scoped", ww.access.issue("ada", roles=["admin"]).token)
    assert (narrow.status_code, narrow.json()["error"]) == (403, "insufficient_scope")
    assert (await got(app, "/scoped", ww.access.issue("ada", scopes=["orders"]).token)).status_code == 403
    both = ww.access.issue("ada", scopes=["orders"], roles=["admin"]).token
    assert (await got(app, "/scoped", both)).status_code == 200


@pytest.mark.parametrize(
    ("says", "status"), [(YES, 200), (NO, 403), (PolicyUnavailableError("opa.internal is away"), 503)]
)
async def test_no_word_of_the_reason_leaves_the_house(says: Decision | Exception, status: int) -> None:
    async with Watchword("memory:", policy=Told(says), **OPTIONS) as ww:
        auth = AsgiAuth(ww)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await auth.require(permission="orders:refund")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"done"})

        reply = await got(auth.attach(app), "/", ww.access.issue("ada").token)
        assert reply.status_code == status
        told = reply.text + str(reply.headers)
        assert not any(word in told for word in ("rule-", "late", "told", "d-2", "opa", "refund"))


CONFIG = """
url = "memory:"
issuer = "https://app.example"
audience = "https://api.example"

[policy.roles.clerk]
permissions = ["orders:read"]

[policy.roles.admin]
permissions = ["orders:refund"]
inherits = ["clerk"]
"""


async def test_roles_come_from_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "watchword.toml"
    path.write_text(CONFIG)
    async with Watchword.from_config(path) as ww:
        said = await ww.authorize(await signed_in(ww, "admin"), "orders:read")
        assert said.rule == "admin > clerk > orders:read"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("inherits", "inherit"), "inherit"),
        (('["clerk"]', '["admin"]'), "in a circle"),
        (('["orders:refund"]', '"orders:refund"'), "does not fit"),
        (("policy.roles.clerk", "policy.rolls.clerk"), "did you mean policy.roles"),
    ],
)
def test_a_mistake_in_the_configuration_is_told(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = tmp_path / "watchword.toml"
    path.write_text(CONFIG.replace(*change))
    with pytest.raises(ConfigurationError, match=says):
        Watchword.from_config(path)


def test_without_roles_there_is_no_policy(tmp_path: Path) -> None:
    path = tmp_path / "watchword.toml"
    path.write_text(CONFIG.partition("[policy")[0])
    assert Watchword.from_config(path).policy is None
