"""Replies: JSON, redirects and refusals, all written in one place; the shield adds the headers they share."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from ..encoding import dump_json
from ..errors import WatchwordError
from ..integrations import visit
from .oauth_error import OAuthError

log = logging.getLogger("watchword.server")


def json_reply(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(dump_json(content), status, dict(headers or {}), "application/json")


def no_content(headers: Mapping[str, str] | None = None) -> Response:
    return Response(status_code=204, headers=headers)


def see_other(path: str) -> Response:
    """The browser goes on to one of our own pages."""
    return Response(status_code=303, headers={"location": path})


def refusal(error: WatchwordError) -> Response:
    """What a caller outside may learn of an error; the log learns why."""
    if isinstance(error, OAuthError):
        log.info("%s: %s", error.error, error)
        body = {"error": error.error, "error_description": error.description}
        return json_reply(body, error.http_status, error.headers)
    reply = visit.refusal(error)
    response = Response(reply.body, reply.status)
    response.raw_headers = list(reply.headers)
    return response
