"""examples/gateway: a real nginx asks forward-auth, and an Envoy's configuration says the same of the same issuer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from examples.gateway import envoy
from examples.gateway.plan import HEADERS, ISSUER, SERVICES, TOKEN_HEADER
from examples.gateway.stage import Stage, program, running
from examples.gateway.tour import ELSEWHERE, OUR_PAGE, SPOOFED, sign_in
from tests.conftest import require
from watchword import AccessTokens, FrozenClock, KeyRing

Told = dict[str, list[str]]


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    found = require("nginx", program(), "no nginx in /usr/sbin or on PATH: apt-get install nginx-light")
    async with running(found) as started:
        yield started


@pytest.fixture
async def http(stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=stage.url, timeout=10, trust_env=False) as client:
        yield client


def told(answer: httpx2.Response) -> Told:
    """The headers that the orders service got."""
    assert answer.status_code == 200, answer.text
    got: Told = {}
    for name, value in answer.json()["headers"]:
        got.setdefault(name, []).append(value)
    return got


async def written(stage: Stage, *lines: str) -> str:
    """These lines to the gateway, byte for byte, and what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.ports.gateway)
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
    got = await reader.read()
    writer.close()
    return got.decode("latin-1")


async def test_without_a_credential_it_is_401_with_a_challenge(http: httpx2.AsyncClient) -> None:
    for headers in ({}, SPOOFED, {"cookie": "__Host-Http-ww_sid=ww_ss_x"}, {"authorization": "Bearer x.y.z"}):
        for path in ("/orders/7", "/bills/7"):
            answer = await http.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_session_opens_and_what_the_client_said_is_gone(http: httpx2.AsyncClient) -> None:
    ada = await sign_in(http, "ada")
    got = told(
        await http.get("/orders/7", headers=ada | SPOOFED | {"x-original-uri": "/", "x-original-ip": "10.0.0.1"})
    )
    assert got["x-auth-subject"] == ["ada"]
    assert got["x-auth-scopes"] == ["bills:read orders:read"]
    assert "forged" not in str(got)
    assert not {"cookie", "authorization", "x-api-key", "x-original-uri", "x-original-ip"} & got.keys()


@pytest.mark.parametrize("name", [*HEADERS, TOKEN_HEADER])
async def test_no_spelling_of_a_header_comes_through(stage: Stage, http: httpx2.AsyncClient, name: str) -> None:
    ada = (await sign_in(http, "ada"))["cookie"]
    spellings = (name, name.lower(), name.upper(), name.replace("-", "_"))
    lines = [f"{one}: evil-{number}" for number, one in enumerate(spellings)]
    answer = await written(stage, "GET /orders/7 HTTP/1.1", "Host: a", f"Cookie: {ada}", *lines, *lines)
    assert answer.startswith("HTTP/1.1 200")
    assert "evil" not in answer


async def test_a_scope_that_is_missing_is_403(stage: Stage, http: httpx2.AsyncClient) -> None:
    nothing = {"authorization": f"Bearer {stage.ww.access.issue('eve').token}"}
    assert (await http.get("/orders/7", headers=nothing)).status_code == 403  # by the gateway: orders looks at none
    bob = await sign_in(http, "bob")
    assert (await http.get("/orders/7", headers=bob)).status_code == 200
    assert (await http.get("/bills/7", headers=bob)).status_code == 403


@pytest.mark.parametrize("path", ["/orders/../bills/7", "/orders/%2e%2e/bills/7", "//bills/7", "/orders/..%2fbills/7"])
async def test_no_path_leads_from_one_service_to_the_other(stage: Stage, http: httpx2.AsyncClient, path: str) -> None:
    bob = (await sign_in(http, "bob"))["cookie"]
    answer = await written(stage, f"GET {path} HTTP/1.1", "Host: a", f"Cookie: {bob}")
    assert answer.split()[1] in ("400", "403", "404")
    assert "subject" not in answer


async def test_the_original_request_is_judged(http: httpx2.AsyncClient) -> None:
    ada = await sign_in(http, "ada")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await http.request(method, "/orders/7", headers=ada | ELSEWHERE)).status_code == 403
        lie = {"x-original-method": "GET", "x-http-method-override": "GET"}
        assert (await http.request(method, "/orders/7", headers=ada | ELSEWHERE | lie)).status_code == 403
    assert (await http.post("/orders/7", headers=ada | OUR_PAGE, content=b"a" * 100_000)).status_code == 200
    socket = {"sec-websocket-key": "x", "upgrade": "websocket", "origin": "https://evil.example"}
    assert (await http.get("/orders/7", headers=ada | socket)).status_code == 403


async def test_bearers_open_as_well_and_two_credentials_do_not(stage: Stage, http: httpx2.AsyncClient) -> None:
    bearer = {"authorization": f"Bearer {stage.ww.access.issue('eve', scopes=['orders:read']).token}"}
    got = told(await http.get("/orders/7", headers=bearer))
    assert (got["x-auth-subject"], "authorization" in got) == (["eve"], False)
    assert (await http.get("/orders/7", headers=bearer | await sign_in(http, "ada"))).status_code == 401


