"""``/account/session`` and ``/account/sessions``: what the signed-in user sees and ends of their own sessions."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from ...principal import Principal
from ...tokens.sessions import SessionInfo
from ..auth_server import AuthServer
from ..oauth_error import OAuthError
from ..replies import json_reply, no_content

CLEAR = {"clear-site-data": '"cache", "storage"'}
"""What the browser is to forget at sign-out; not "cookies", which would take those of our neighbours on the domain."""


async def current(server: AuthServer, request: Request) -> Response:
    """The session of the caller: ``{"session_id", "subject", "scopes", "roles", "auth_time", …}``."""
    who = await server.signed_in()
    return json_reply(await _current(server, who))


async def sign_out(server: AuthServer, request: Request) -> Response:
    """204: the session is ended, with its refresh families and access tokens, and the cookie is cleared."""
    who = await server.signed_in()
    await server.auth.sign_out(who)
    return no_content(CLEAR)


async def every(server: AuthServer, request: Request) -> Response:
    """``{"sessions": [{"session_id", "created_at", "last_seen", "expires_at", "device", "ip", "current"} …]}``."""
    who = await server.signed_in()
    found = await server.ww.sessions.list(who.subject)
    return json_reply({"sessions": [_shown(info, who) for info in found]})


async def end(server: AuthServer, request: Request) -> Response:
    """204: one of the caller's own sessions is ended. 404 for any other id, whether or not it is somebody's."""
    who, wanted = await server.signed_in(), request.path_params["session_id"]
    if wanted not in {info.session_id for info in await server.ww.sessions.list(who.subject)}:
        raise OAuthError("not_found", "There is no such session.", http_status=404)
    if wanted == who.session_id:
        await server.auth.sign_out(who)
        return no_content(CLEAR)
    await server.ww.sessions.end(wanted)
    return no_content()


async def _current(server: AuthServer, who: Principal) -> dict[str, Any]:
    own = {"subject": who.subject, "scopes": sorted(who.scopes), "roles": sorted(who.roles), "auth_time": who.auth_time}
    for info in await server.ww.sessions.list(who.subject):
        if info.session_id == who.session_id:
            return own | asdict(info)
    return own | {"session_id": who.session_id, "created_at": who.issued_at, "expires_at": who.expires_at}


def _shown(info: SessionInfo, who: Principal) -> dict[str, Any]:
    return asdict(info) | {"current": info.session_id == who.session_id}
