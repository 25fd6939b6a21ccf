"""What a proxy says in its own name: the shape of every refusal, with the statuses that only a proxy has."""

from __future__ import annotations

from json import dumps

from ..web.messages import Reply

_SAID = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
    413: ("too_large", "The body is larger than this address takes."),
    500: ("server_error", "The server cannot answer this request."),
    502: ("bad_gateway", "The service behind this address did not answer well; try again later."),
    503: ("temporarily_unavailable", "The service behind this address cannot answer right now; try again."),
    504: ("gateway_timeout", "The service behind this address did not answer in time; try again later."),
}


def reply(status: int, *more: tuple[bytes, bytes]) -> Reply:
    """The reply of that status. ``more``: headers of its own."""
    error, description = _SAID[status]
    body = dumps({"error": error, "error_description": description}).encode("ascii")
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *more,
    ]
    return Reply(status, headers, body)


class AnsweredError(Exception):
    """The request ends here, with this reply."""

    def __init__(self, status: int, *more: tuple[bytes, bytes]) -> None:
        super().__init__(str(status))
        self.reply = reply(status, *more)
