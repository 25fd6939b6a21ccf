"""``GET /api/me``: who is calling, by session cookie or bearer token. The smallest API there is, to try a token on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ..auth_server import AuthServer
from ..replies import json_reply


async def me(server: AuthServer, request: Request) -> Response:
    """200 ``{"subject", "kind", "scopes", "roles", "expires_at"}``; refusals as RFC 6750 §3 has them."""
    who = await server.auth.require()
    return json_reply(
        {
            "subject": who.subject,
            "kind": who.kind,
            "scopes": sorted(who.scopes),
            "roles": sorted(who.roles),
            "expires_at": who.expires_at,
        }
    )
