"""``POST /account/tokens``: a session gets an access token, and a refresh token of a family that ends with it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ..auth_server import AuthServer
from ..bodies import read_json
from ..clients import FIRST_PARTY, is_client_id
from ..oauth_error import OAuthError, invalid_request
from ..token_reply import ensure_signer, token_reply


class Wanted(Struct, forbid_unknown_fields=True):
    """The body. Without ``scopes``: all that the user has."""

    format: Literal["jwt", "paseto", "opaque"] | None = None
    scopes: list[str] | None = None
    client_id: str = FIRST_PARTY


async def mint(server: AuthServer, request: Request) -> Response:
    """200 ``{"access_token", "token_type", "expires_in", "refresh_token", "scope"}``. Only a session cookie may ask.

    With a DPoP proof, both tokens are bound to its key. 400 ``invalid_scope`` for more than the user has,
    ``invalid_dpop_proof`` and ``use_dpop_nonce``; 401 and 403 as everywhere under /account.
    """
    who = await server.signed_in()
    wanted = await read_json(request, Wanted)
    scopes = who.scopes if wanted.scopes is None else frozenset(wanted.scopes)
    if not scopes <= who.scopes:
        raise OAuthError("invalid_scope", "The user does not have all of these scopes.")
    if not is_client_id(wanted.client_id) or wanted.client_id in server.clients:
        raise invalid_request(
            "client_id is no public client's: 1 to 255 visible ASCII characters, and no secret of its own."
        )
    ensure_signer(server, wanted.format)
    proof = server.proof()
    ends = [info.ends_at for info in await server.ww.sessions.list(who.subject) if info.session_id == who.session_id]
    refresh = await server.ww.refresh.issue(
        who.subject,
        client_id=wanted.client_id,
        session_id=who.session_id,
        device=server.visit.device,
        scopes=scopes,
        roles=who.roles,
        auth_time=who.auth_time,
        rev=who.rev,
        ends_at=min(ends, default=who.expires_at),
        bind=None if proof is None else proof.jkt,
        fpt=who.fpt,
    )
    return await token_reply(server, refresh, wanted.format)
