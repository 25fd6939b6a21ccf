"""``POST /oauth/token`` (RFC 6749 §6): a refresh token becomes its successor and a new access token."""

from __future__ import annotations

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from ...errors import ConfigurationError, InsufficientScopeError, ProofError, TokenError
from ...tokens.base import words
from ...web.challenge import DESCRIPTIONS
from ..auth_server import AuthServer
from ..bodies import read_oauth_form
from ..oauth_error import OAuthError, invalid_request
from ..token_reply import FORMATS, ensure_signer, token_reply


async def exchange(server: AuthServer, request: Request) -> Response:
    """200, the token response. ``grant_type`` is ``refresh_token``; ``scope`` narrows the access token alone;
    ``access_token_format`` (``jwt``, ``paseto``, ``opaque``) is ours. A public client names itself by the family's
    ``client_id``. A DPoP proof binds the access token to its key; a family that is bound wants one by the same key
    (RFC 9449 §5).

    400 ``invalid_request``, ``unsupported_grant_type``, ``invalid_scope``, ``invalid_dpop_proof``, ``use_dpop_nonce``
    (all without any change) and ``invalid_grant``; 401 ``invalid_client``; 403 ``insufficient_user_authentication`` for
    a changed device, where that is to matter; 503 when the store does not answer: keep the token and try again.
    """
    form = await read_oauth_form(request)
    if "grant_type" not in form:
        raise invalid_request("grant_type is missing.")
    if form["grant_type"] != "refresh_token":
        raise OAuthError("unsupported_grant_type", "The only grant here is refresh_token.")
    client = server.clients.any(request, form)
    if "refresh_token" not in form:
        raise invalid_request("refresh_token is missing.")
    format = form.get("access_token_format")
    if format is not None and format not in FORMATS:
        raise invalid_request(f"access_token_format is one of {', '.join(FORMATS)}.")
    ensure_signer(server, format)
    proof, token = server.proof(), form["refresh_token"]
    try:
        if server.ww.binding.takes_fingerprints:
            family = await server.ww.refresh.unproven(token)
            await server.ww.binding.check_device(server.visit.connection, family, server.ww.end)
        rotated = await server.ww.refresh.rotate(token, client_id=client.id, scopes=_scopes(form), proof=proof)
    except InsufficientScopeError as error:
        raise _wider(str(error)) from None
    except ProofError as error:
        raise OAuthError(error.public, DESCRIPTIONS[error.public], hint=str(error)) from None
    except TokenError as error:
        hint = f"{error.code}: {error}"
        raise OAuthError("invalid_grant", "The refresh token is not good; sign in again.", hint=hint) from None
    if proof is not None:
        rotated = replace(rotated, jkt=proof.jkt)
    return await token_reply(server, rotated, format)


def _scopes(form: dict[str, str]) -> list[str] | None:
    """The words of ``scope``. Raises: OAuthError for what cannot be a scope."""
    if "scope" not in form:
        return None
    try:
        return words(form["scope"].split(" "), "scopes")
    except ConfigurationError as error:
        raise _wider(str(error)) from None


def _wider(hint: str) -> OAuthError:
    return OAuthError("invalid_scope", "The scope is malformed, or wider than what was granted.", hint=hint)
