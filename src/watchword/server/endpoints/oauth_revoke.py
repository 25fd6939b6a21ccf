"""``POST /oauth/revoke`` (RFC 7009): a client gives a token back. 200 means it is written down that it is dead."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ...errors import TokenError
from ..auth_server import AuthServer
from ..bodies import read_oauth_form
from ..oauth_error import invalid_request


async def revoke(server: AuthServer, request: Request) -> Response:
    """200 and no body, also for a token that is unknown, dead or nobody's. A refresh token takes its family along.

    ``token_type_hint`` changes nothing: a token shows by itself of which type it is. Another client's token: a
    confidential client gets 400, a public one 200 with nothing done, so that nobody learns of tokens by asking.
    """
    form = await read_oauth_form(request)
    client = server.clients.any(request, form)
    if "token" not in form:
        raise invalid_request("token is missing.")
    token = form["token"]
    try:
        owner = await _owner(server, token)
        if owner == client.id:
            await server.ww.revoke(token=token)
        elif client.confidential:
            raise invalid_request("The token was not issued to this client.")
    except TokenError:
        pass
    return Response()


async def _owner(server: AuthServer, token: str) -> str | None:
    """The client a token of ours was issued to. Raises: TokenError for one that is not good, or no client's."""
    if token.startswith(server.ww.refresh.prefix):
        return (await server.ww.refresh.family_of(token)).client_id
    if token.startswith(server.ww.opaque_access.prefix):
        return str((await server.ww.opaque_access.introspect(token))["client_id"])
    return (await server.ww.access.authenticate(token)).client_id
