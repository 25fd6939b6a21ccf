"""Client authentication (RFC 6749 §2.3): one place for every endpoint that asks which client is calling."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Iterable, Mapping
from hashlib import sha256

from msgspec import Struct
from starlette.requests import Request

from ..config import ClientSettings
from ..crypto.digest import same
from ..errors import ConfigurationError
from .bodies import form_text
from .oauth_error import OAuthError, invalid_request

FIRST_PARTY = "first-party"
"""The client that asks when no ``client_id`` is named: the application's own."""

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOBODY = "0" * 64
_CHALLENGE = 'Basic realm="watchword", charset="UTF-8"'


class Client(Struct, frozen=True):
    """Who is calling. A public client only says so; a confidential one has proved it."""

    id: str
    confidential: bool = False
    audience: str | None = None
    """Where set, this client is a resource server and is told about access tokens for this audience alone."""
    revocations: bool = False
    """Whether it may read the revocation feed."""


class Clients:
    """The confidential clients of the configuration. Raises: ConfigurationError for a bad digest or id."""

    def __init__(self, settings: Iterable[ClientSettings]) -> None:
        self._known: dict[str, ClientSettings] = {}
        for one in settings:
            if not is_client_id(one.id) or one.id in self._known:
                raise ConfigurationError(
                    f"the client id {one.id!a:.80} is not 1 to 255 visible ASCII characters, or comes twice"
                )
            if not _HEX_DIGEST.fullmatch(one.secret_sha256):
                raise ConfigurationError(
                    f"the secret_sha256 of {one.id} is not a hex SHA-256; make it with: printf %s SECRET | sha256sum"
                )
            self._known[one.id] = one

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._known

    def confidential(self, request: Request, form: Mapping[str, str]) -> Client:
        """The client, by its secret. Raises: OAuthError 401 ``invalid_client``; 400 for two ways to say who it is."""
        client = self.any(request, form)
        if not client.confidential:
            raise _invalid_client("no client authentication")
        return client

    def any(self, request: Request, form: Mapping[str, str]) -> Client:
        """The client, by its secret, or a public one by its ``client_id``. Raises: OAuthError 400, 401."""
        if "client_assertion" in form or "client_assertion_type" in form:
            raise _invalid_client("client assertions are not accepted here")
        headers = request.headers.getlist("authorization")
        if len(headers) > 1:
            raise invalid_request("The request has two Authorization headers.")
        scheme, _, credentials = (headers[0] if headers else "").partition(" ")
        if scheme.lower() == "basic":
            if "client_secret" in form:
                raise invalid_request("The client authenticates in two ways; use one.")
            name, secret = _basic(credentials)
            if form.get("client_id", name) != name:
                raise invalid_request("The request names two clients.")
            return self._proved(name, secret)
        if "client_secret" in form:
            return self._proved(form.get("client_id", ""), form["client_secret"])
        name = form.get("client_id", FIRST_PARTY)
        if name in self._known:
            raise _invalid_client("this client must authenticate")
        return Client(name)

    def _proved(self, name: str, secret: str) -> Client:
        known = self._known.get(name)
        right = same(sha256(secret.encode()).hexdigest(), known.secret_sha256 if known is not None else _NOBODY)
        if known is None or not right:
            raise _invalid_client("unknown client or wrong secret")
        return Client(known.id, confidential=True, audience=known.audience, revocations=known.revocations)


def is_client_id(name: str) -> bool:
    """1 to 255 characters of visible ASCII (RFC 6749 appendix A.1, without the space)."""
    return 0 < len(name) <= 255 and name.isascii() and name.isprintable() and " " not in name


def _basic(credentials: str) -> tuple[str, str]:
    """Id and secret, each form-encoded before they were joined (RFC 6749 §2.3.1)."""
    try:
        name, colon, secret = b64decode(credentials.encode("ascii"), validate=True).partition(b":")
        if not colon:
            raise ValueError
        return form_text(name), form_text(secret)
    except (ValueError, BinasciiError, UnicodeEncodeError, OAuthError):
        raise _invalid_client("the Basic credentials cannot be read") from None


def _invalid_client(hint: str) -> OAuthError:
    return OAuthError(
        "invalid_client",
        "Client authentication failed.",
        http_status=401,
        hint=f"invalid_client: {hint}",
        challenge=_CHALLENGE,
    )
