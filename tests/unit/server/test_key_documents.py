"""The two key documents: public keys alone, for everybody, and enough to verify by."""

import json

import jwt
import pytest

from tests.unit.server.house import AUDIENCE, ISSUER, House, open_house
from watchword import AccessTokens, Key, KeyRing

DOCUMENTS = ["/.well-known/jwks.json", "/.well-known/paseto-keys.json"]


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_they_may_be_cached_and_read_by_any_page(house: House, path: str) -> None:
    reply = await house.ask("GET", path, origin="https://elsewhere.example")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.headers["cache-control"] == "public, max-age=300"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in reply.headers


async def test_no_other_endpoint_is_open_to_other_origins(house: House) -> None:
    for path in ("/", "/api/me", "/health", "/account/session", "/oauth/token", "/nothing"):
        for method in ("GET", "OPTIONS", "POST"):
            reply = await house.ask(method, path, origin="https://elsewhere.example")
            assert "access-control-allow-origin" not in reply.headers


async def test_only_public_members(house: House) -> None:
    for path in DOCUMENTS:
        text = (await house.ask("GET", path)).text
        assert json.loads(text)["keys"]
        assert not {"d", "k", "p", "q"} & {name for key in json.loads(text)["keys"] for name in key}
        assert "k4.secret" not in text
        assert "k4.local" not in text


async def test_they_are_enough_to_verify(house: House) -> None:
    documents = [(await house.ask("GET", path)).json() for path in DOCUMENTS]
    rings = {
        "jwt": KeyRing.of(*map(Key.from_jwk, documents[0]["keys"]), clock=house.clock),
        "paseto": KeyRing.of(*(Key.from_paserk(key["paserk"]) for key in documents[1]["keys"]), clock=house.clock),
    }
    cookie = await house.sign_in()
    for format, ring in rings.items():
        token = (await house.mint(cookie, format=format))["access_token"]
        assert AccessTokens(ring, issuer=ISSUER, audience=AUDIENCE).verify(token).subject == "alice"
    token = (await house.mint(cookie, format="jwt"))["access_token"]
    [jwk] = jwt.PyJWKSet.from_dict(documents[0]).keys
    claims = jwt.decode(
        token,
        jwk.key,
        ["ES256"],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert claims["sub"] == "alice"


async def test_a_symmetric_signer_is_never_published() -> None:
    ring = KeyRing.of(Key.generate("HS256"), Key.generate("HS256", use="mac"))
    async with open_house(ring=ring) as house:
        reply = await house.ask("GET", DOCUMENTS[0])
        assert (reply.status_code, reply.json()["error"]) == (500, "server_error")
