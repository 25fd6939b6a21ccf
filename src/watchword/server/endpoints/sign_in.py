"""``POST /account/sign-in`` and ``POST /account/sign-out``: a password becomes a session, and the way back."""

from __future__ import annotations

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ..accounts.accounts import InvalidCredentialsError
from ..auth_server import AuthServer
from ..bodies import read_either, read_form
from ..oauth_error import OAuthError, invalid_request
from ..replies import json_reply, see_other
from .landing import page

WRONG = "Wrong user name or password."


class SignIn(Struct, forbid_unknown_fields=True):
    """The body: JSON, or a form. ``subject`` is another word for ``username``."""

    password: str
    username: str | None = None
    subject: str | None = None
    remember: bool = False

    def __repr__(self) -> str:
        return "SignIn(...)"


async def sign_in(server: AuthServer, request: Request) -> Response:
    """200 and the session as JSON (a form: 303 to ``/``), with the cookie. The token stands in the cookie alone.

    401 ``invalid_credentials``, the same for an unknown user, a disabled one and a wrong password; 403 ``csrf`` for a
    request from another site; 429 while too many passwords are being checked.
    """
    server.check_sender()
    asked, is_form = await read_either(request, SignIn)
    name = asked.username if asked.username is not None else asked.subject
    if name is None or (asked.username is not None and asked.subject is not None):
        raise invalid_request("Name the user once: as username, or as subject.")
    try:
        account = await server.accounts.check(name, asked.password)
        issued = await server.auth.sign_in(
            account.subject, roles=account.roles, scopes=account.scopes, remember=asked.remember
        )
        await server.accounts.ensure_unchanged(account)
    except InvalidCredentialsError:
        if is_form and "text/html" in request.headers.get("accept", ""):
            return await page(server, problem=WRONG, status=401)
        raise OAuthError("invalid_credentials", WRONG, http_status=401) from None
    if is_form:
        return see_other("/")
    return json_reply({"subject": issued.subject, "session_id": issued.session_id, "expires_at": issued.expires_at})


async def sign_out(server: AuthServer, request: Request) -> Response:
    """303 to ``/`` and the cookie cleared: what the button of the landing page does. Signed out already is fine."""
    server.check_sender()
    await read_form(request)
    who = await server.whoever()
    if who is not None and who.kind == "session":
        await server.auth.sign_out(who)
    return see_other("/")
