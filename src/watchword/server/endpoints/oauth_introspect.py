"""``POST /oauth/introspect`` (RFC 7662): a resource server asks whether a token is good now, and what it says."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ...errors import TokenError
from ...principal import Principal
from ..auth_server import AuthServer
from ..bodies import read_oauth_form
from ..clients import Client
from ..oauth_error import invalid_request
from ..replies import json_reply

_ACCESS = ("scope", "client_id", "sub", "aud", "iss", "exp", "iat", "nbf", "jti", "sid", "auth_time", "cnf")


async def introspect(server: AuthServer, request: Request) -> Response:
    """200 ``{"active": true, …}``, or exactly ``{"active":false}`` whatever is wrong with the token.

    Only confidential clients may ask (401 ``invalid_client``). One with an ``audience`` of its own hears of access
    tokens for that audience alone; refresh tokens are shown to the others, with ``"token_type": "refresh_token"``.
    """
    form = await read_oauth_form(request)
    client = server.clients.confidential(request, form)
    if "token" not in form:
        raise invalid_request("token is missing.")
    try:
        return json_reply(await _active(server, client, form["token"]))
    except TokenError:
        return json_reply({"active": False})


async def _active(server: AuthServer, client: Client, token: str) -> dict[str, Any]:
    if token.startswith(server.ww.refresh.prefix):
        if client.audience is not None:
            raise TokenError("a resource server has no business with refresh tokens")
        return _refresh(server, await server.ww.refresh.authenticate(token))
    if token.startswith(server.ww.opaque_access.prefix):
        said = await server.ww.opaque_access.introspect(token, audience=client.audience)
        return {"active": True, "token_type": "DPoP" if "cnf" in said else "Bearer"} | said
    who = await server.ww.access.unproven(token)  # the resource server checks the proof, RFC 9449 §6.2
    who.ensure_known()  # our open window is not the resource server's
    claims = who.raw_claims
    aud = claims["aud"]
    if client.audience is not None and client.audience not in ([aud] if isinstance(aud, str) else aud):
        raise TokenError("the token is for another audience than the resource server that asks")
    said = {name: claims[name] for name in _ACCESS if name in claims}
    return {"active": True, "token_type": "DPoP" if "cnf" in claims else "Bearer", "scope": ""} | said


def _refresh(server: AuthServer, who: Principal) -> dict[str, Any]:
    said = {
        "active": True,
        "token_type": "refresh_token",
        "scope": " ".join(sorted(who.scopes)),
        "client_id": who.client_id,
        "sub": who.subject,
        "iss": server.ww.issuer,
        "exp": who.expires_at,
        "iat": who.issued_at,
        "jti": who.token_id,
    }
    return said if who.session_id is None else said | {"sid": who.session_id}
