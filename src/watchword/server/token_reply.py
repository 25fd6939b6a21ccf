"""The token response of RFC 6749 §5.1: an access token derived from a refresh token, and both in one JSON object."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ..errors import ConfigurationError
from ..tokens.base import Issued
from .auth_server import AuthServer
from .oauth_error import invalid_request
from .replies import json_reply

FORMATS = ("jwt", "paseto", "opaque")
"""How an access token may be asked for; ``opaque`` is a kind of its own, which the store answers for."""


def ensure_signer(server: AuthServer, format: str | None) -> None:
    """Raise OAuthError 400 if no active key writes this format; to be asked before anything is spent."""
    if format == "opaque":
        return
    try:
        server.ww.ring.active("sign", format=format)
    except ConfigurationError as error:
        raise invalid_request("This server has no key for that format.", hint=str(error)) from None


async def token_reply(server: AuthServer, refresh: Issued, format: str | None) -> Response:
    """An access token of the refresh token's family and session, so that whatever ends those ends it, too."""
    derived: dict[str, Any] = {
        "scopes": refresh.scopes,
        "client_id": str(refresh.client_id),
        "session_id": refresh.session_id,
        "family_id": refresh.family_id,
        "roles": refresh.roles,
        "rev": refresh.rev,
        "bind": refresh.jkt,
        "fpt": refresh.fpt,
        "auth_time": refresh.auth_time,
    }
    if format == "opaque":
        access = await server.ww.opaque_access.issue(refresh.subject, **derived)
    else:
        access = server.ww.access.issue(refresh.subject, format=format, **derived)
    body = {
        "access_token": access.token,
        "token_type": "Bearer" if access.jkt is None else "DPoP",
        "expires_in": access.expires_at - server.ww.clock.now(),
        "refresh_token": refresh.token,
        "scope": " ".join(sorted(access.scopes)),
    }
    return json_reply(body, headers={"pragma": "no-cache"})
