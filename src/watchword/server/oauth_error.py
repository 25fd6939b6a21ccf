"""OAuthError: an answer of RFC 6749 §5.2, with what is public kept apart from what is for the log."""

from __future__ import annotations

from ..errors import WatchwordError


class OAuthError(WatchwordError):
    """The request is refused with ``{"error": error, "error_description": description}``.

    ``error`` and ``description`` leave the process; ``hint`` goes into the log and never holds a secret. ``challenge``
    is the WWW-Authenticate header of a 401, ``nonce`` the DPoP-Nonce that the next proof is to hold.
    """

    code = "oauth"

    def __init__(
        self,
        error: str,
        description: str,
        *,
        http_status: int = 400,
        hint: str = "",
        challenge: str | None = None,
        nonce: str | None = None,
    ) -> None:
        super().__init__(hint or description, reason=error)
        self.error = error
        self.description = description
        self.http_status = http_status
        headers = {"www-authenticate": challenge, "dpop-nonce": nonce}
        self.headers = {name: value for name, value in headers.items() if value is not None}


def invalid_request(description: str, *, http_status: int = 400, hint: str = "") -> OAuthError:
    """The request itself is malformed: a body, a parameter, a size."""
    return OAuthError("invalid_request", description, http_status=http_status, hint=hint)
