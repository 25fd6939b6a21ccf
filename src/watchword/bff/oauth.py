"""Tokens of an authorization server: its token endpoint (RFC 6749 §6), and its revocation endpoint (RFC 7009)."""

from __future__ import annotations

import logging
import ssl
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

from ..encoding import json_object
from ..errors import ConfigurationError, MalformedTokenError, UnavailableError
from .base import GrantRefusedError, Tokens, Want
from .wire import Outside, UnreachableError, Wire

log = logging.getLogger("watchword.bff")

SECONDS = 5.0
MAX_BODY = 65_536
_NEVER = frozenset({"invalid_scope", "invalid_target", "unauthorized_client", "unsupported_grant_type"})


class OAuthTokens:
    """What a confidential client may do with a refresh token at its authorization server.

    Parameters: token_endpoint, revocation_endpoint: https (http on this machine with ``allow_loopback``). client_id,
    client_secret: sent as HTTP Basic (RFC 6749 §2.3.1). tls: a context of your own, for a private certificate
    authority. A ``want`` with an audience asks for it as ``resource`` (RFC 8707), with scopes as ``scope``.
    """

    patience = SECONDS

    def __init__(
        self,
        token_endpoint: str,
        *,
        client_id: str,
        client_secret: str,
        revocation_endpoint: str | None = None,
        allow_loopback: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if not client_id or not client_secret:
            raise ConfigurationError("a BFF is a confidential client: client_id, client_secret")
        for url in (token_endpoint, revocation_endpoint):
            if url is not None:
                Outside.of(url, allow_loopback=allow_loopback)
        self._tokens, self._revocation = token_endpoint, revocation_endpoint
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
        self._authorization = b"Basic " + b64encode(pair.encode())
        self._wire = Wire(tls=tls)

    async def refresh(self, refresh_token: str, want: Want) -> Tokens:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if want.audience is not None:
            form["resource"] = want.audience
        if want.scopes:
            form["scope"] = " ".join(want.scopes)
        status, said = await self._post(self._tokens, form)
        if status == 200:
            return _tokens(said)
        error = said.get("error")
        word = ascii(error)[:80]
        if status in (400, 401) and error == "invalid_grant":
            raise GrantRefusedError("the authorization server says invalid_grant")
        if status == 400 and error in _NEVER:
            raise ConfigurationError(f"the authorization server will not give what a route wants: {word}")
        log.error("the token endpoint answers %d, %s", status, word)
        raise UnavailableError(f"the authorization server does not refresh now: {status}, {word}")

    async def revoke(self, refresh_token: str) -> None:
        if self._revocation is None:
            return
        form = {"token": refresh_token, "token_type_hint": "refresh_token"}
        status, _ = await self._post(self._revocation, form)
        if status != 200:
            raise UnavailableError(f"the revocation endpoint answers {status}")

    async def close(self) -> None:
        await self._wire.close()

    async def _post(self, url: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        headers = [
            (b"accept", b"application/json"),
            (b"accept-encoding", b"identity"),
            (b"authorization", self._authorization),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ]
        try:
            status, body = await self._wire.ask(
                "POST", url, headers, urlencode(form).encode(), seconds=SECONDS, most=MAX_BODY
            )
        except UnreachableError as error:
            raise UnavailableError(f"the authorization server does not answer: {error}") from error
        try:
            return status, json_object(body) if body else {}
        except MalformedTokenError:
            return status, {}

    def __repr__(self) -> str:
        return f"OAuthTokens({self._tokens!r})"


def _tokens(said: Mapping[str, Any]) -> Tokens:
    """The answer of RFC 6749 §5.1. Raises: UnavailableError for what is none."""
    access, refresh = said.get("access_token"), said.get("refresh_token")
    life, sort = said.get("expires_in"), said.get("token_type")
    sound = _is_token(access) and (refresh is None or _is_token(refresh))
    if isinstance(life, float) and life.is_integer():
        life = int(life)
    if not sound or not (life is None or (type(life) is int and 0 < life < 10**9)):
        raise UnavailableError("the authorization server gave an answer that is none")
    if not isinstance(sort, str) or sort.lower() != "bearer":
        raise UnavailableError("the authorization server gave a token that is no bearer token")
    return Tokens(access_token=str(access), expires_in=life, refresh_token=refresh)


def _is_token(text: object) -> bool:
    """RFC 6750 §2.1 has fewer characters, RFC 6749 appendix A.12 has these."""
    return isinstance(text, str) and text != "" and text.isascii() and text.isprintable() and " " not in text