async def test_what_the_gateway_asks_is_closed_to_others(stage: Stage, http: httpx2.AsyncClient) -> None:
    ada = await sign_in(http, "ada")
    for path in ("/_auth/orders", "/_auth/orders/", "/.well-known/jwks.json", "/"):
        assert (await http.get(path, headers=ada)).status_code == 404
    direct = f"http://127.0.0.1:{stage.ports.auth}/_auth/orders"
    assert (await http.get(direct, headers=ada)).status_code == 403  # it does not say what it was asked


async def test_a_token_is_for_its_service_alone(stage: Stage, http: httpx2.AsyncClient) -> None:
    ada = await sign_in(http, "ada")
    [token] = told(await http.get("/orders/7", headers=ada))["x-auth-token"]
    direct = f"http://127.0.0.1:{stage.ports.services['bills']}/bills/7"
    assert (await http.get(direct, headers={TOKEN_HEADER: token})).status_code == 401
    assert (await http.get(direct)).status_code == 401
    assert (await http.get("/bills/7", headers=ada)).json()["subject"] == "ada"


async def test_after_sign_out_it_is_401(http: httpx2.AsyncClient) -> None:
    ada = await sign_in(http, "ada")
    assert (await http.get("/orders/7", headers=ada)).status_code == 200
    assert (await http.post("/account/sign-out", headers=ada | OUR_PAGE)).status_code == 204
    assert (await http.get("/orders/7", headers=ada)).status_code == 401


# Envoy, of which there is none here: what it reads is looked at


def envoy_parts() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The bootstrap, its connection manager, and its jwt_authn; as Envoy reads them, from JSON."""
    whole = json.loads(json.dumps(envoy.configuration()))
    [listener] = whole["static_resources"]["listeners"]
    [chain] = listener["filter_chains"]
    [network] = chain["filters"]
    manager = network["typed_config"]
    return whole, manager, manager["http_filters"][0]["typed_config"]


def test_envoy_authenticates_before_it_routes() -> None:
    whole, manager, _ = envoy_parts()
    assert [one["name"] for one in manager["http_filters"]] == [
        "envoy.filters.http.jwt_authn",
        "envoy.filters.http.router",
    ]
    types = [value for key, value in _pairs(whole) if key == "@type"]
    assert len(types) == 6
    assert all(one.startswith("type.googleapis.com/envoy.extensions.") and ".v3." in one for one in types)


def test_every_route_has_a_rule_and_every_cluster_is_there() -> None:
    whole, manager, authentication = envoy_parts()
    clusters = {one["name"] for one in whole["static_resources"]["clusters"]}
    [host] = manager["route_config"]["virtual_hosts"]
    routed = {one["match"]["prefix"]: one["route"]["cluster"] for one in host["routes"]}
    ruled = {one["match"]["prefix"]: one["requires"]["provider_name"] for one in authentication["rules"]}
    assert routed == ruled == {one.prefix: one.name for one in SERVICES}
    assert set(routed.values()) <= clusters
    assert set(ruled.values()) == set(authentication["providers"])
    assert {value for key, value in _pairs(authentication) if key == "cluster"} <= clusters


def test_each_provider_takes_what_our_issuer_writes_and_nothing_for_another_service() -> None:
    _, _, authentication = envoy_parts()
    ring, clock = KeyRing.generate("ES256"), FrozenClock()
    for service in SERVICES:
        provider = authentication["providers"][service.name]
        tokens = AccessTokens(ring, issuer=ISSUER, audience=service.audience, clock=clock)
        who = tokens.verify(tokens.issue("ada", scopes=service.scopes).token)
        assert (provider["issuer"], provider["audiences"]) == (ISSUER, [service.audience])
        assert provider["require_expiration"] is True
        assert who.expires_at - who.issued_at <= int(provider["max_lifetime"].removesuffix("s"))
        assert provider["remote_jwks"]["http_uri"]["uri"] == f"{ISSUER}/.well-known/jwks.json"
        told = {one["header_name"]: one["claim_name"] for one in provider["claim_to_headers"]}
        assert told == {"x-auth-subject": "sub", "x-auth-scopes": "scope"}
        assert provider["from_headers"] == [{"name": "Authorization", "value_prefix": "Bearer "}]
    assert {key["alg"] for key in ring.jwks()["keys"]} == {"ES256"}  # which Envoy verifies


def test_envoy_reads_paths_and_headers_as_the_services_do() -> None:
    _, manager, _ = envoy_parts()
    assert (manager["normalize_path"], manager["merge_slashes"]) == (True, True)
    assert manager["path_with_escaped_slashes_action"] == "REJECT_REQUEST"
    assert manager["common_http_protocol_options"] == {"headers_with_underscores_action": "REJECT_REQUEST"}
    [host] = manager["route_config"]["virtual_hosts"]
    assert {"cookie", "x-api-key", TOKEN_HEADER.lower(), "x-original-method"} <= set(host["request_headers_to_remove"])


def _pairs(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from _pairs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner)
