"""``GET /revocations``: what was revoked after a place in the feed, signed for who asked; held until there is news."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ...revocation.answer import MEDIA_TYPE, question_of
from ..auth_server import AuthServer
from ..oauth_error import OAuthError


async def revocations(server: AuthServer, request: Request) -> Response:
    """200, the answer of docs/reference/revocation-feed.md. Only clients that may read the feed, by Basic.

    400 ``invalid_request`` for a question that is none; 401 ``invalid_client``; 403 ``access_denied``; 503.
    """
    client = server.clients.confidential(request, {})
    if not client.revocations:
        raise OAuthError("access_denied", "This client may not read the feed of revocations.", http_status=403)
    answer = await server.feed.answer(question_of(request.scope["query_string"]))
    return Response(answer, media_type=MEDIA_TYPE)
