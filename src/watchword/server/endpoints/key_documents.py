"""``/.well-known/jwks.json`` and ``/.well-known/paseto-keys.json``: the public keys, for anybody, from one ring."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ..auth_server import AuthServer
from ..replies import json_reply


async def jwks(server: AuthServer, request: Request) -> Response:
    """The JWK Set (RFC 7517 §5)."""
    return json_reply(server.ww.ring.jwks(), headers=_public(server))


async def paseto_keys(server: AuthServer, request: Request) -> Response:
    """The same for PASETO: PASERK public keys with their states."""
    return json_reply(server.ww.ring.paseto_keys(), headers=_public(server))


def _public(server: AuthServer) -> dict[str, str]:
    """May be cached, and read by any page; without credentials, since there are none to send."""
    seconds = int(server.ww.ring.policy.discovery_cache.total_seconds())
    return {"cache-control": f"public, max-age={seconds}", "access-control-allow-origin": "*"}
